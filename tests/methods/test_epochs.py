"""Epochs of BlockFL: parts repeated by forks, rates, and means over many."""

from __future__ import annotations

import math

import pytest

from chainward.methods import epochs, mining
from chainward.methods.randomness import stream

ONCE = epochs.Try(local=0.5, upload=0.25, cross_verification=1.25, propagation=0.5)
HAND = mining.Terms(miners=10, overhead=2.5, exposure=4.5)


def test_rates_are_the_best_the_recalled_and_the_one_that_is_used() -> None:
    best, recalled = mining.optimal_rate(HAND), mining.recalled_rate(10, 0.5, 2.0)
    assert epochs.rates(ONCE, 10) == {"rate used": best, "rate optimal": best, "rate recalled": recalled}
    assert epochs.rates(ONCE, 10, factor=2.0)["rate used"] == 2 * best
    assert epochs.rates(ONCE, 10, given=0.3, factor=2.0)["rate used"] == 0.3
    assert epochs.rates(ONCE._replace(propagation=0.0), 1, given=0.3) == {"rate used": 0.3}
    with pytest.raises(ValueError, match="give a block_rate"):
        epochs.rates(ONCE._replace(propagation=0.0), 1)


@pytest.mark.parametrize("rate", [1e-6, 0.6])
def test_a_fork_repeats_every_part(rate: float) -> None:
    winner, forks, figures = epochs.mined(ONCE, 10, rate, 0, stream(0, "epoch"))
    tries = mining.races_until_one_wins(rate, [0.5] * 10, stream(0, "epoch").spawn(1)[0])
    assert (winner, forks) == (tries[-1].winner, len(tries) - 1)
    assert (forks > 0) == (rate > 0.5)
    assert figures["mining"] == sum(one.mining for one in tries)
    assert {part: figures[part] for part in ONCE._fields} == {
        part: pytest.approx((forks + 1) * seconds) for part, seconds in ONCE._asdict().items()
    }
    assert figures["expected"] == mining.expected_latency(rate, HAND)


def test_further_races_tell_the_expected_latency() -> None:
    rate = mining.optimal_rate(HAND)
    sums: dict[str, float] = {}
    for number in range(3):
        figures = {**epochs.rates(ONCE, 10), **epochs.mined(ONCE, 10, rate, 20_000, stream(number, "epoch")).figures}
        sums = {name: sums.get(name, 0.0) + value for name, value in {**figures, "download": 0.125}.items()}
    told = epochs.means(sums, 3)
    assert told["simulated"]["latency_s"] == pytest.approx(5.371679, rel=0.02)
    assert told["latency_s"]["expected"] == pytest.approx(5.371679, abs=1e-6)
    assert told["latency_s"]["download"] == 0.125
    assert told["forks"]["races"] == told["forks"]["forks"] + 3
    assert told["rate"]["used"] == pytest.approx(rate)


def test_where_no_further_race_was_won_nothing_is_told_of_them() -> None:
    figures = {**epochs.mined(ONCE, 10, 0.1, 0, stream(0, "epoch")).figures, "download": 0.0}
    assert "simulated" not in epochs.means(figures, 1)
    assert math.isfinite(epochs.means(figures, 1)["latency_s"]["total"])
