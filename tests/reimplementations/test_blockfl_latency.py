"""BlockFL's latency against the paper's parts and its best block rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blockfl_trials import blockfl, lying, prepared
from papers import successive_blocks

from chainward.methods import mining
from chainward.testing import states


def latency(ready: Any, state: Any) -> Mapping[str, float]:
    told: Mapping[str, float] = ready.strategy.outcomes(state, ready.world)["latency_s"]
    return told


def timed(ready: Any, query: str) -> list[float]:
    """The seconds that each asking of this query will have taken."""
    ask, taken = ready.world.ask, []

    def noted(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        ready.world.chain.settle()
        before = ready.world.clock.now
        replies = ask(who, what, *arguments, **others)
        taken.extend([ready.world.clock.now - before] * (what.name == query))
        return replies

    ready.world.ask = noted
    return taken


def test_the_outcomes_add_up_and_are_on_the_clock() -> None:
    ready = prepared(rounds=4)
    *_, last = states(ready)
    told = ready.strategy.outcomes(last, ready.world)
    parts = dict(told["latency_s"])
    expected, total = parts.pop("expected"), parts.pop("total")
    assert set(parts) == {"local", "upload", "cross_verification", "mining", "propagation", "download"}
    assert total == pytest.approx(sum(parts.values()))
    assert expected > 0
    assert told["forks"]["races"] == told["forks"]["forks"] + 4
    assert set(told["rate"]) == {"used", "optimal", "recalled"}
    assert told["rate"]["used"] == told["rate"]["optimal"] < told["rate"]["recalled"]
    assert "simulated" not in told
    assert ready.world.clock.now > 4 * total
    assert sum(ready.world.clock.parts.values()) == pytest.approx(ready.world.clock.now)


def test_the_parts_are_the_papers_by_hand() -> None:
    """One miner's link: W log2(1 + 10) bits a second. Nothing forks at a rate this low."""
    ready = prepared(rounds=1, strategy=blockfl(block_rate=1e-6))
    before, checking = dict(ready.world.clock.parts), timed(ready, "check")
    opened, last = states(ready)
    told = ready.strategy.outcomes(last, ready.world)
    link, update = 300e3 * math.log2(11), 32 * ready.world.network.parameters
    spread = (200e3 + 4 * update) / link
    assert told["forks"] == {"forks": 0, "races": 1}
    assert told["latency_s"]["propagation"] == pytest.approx(spread)
    uploads = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "verify"]
    most = max([receipt.sender for receipt in uploads].count(miner) for miner in opened.miners)
    assert told["latency_s"]["cross_verification"] == pytest.approx(checking[0] + most * update / link)
    overhead = sum(told["latency_s"][part] for part in ("local", "upload", "cross_verification", "propagation"))
    terms = mining.Terms(10, overhead, 9 * spread)
    assert told["rate"]["optimal"] == pytest.approx(mining.optimal_rate(terms))
    assert told["rate"]["recalled"] == pytest.approx(mining.recalled_rate(10, spread, overhead - spread))
    assert told["latency_s"]["expected"] == pytest.approx(mining.expected_latency(1e-6, terms))
    consensus = ready.world.clock.parts["consensus"] - before["consensus"]
    assert consensus > told["latency_s"]["mining"] + spread
    assert told["latency_s"]["mining"] > 1_000  # a tenth of a million seconds on average


def test_a_fork_repeats_the_time_of_the_epoch_and_not_the_training() -> None:
    """At a rate far above the best, several tries; every part but the download is repeated."""
    calm, wild = (prepared(rounds=1, strategy=blockfl(block_rate=rate)) for rate in (1e-6, 3.0))
    (_, once), (_, often) = states(calm), states(wild)
    one, many = latency(calm, once), latency(wild, often)
    tries = wild.strategy.outcomes(often, wild.world)["forks"]["races"]
    assert tries > 1
    for part in ("local", "upload", "cross_verification", "propagation"):
        assert many[part] == pytest.approx(tries * one[part])
    for part, name in (("compute", "local"), ("network", "upload")):
        repeated = wild.world.clock.parts[part] - calm.world.clock.parts[part]
        assert repeated == pytest.approx((tries - 1) * one[name])
    np.testing.assert_array_equal(once.weights, often.weights)
    trained = [len([r for r in ready.world.ledger.receipts if r.function == "upload"]) for ready in (calm, wild)]
    assert trained == [4, 4]


@pytest.mark.parametrize("factor", [0.25, 2.0])
def test_the_rate_is_a_multiple_of_the_best_or_as_given(factor: float) -> None:
    ready = prepared(rounds=1, strategy=blockfl(rate_factor=factor))
    *_, last = states(ready)
    rate = ready.strategy.outcomes(last, ready.world)["rate"]
    assert rate["used"] == pytest.approx(factor * rate["optimal"])
    given = prepared(rounds=1, strategy=blockfl(block_rate=0.03, rate_factor=factor))
    *_, last = states(given)
    assert given.strategy.outcomes(last, given.world)["rate"] == {**rate, "used": 0.03}


def test_more_races_estimate_the_latency_and_change_nothing() -> None:
    """With the same draws at every rate, so that the estimates can be compared."""
    plain = prepared(rounds=2)
    *_, without = states(plain)
    found = {}
    for factor in (0.3, 1.0, 3.0):
        ready = prepared(rounds=2, strategy=blockfl(rate_factor=factor, races=400))
        *_, last = states(ready)
        told = ready.strategy.outcomes(last, ready.world)
        assert told["simulated"]["races"] == 800
        assert told["simulated"]["latency_s"] == pytest.approx(told["latency_s"]["expected"], rel=0.15)
        found[factor] = told["simulated"]["latency_s"]
        if factor == 1.0:
            assert latency(ready, last) == latency(plain, without)
            assert ready.world.clock.now == plain.world.clock.now
    assert found[1.0] < min(found[0.3], found[3.0])


def test_more_races_have_the_same_draws_at_every_rate_however_often_the_epoch_forks() -> None:
    """Mining in them takes as many times longer as the rate is lower."""
    mined, tries = {}, {}
    for factor in (0.3, 9.0):
        *_, last = states(prepared(rounds=1, strategy=blockfl(rate_factor=factor, races=50)))
        overhead = sum(last.sums[part] for part in ("local", "upload", "cross_verification", "propagation"))
        tries[factor] = last.sums["races"]
        mined[factor] = last.sums["simulated seconds"] - 50 * overhead / tries[factor]
    assert tries[0.3] != tries[9.0]
    assert 0.3 * mined[0.3] == pytest.approx(9.0 * mined[9.0])


def test_one_miner_never_forks_and_needs_a_rate() -> None:
    ready = prepared(rounds=2, strategy=blockfl(miners=1, block_rate=50.0))
    checking = timed(ready, "check")
    *_, last = states(ready)
    told = ready.strategy.outcomes(last, ready.world)
    assert told["forks"] == {"forks": 0, "races": 2}
    assert told["rate"] == {"used": 50.0}
    assert told["latency_s"]["propagation"] == 0
    assert told["latency_s"]["cross_verification"] == pytest.approx(sum(checking) / 2)
    assert last.reward["miner 1"] == 2 * 10**9 * sum(ready.world.sizes.values())
    with pytest.raises(ValueError, match="give a block_rate"):
        states(prepared(rounds=1, strategy=blockfl(miners=1)))


def test_a_block_that_is_not_full_waits_for_t_wait() -> None:
    """One that is refused costs the rest of T_wait."""
    lie = lying(lambda cid, n, t: (cid, n, t + 10**9))
    for blocks in (6, 60):
        ready = prepared(rounds=1, strategy=replace(lie, phase_blocks=blocks))
        *_, last = states(ready)
        assert 2.5 * blocks < ready.world.clock.parts["waiting"] <= 5 * blocks
        assert latency(ready, last)["cross_verification"] > 2.5 * blocks
    ready = prepared(rounds=1)
    states(ready)
    assert ready.world.clock.parts["waiting"] == 0


def test_nobody_waits_for_an_absent_hospital_beyond_t_wait() -> None:
    ready = prepared(rounds=3, faults={"absent": {"hospital 2": []}})
    *_, last = states(ready)
    assert last.epochs == 3
    assert 0.5 * 3 * 60 < ready.world.clock.now < 3 * 60 + 60


@pytest.mark.parametrize("rate", [1e-6, 3.0])
def test_what_the_outcomes_tell_has_passed_on_the_clock(rate: float) -> None:
    ready = prepared(rounds=1, strategy=blockfl(block_rate=rate))
    ask, elapse, passed = ready.world.ask, ready.world.elapse, dict.fromkeys(("compute", "network", "consensus"), 0.0)
    asked: dict[str, float] = {}

    def timed(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        ready.world.chain.settle()
        before = ready.world.clock.now
        replies = ask(who, what, *arguments, **others)
        asked[what.name] = ready.world.clock.now - before
        return replies

    def noted(part: str, seconds: float) -> None:
        passed[part] = passed.get(part, 0.0) + seconds
        elapse(part, seconds)

    ready.world.ask, ready.world.elapse = timed, noted
    *_, last = states(ready)
    told, tries = latency(ready, last), ready.strategy.outcomes(last, ready.world)["forks"]["races"]
    assert asked["merge"] == pytest.approx(told["download"])
    assert asked["fit"] == pytest.approx((told["local"] + told["upload"]) / tries)
    assert passed["compute"] == pytest.approx(told["local"] * (tries - 1) / tries)
    assert passed["network"] == pytest.approx(told["upload"] * (tries - 1) / tries)
    mined = told["cross_verification"] - asked["check"] + told["mining"] + told["propagation"]
    assert passed["consensus"] == pytest.approx(mined)
    assert passed.get("waiting", 0.0) == 0


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    order = ["constructor", "upload", "verify", "pack", "confirm"]
    assert list(successive_blocks(ready)) == order
