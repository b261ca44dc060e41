"""Proof of work: the laws by hand, the best rate by search, the simulated race against both."""

from __future__ import annotations

import math

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods import mining
from chainward.methods.mining import Terms, expected_latency, optimal_rate, race, races_until_one_wins
from chainward.methods.randomness import stream

HAND = Terms(miners=10, overhead=2.5, exposure=4.5)
DELAYS = [0.5] * 10
RATES = (0.01, 0.05, optimal_rate(HAND), 0.15, 0.25)

terms = st.builds(Terms, st.integers(2, 50), st.floats(0.01, 100), st.floats(0.01, 100))


def within_three_errors(values: list[float], expected: float) -> None:
    error = float(np.std(values)) / math.sqrt(len(values))
    assert abs(float(np.mean(values)) - expected) <= 3 * error


# ----------------------------------------------------------------------------------------------- laws


def test_hand_vectors_of_the_digest() -> None:
    assert mining.fork_probability(0.1, 0.5) == pytest.approx(0.0487705755, abs=1e-10)
    assert optimal_rate(HAND) == pytest.approx(0.0763788820, abs=1e-10)
    assert mining.numeric_rate(HAND) == pytest.approx(0.0763788798, abs=5e-9)
    assert expected_latency(optimal_rate(HAND), HAND) == pytest.approx(5.371679, abs=1e-6)
    assert mining.catch_up_probability(0.3, 6) == pytest.approx(0.0061967, abs=1e-6)


def test_the_recalled_rate_is_the_minimiser_of_an_exponent_with_one_delay_and_too_high_for_the_sum() -> None:
    recalled = mining.recalled_rate(10, 0.5, 2.0)
    assert recalled == pytest.approx(0.2635, abs=1e-4)
    assert recalled == pytest.approx(optimal_rate(HAND._replace(exposure=0.5)), rel=1e-12)
    assert expected_latency(recalled, HAND) == pytest.approx(9.43, abs=0.01)


@given(terms)
def test_the_closed_form_is_the_minimum_and_what_a_search_finds(some: Terms) -> None:
    best = optimal_rate(some)
    assert some.miners * some.overhead * some.exposure * best**2 + some.exposure * best == pytest.approx(1)
    assert mining.numeric_rate(some) == pytest.approx(best, rel=1e-5)
    least = expected_latency(best, some)
    assert all(expected_latency(best * factor, some) > least for factor in (0.5, 0.9, 1.1, 2.0))


@given(terms, st.floats(0.05, 20), st.floats(0.05, 20))
def test_the_latency_is_convex_in_the_rate(some: Terms, one: float, other: float) -> None:
    low, high = (optimal_rate(some) * factor for factor in (one, other))
    chord = (expected_latency(low, some) + expected_latency(high, some)) / 2
    assert expected_latency((low + high) / 2, some) <= chord * (1 + 1e-12)


def test_without_exposure_nothing_forks_and_the_latency_falls_with_the_rate() -> None:
    alone = HAND._replace(exposure=0.0)
    assert mining.fork_probability(5.0, 0.0) == 0
    assert optimal_rate(alone) == math.inf
    latencies = [expected_latency(rate, alone) for rate in (0.01, 0.1, 1.0, 10.0)]
    assert latencies == sorted(latencies, reverse=True)


# ----------------------------------------------------------------------------------------------- race


@pytest.mark.parametrize("rate", RATES)
def test_forks_and_latency_are_those_of_the_closed_forms(rate: float) -> None:
    rng = stream("races", rate)
    epochs = [races_until_one_wins(rate, DELAYS, rng) for _ in range(700)]
    tries = [one for epoch in epochs for one in epoch]
    within_three_errors([float(one.forked) for one in tries], mining.fork_probability(rate, HAND.exposure))
    within_three_errors([one.mining for one in tries], 1 / (10 * rate))
    latencies = [sum(HAND.overhead + one.mining for one in epoch) for epoch in epochs]
    within_three_errors(latencies, expected_latency(rate, HAND))
    assert all(one.forked for epoch in epochs for one in epoch[:-1])
    assert not any(epoch[-1].forked for epoch in epochs)


def test_the_best_simulated_rate_is_the_closed_forms() -> None:
    """Races of all rates with the same draws; a cubic in the logarithm of the rate has the minimum."""
    factors = (0.5, 0.7, 1.0, 1.4, 2.0)
    latencies = []
    for factor in factors:
        tries = mining.races(factor * optimal_rate(HAND), DELAYS, 20_000, stream("best rate"))
        latencies.append(float((HAND.overhead + tries.mining).sum() / (~tries.forked).sum()))
    slopes = np.polyder(np.polyfit(np.log(factors), np.log(latencies), 3))
    (best,) = [root for root in np.exp(np.roots(slopes)) if 0.5 < root < 2]
    assert best == pytest.approx(1, abs=0.1)
    assert latencies[2] <= 1.02 * min(latencies)


def test_delays_differ_by_miner() -> None:
    delays, rate, rng = [0.0, 0.1, 1.0, 3.0], 0.2, stream("uneven")
    tries = [race(rate, delays, rng) for _ in range(3_000)]
    law = np.mean([mining.fork_probability(rate, sum(delays) - delays[winner]) for winner in range(4)])
    within_three_errors([float(one.forked) for one in tries], float(law))
    assert {one.winner: one.spread for one in tries} == {0: 3.0, 1: 3.0, 2: 3.0, 3: 1.0}
    for miner in range(4):
        within_three_errors([float(one.winner == miner) for one in tries], 0.25)


def test_one_miner_or_no_delay_never_forks() -> None:
    rng = stream("no forks")
    assert not any(race(5.0, [0.5], rng).forked for _ in range(50))
    assert race(5.0, [0.5], rng).spread == 0
    assert not any(race(5.0, [0.0] * 10, rng).forked for _ in range(50))


def test_a_race_draws_one_number_a_miner() -> None:
    """So races of two rates can be run with the same draws: the slower is the same race in slow motion."""
    fast, slow = (race(rate, [0.0] * 5, stream("one draw")) for rate in (2.0, 1.0))
    assert slow.mining == pytest.approx(2 * fast.mining)
    assert slow.winner == fast.winner
    assert race(1.0, DELAYS, stream(3)) == race(1.0, DELAYS, stream(3)) != race(1.0, DELAYS, stream(4))


@pytest.mark.parametrize("delays", [DELAYS, [0.0, 0.1, 1.0, 3.0], [0.5], [0.0] * 5])
@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_many_races_at_once_are_the_same_races(rate: float, delays: list[float]) -> None:
    """Draw by draw, against the simulation event by event."""
    one_by_one, at_once = stream("many", rate), stream("many", rate)
    tries = [race(rate, delays, one_by_one) for _ in range(400)]
    found = mining.races(rate, delays, 400, at_once)
    assert found.winner.tolist() == [one.winner for one in tries]
    assert found.mining.tolist() == [one.mining for one in tries]
    assert found.forked.tolist() == [one.forked for one in tries]
    assert one_by_one.random() == at_once.random()


def test_a_rate_at_which_everything_forks_is_refused() -> None:
    with pytest.raises(ValueError, match="20 races in a row forked"):
        races_until_one_wins(1_000.0, DELAYS, stream("too fast"), most=20)


# ----------------------------------------------------------------------------------------------- work


@pytest.mark.parametrize("bits", [0, 1, 4, 8])
def test_the_nonce_is_the_first_whose_hash_is_small_enough(bits: int) -> None:
    header = keccak(text="header")
    nonce = mining.proof_of_work(header, bits)
    small = [int.from_bytes(keccak(header + number.to_bytes(32, "big")), "big") >> (256 - bits) == 0 if bits else True
             for number in range(nonce + 1)]  # fmt: skip
    assert small == [False] * nonce + [True]


@pytest.mark.parametrize(("share", "behind"), [(0.3, 1), (0.3, 2), (0.4, 3), (0.2, 0)])
def test_an_attacker_catches_up_with_the_probability_of_nakamoto(share: float, behind: int) -> None:
    rng = stream("attacker", share, behind)
    found = [float(mining.catches_up(share, behind, rng)) for _ in range(800)]
    within_three_errors(found, mining.catch_up_probability(share, behind))


def test_an_attacker_with_half_of_the_work_always_catches_up() -> None:
    assert mining.catch_up_probability(0.5, 9) == mining.catch_up_probability(0.7, 9) == 1
