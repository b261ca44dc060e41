"""Models of consensus, simulated message by message, against what can be worked out on paper."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import islice, pairwise, product
from typing import Any

import numpy as np
import pytest

from chainward.errors import ChainwardError, UnknownName
from chainward.ledgers import build
from chainward.ledgers.consensus import MODELS, Periodic, Poisson, Spaced, block_times, parameters
from chainward.ledgers.consensus.authority import Authority
from chainward.ledgers.consensus.committee import Committee
from chainward.ledgers.consensus.pbft import PBFT
from chainward.ledgers.consensus.raft import Raft
from chainward.ledgers.consensus.stake import Stake
from chainward.ledgers.consensus.work import Work
from chainward.methods.mining import race
from chainward.methods.randomness import stream

HARD: dict[str, dict[str, Any]] = {
    "poa": {"silent": 1},
    "pow": {"delay_s": 2.0},
    "pbft": {"silent": 1},
    "raft": {"leader_crashes": 0.2},
    "pos": {"missed": 0.2},
    "committee": {"bad": 6},
}
CASES = [*((name, {}) for name in MODELS), *HARD.items()]


def within_three_errors(values: Any, expected: float) -> None:
    error = float(np.std(values)) / math.sqrt(len(values))
    assert abs(float(np.mean(values)) - expected) <= 3 * error


# ------------------------------------------------------------------------------------- behind a ledger


@pytest.mark.parametrize(("name", "params"), CASES)
def test_every_model_makes_blocks_one_after_another(name: str, params: dict[str, Any]) -> None:
    blocks = block_times(name, 1, params)
    times = [blocks.time(number) for number in range(80)]
    assert times[0] == 0.0
    assert all(earlier < later for earlier, later in pairwise(times))
    for number, (made, following) in enumerate(pairwise(times)):
        assert blocks.newest(made) == blocks.newest((made + following) / 2) == number


@pytest.mark.parametrize(("name", "params"), CASES)
def test_the_same_seed_gives_the_same_blocks_asked_in_any_order(name: str, params: dict[str, Any]) -> None:
    one, other = block_times(name, 3, params), block_times(name, 3, params)
    late = other.newest(200.0)
    assert [one.time(number) for number in range(late + 1)] == [other.time(number) for number in range(late + 1)]


@pytest.mark.parametrize("name", [name for name, params in CASES if params or name in ("pow", "pbft", "raft")])
def test_another_seed_gives_other_blocks(name: str) -> None:
    one, other = (block_times(name, seed, HARD[name]) for seed in (0, 1))
    assert [one.time(number) for number in range(31)] != [other.time(number) for number in range(31)]


def test_a_missed_slot_makes_the_next_block_wait_for_the_one_after() -> None:
    model = Stake(slot_s=12.0, missed=0.25)
    blocks = model.blocks(5)
    gaps = np.diff([blocks.time(number) for number in range(4_000)])
    assert {gap % 12.0 for gap in gaps.tolist()} == {0.0}
    within_three_errors(gaps, model.expected_gap())
    assert Stake().blocks(0) == Periodic(12.0)


def test_the_defaults_are_those_of_the_two_chains_people_know() -> None:
    assert block_times("poa", 0) == Periodic(5.0)
    mined, plain = block_times("pow", 7), Poisson(13.0, 7)
    assert [mined.time(number) for number in range(50)] == [plain.time(number) for number in range(50)]


@pytest.mark.parametrize("name", MODELS)
def test_a_ledger_takes_the_models_parameters(name: str) -> None:
    ledger = build("evm", {"consensus": name, "gas_limit": 1_000_000, **HARD[name]}, 0, ())
    assert ledger.wait(3, 0.0) == block_times(name, 0, HARD[name]).time(3)
    with pytest.raises(
        ChainwardError, match=rf"no parameter 'zork'; it has consensus, gas_limit, {parameters(name)[0]}"
    ):
        build("evm", {"consensus": name, "zork": 1}, 0, ())


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("poa", {"zork": 1}, "consensus poa has no parameter 'zork'; it has period_s, signers, silent"),
    ("poa", {"period_s": "5"}, "ledger.period_s: must be a number of 0 or more, not '5'"),
    ("poa", {"signers": 4.5}, "ledger.signers: must be a whole number of 0 or more, not 4.5"),
    ("pow", {"mean_s": True}, "ledger.mean_s: must be a number"),
    ("pow", {"mean_s": math.inf}, "ledger.mean_s: must be a number"),
    ("pbft", {"delay_s": -1.0}, "ledger.delay_s: must be a number of 0 or more"),
    ("poa", {"period_s": 0.0}, "period_s must be above 0"),
    ("poa", {"silent": 2}, "fewer than 3 of 4 signers sign"),
    ("pow", {"mean_s": 0.0}, "mean_s must be above 0"),
    ("pow", {"miners": 0}, "there must be a miner"),
    ("pbft", {"replicas": 5}, "replicas must be 3 f"),
    ("pbft", {"replicas": 1}, "replicas must be 3 f"),
    ("pbft", {"silent": 2}, "4 replicas bear 1 silent ones"),
    ("pbft", {"jitter": 1.5}, "jitter is at most 1"),
    ("pbft", {"timeout_s": 0.1}, "timeout_s must leave time"),
    ("pos", {"slot_s": 0.0}, "slot_s must be above 0"),
    ("pos", {"missed": 1.0}, "missed may be 0.99 at most"),
    ("raft", {"crashed": 3}, "5 nodes lack a majority"),
    ("raft", {"crashed": 2, "leader_crashes": 0.1}, "5 nodes lack a majority"),
    ("raft", {"nodes": 0}, "0 nodes lack a majority"),
    ("raft", {"jitter": 2.0}, "at most 1"),
    ("raft", {"leader_crashes": 2.0}, "at most 1"),
    ("raft", {"timeout_s": 0.1}, "timeout_s must leave time"),
    ("committee", {"quorum": 5}, "must not fall"),
    ("committee", {"quorum": 0}, "must not fall"),
    ("committee", {"nodes": 3}, "must not fall"),
    ("committee", {"bad": 18}, "no committee has a quorum"),
]


@pytest.mark.parametrize(("name", "params", "complaint"), REFUSED)
def test_what_makes_no_chain_is_refused(name: str, params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ChainwardError) as refused:
        block_times(name, 0, params)
    assert complaint in str(refused.value)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownName, match="'poet'; there is poa, pow, pos, pbft, raft, committee"):
        block_times("poet", 0)


def test_simpy_is_not_loaded_for_a_page_of_help() -> None:
    code = "import sys, chainward.cli, chainward.ledgers.consensus; sys.exit('simpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_spaced_blocks_are_made_as_they_are_asked_for() -> None:
    made: list[int] = []

    def gaps() -> Any:
        for number in range(1, 100):
            made.append(number)
            yield float(number)

    blocks = Spaced(gaps())
    assert blocks.time(3) == 6.0
    assert made == [1, 2, 3]
    assert blocks.newest(5.9) == 2
    assert blocks.newest(6.0) == 3


# ------------------------------------------------------------------------------------- proof of authority


def test_signers_take_turns_at_the_period() -> None:
    for signers in (1, 2, 5):
        blocks = list(islice(Authority(signers=signers).signed(stream("turns", signers)), 20))
        assert [block.signer for block in blocks] == [number % signers for number in range(1, 21)]
        assert [block.time for block in blocks] == pytest.approx([5.0 * number for number in range(1, 21)])


@pytest.mark.parametrize(("signers", "silent"), [(4, 0), (4, 1), (5, 2), (9, 2)])
def test_a_signer_signs_once_in_a_majority_of_blocks(signers: int, silent: int) -> None:
    model = Authority(signers=signers, silent=silent)
    signed = [block.signer for block in islice(model.signed(stream("rest", signers)), 300)]
    windows = (signed[start : start + model.rest] for start in range(300 - model.rest))
    assert all(len(set(window)) == model.rest for window in windows)
    assert set(signed) == set(range(silent, signers))


def test_who_is_not_in_turn_holds_back() -> None:
    model = Authority(signers=9, silent=2)
    blocks = list(islice(model.signed(stream("hold back")), 2_000))
    gaps = np.diff([0.0, *(block.time for block in blocks)])
    in_turn = np.array([number % 9 == block.signer for number, block in enumerate(blocks, 1)])
    assert 0.1 < in_turn.mean() < 0.9
    np.testing.assert_allclose(gaps[in_turn], 5.0)
    assert np.all((gaps[~in_turn] > 5.0) & (gaps[~in_turn] <= 5.0 + model.wiggle_s))
    within_three_errors(gaps[~in_turn], model.expected_gap())


def test_the_wait_for_a_block_and_its_confirmations() -> None:
    """The digest: T = 5 s and one confirmation make 7.5 s on average."""
    assert Authority().expected_wait(1) == 7.5
    blocks, sent = block_times("poa", 0), stream("wait").uniform(0, 5_000, 2_000)
    for confirmations in (0, 1, 6):
        waits = [blocks.time(blocks.newest(at) + 1 + confirmations) - at for at in sent]
        within_three_errors(waits, Authority().expected_wait(confirmations))


# ------------------------------------------------------------------------------------- proof of work


def test_without_delay_miners_together_are_a_poisson_process() -> None:
    """The blocks of the ledger, of ten miners and of their race are the same process."""
    heights = list(islice(Work(miners=10).grown(stream("no delay")), 1_500))
    gaps = np.diff([0.0, *(height.time for height in heights)])
    within_three_errors(gaps, 13.0)
    assert np.std(gaps) == pytest.approx(13.0, rel=0.1)
    assert heights[-1].found == 1_500  # no forks
    within_three_errors([race(1 / 130, [0.0] * 10, stream("race", number)).mining for number in range(500)], 13.0)


def test_forks_slow_the_chain_and_not_the_miners() -> None:
    model = Work(mean_s=2.0, miners=10, delay_s=3.0)
    heights = list(islice(model.grown(stream("forks")), 2_000))
    gap, error = heights[-1].time / 2_000, 2.0 / math.sqrt(2_000)
    assert model.mean_s + 3 * error < gap < model.slowest_gap() + 3 * error
    assert heights[-1].time / heights[-1].found == pytest.approx(2.0, rel=3 / math.sqrt(heights[-1].found))
    assert heights[-1].found > 2_500


def test_one_miner_never_forks() -> None:
    heights = list(islice(Work(miners=1, delay_s=60.0).grown(stream("alone")), 200))
    assert [height.found for height in heights] == list(range(1, 201))


# ------------------------------------------------------------------------------------- PBFT


@pytest.mark.parametrize(("replicas", "messages"), [(4, 24), (7, 84), (10, 180)])
def test_pbft_takes_four_delays_five_with_the_reply_and_2n_n_minus_1_messages(replicas: int, messages: int) -> None:
    model = PBFT(replicas, jitter=0.0)
    for block in range(replicas):
        found = model.agree(block, stream("pbft"))
        assert (found.messages, found.view) == (messages, 0)
        assert (found.committed, found.replied) == pytest.approx((4 * 0.05, 5 * 0.05))
    assert model.expected_messages == messages
    assert (model.quorum, model.faulty) == (2 * (replicas - 1) // 3 + 1, (replicas - 1) // 3)


@pytest.mark.parametrize(
    ("replicas", "silent", "block"), [(n, s, b) for n, s in ((4, 1), (7, 2), (10, 3)) for b in (0, s - 1, s)]
)
def test_silent_leaders_are_passed_over_each_after_twice_the_time(replicas: int, silent: int, block: int) -> None:
    model = PBFT(replicas, silent, jitter=0.0)
    silent_leaders = max(0, silent - block)
    found = model.agree(block, stream("view change"))
    assert found.view == silent_leaders
    assert found.committed == pytest.approx(model.expected_commit(silent_leaders))
    assert model.expected_commit(2) == pytest.approx(5 * 0.05 + 3 * 2.0)


def test_messages_that_take_their_time_commit_within_the_jitter() -> None:
    model = PBFT(7, jitter=0.3)
    found = [model.agree(block, stream("jitter", block)).committed for block in range(30)]
    assert all(4 * 0.05 * 0.7 <= seconds <= 4 * 0.05 * 1.3 for seconds in found)
    assert len(set(found)) == 30


def test_a_block_of_a_silent_leader_comes_late() -> None:
    blocks = block_times("pbft", 0, {"silent": 1, "jitter": 0.0})
    gaps = np.diff([blocks.time(number) for number in range(9)])  # replica 0 leads blocks 4 and 8
    np.testing.assert_allclose(gaps, [5.2, 5.2, 5.2, 7.25] * 2)


# ------------------------------------------------------------------------------------- Raft


@pytest.mark.parametrize(("nodes", "messages"), [(1, 0), (3, 4), (5, 8), (6, 10)])
def test_raft_commits_after_two_delays_with_2_n_minus_1_messages(nodes: int, messages: int) -> None:
    model = Raft(nodes, jitter=0.0)
    assert model.replicate(stream("raft")) == pytest.approx((0.1 if nodes > 1 else 0.0, messages))
    assert model.expected_messages == messages


@pytest.mark.parametrize(("nodes", "tolerated"), [(3, 1), (4, 1), (5, 2), (6, 2)])
def test_raft_bears_so_many_crashes_and_no_more(nodes: int, tolerated: int) -> None:
    model = Raft(nodes, tolerated, jitter=0.0)
    assert (model.tolerated, model.majority) == (tolerated, nodes // 2 + 1)
    assert model.replicate(stream("crashes")).committed == pytest.approx(0.1)
    with pytest.raises(ChainwardError, match="lack a majority"):
        Raft(nodes, tolerated + 1)


def test_a_majority_is_waited_for_and_not_the_slowest() -> None:
    model = Raft(nodes=5, jitter=0.9)
    rng = stream("majority")
    committed = [model.replicate(rng).committed for _ in range(300)]
    everybody = [Raft(nodes=2, jitter=0.9).replicate(rng).committed for _ in range(300)]
    assert np.mean(committed) < np.mean(everybody)


@pytest.mark.parametrize(("nodes", "crashed"), [(5, 0), (5, 1), (9, 0)])
def test_elections_take_the_first_of_the_timeouts_and_two_delays(nodes: int, crashed: int) -> None:
    model = Raft(nodes, crashed, delay_s=1e-4)
    found = [model.elect(stream("election", nodes, crashed, number)) for number in range(300)]
    within_three_errors([one.time for one in found], model.expected_election)
    assert {one.leader for one in found} == set(range(1, nodes - crashed))


def test_candidates_at_the_same_time_split_the_vote_and_another_term_decides() -> None:
    model = Raft(nodes=5, delay_s=0.2, timeout_s=1.0)
    found = [model.elect(stream("split", number)) for number in range(200)]
    assert any(one.term > 1 for one in found)
    assert any(one.candidates > 1 for one in found)
    assert np.mean([one.time for one in found if one.term > 1]) > np.mean([one.time for one in found if one.term == 1])


def test_a_crashed_leader_costs_a_block_an_election() -> None:
    model = Raft(leader_crashes=0.3)
    blocks = model.blocks(0)
    gaps = np.diff([blocks.time(number) for number in range(400)])
    within_three_errors((gaps > 5.5).astype(float), 0.3)


# ------------------------------------------------------------------------------------- committee


def test_the_probability_that_a_committee_fails() -> None:
    """The digest: 20 nodes, 6 of them bad, 4 drawn, more than 2 bad."""
    model = Committee(nodes=20, bad=6, members=4, quorum=2)
    assert model.failure == pytest.approx(0.0608875129, abs=1e-10)
    assert math.fsum(model.chance(bad) for bad in range(5)) == pytest.approx(1)
    rng = stream("committee")
    within_three_errors([float(model.draw(rng) > 2) for _ in range(4_000)], model.failure)


def test_small_committees_are_counted_out() -> None:
    """Every way to draw 2 of 4 nodes, 2 of them bad: both bad in one of six."""
    pairs = [pair for pair in product(range(4), repeat=2) if pair[0] < pair[1]]
    assert Committee(nodes=4, bad=2, members=2, quorum=1).failure == pytest.approx(pairs.count((0, 1)) / 6)
    assert Committee(nodes=4, bad=0, members=2, quorum=1).failure == 0
    assert Committee(nodes=4, bad=1, members=4, quorum=3).failure == 0


@pytest.mark.parametrize(("bad", "quorum"), [(0, 1), (0, 4), (0, 3), (6, 2), (6, 3)])
def test_a_committee_decides_with_the_last_vote_that_is_needed(bad: int, quorum: int) -> None:
    model = Committee(bad=bad, quorum=quorum)
    rng = stream("decide", bad, quorum)
    found = [model.decide(rng) for _ in range(1_000)]
    within_three_errors([one.time for one in found], model.expected_time)
    assert bad or not any(one.failed for one in found)


def test_checks_of_exponential_times_by_hand() -> None:
    """The second of three: mean * (1/3 + 1/2)."""
    assert Committee(nodes=3, members=3, quorum=2, check_s=6.0, delay_s=0.0).expected_time == pytest.approx(5.0)
