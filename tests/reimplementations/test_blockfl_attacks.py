"""Attacks on BlockFL: by hospitals in a trial, and on its contract."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blockfl_chain import DATA, GRACE, MINING, POT, SAMPLE_NS, Chain, uploaded
from blockfl_trials import lying, prepared
from exploits import exploit
from papers import STRANGER

from chainward.methods.attack import MALFORMED
from chainward.strategy import discovery
from chainward.testing import refused, states, varied

TOO_MANY = 10**5


def attacked(hospitals: int = 4, **attack: Any) -> tuple[Any, Any, str]:
    """A trial that one hospital attacks, its end, and who that is."""
    ready = prepared(hospitals, attack={"share": 1 / hospitals, "strength": 1.0, **attack})
    *_, last = states(ready)
    (attacker,) = ready.world.engine.sites.attackers
    return ready, last, attacker


def without(hospital: str) -> Any:
    """What FedAvg learns from the others."""
    return states(prepared(key="fedavg", faults={"absent": {hospital: []}}))[-1]


@exploit("blockfl", "a device reports 100,000 times its samples, and a time to match", outcome="held")
def test_who_reports_more_samples_than_it_enrolled_with_gains_nothing() -> None:
    _, last, attacker = attacked(kind="false_score")
    assert attacker not in last.block
    assert last.reward[attacker] == 0
    np.testing.assert_array_equal(last.weights, without(attacker).weights)


@exploit("blockfl", "a device enrols with 100,000 times its samples", outcome="succeeds")
def test_enrolment_is_the_hospitals_own_word() -> None:
    """The lie has to come before the first epoch, where all can see it; then nothing that follows is too much."""
    liar = "hospital 1"
    lie = lying(lambda cid, n, _: (cid, TOO_MANY * n, TOO_MANY * n * 100_000), (liar,))
    ready = prepared(rounds=1, strategy=replace(lie, data_reward=10, mining_reward=0))
    ready.world.sizes = {**ready.world.sizes, liar: TOO_MANY * ready.world.sizes[liar]}
    *_, last = states(ready)
    (alone, *_) = (update for name, update in _trained().items() if name == liar)
    np.testing.assert_allclose(last.weights, alone, atol=1e-4)
    assert (
        last.reward[liar]
        == 10 * ready.world.sizes[liar]
        > 1_000 * max(last.reward[other] for other in ready.world.hospitals if other != liar)
    )


def _trained() -> dict[str, Any]:
    from chainward.world import FIT, Held

    world = prepared().world
    world.begin(1)
    return {name: update.weights for name, update in world.ask(world.hospitals, FIT, Held("model")).open().items()}


@exploit("blockfl", "a device puts another update in the place of the one its miner has verified", outcome="held")
@pytest.mark.parametrize("instead", [("poison", 10), ("update of a", 9)])
def test_a_verification_names_what_it_is_of(instead: tuple[str, int]) -> None:
    chain = uploaded()
    seen = chain.uploaded("a")
    content, samples = instead
    chain.send("a", "upload", content, samples, samples * SAMPLE_NS, "m")
    with refused("not what was uploaded"):
        chain.verify("a", seen=seen)
    assert chain.call("updatesIn", 1)[0] == ()
    assert chain.collectable("a") == [0]


@exploit("blockfl", "a device reports more samples than its computation time allows", outcome="held")
@pytest.mark.parametrize("report", [lambda cid, n, t: (cid, n, t // 2), lambda cid, n, t: (cid, n // 2, t)])
def test_time_out_of_proportion_is_neither_merged_nor_paid(report: Any) -> None:
    *_, last = states(prepared(strategy=lying(report)))
    assert "hospital 1" not in last.block
    assert last.reward["hospital 1"] == 0
    np.testing.assert_array_equal(last.weights, without("hospital 1").weights)


@exploit("blockfl", "a device and its miner together claim samples that nobody trained on", outcome="held")
def test_colluders_draw_what_the_device_enrolled_with_at_most() -> None:
    chain = Chain().upload("a", samples=10).verify("a").late()
    with refused("more samples than enrolled"):
        Chain().upload("a", samples=11)
    chain.pack("m")
    assert chain.collectable("am") == [10 * DATA, 10 * MINING]  # the data reward is the miner's own money
    assert chain.call("pot") == POT - 10 * MINING
    chain.upload("a", samples=10).verify("a")
    with refused("waiting for updates"):
        chain.pack("m")


@exploit("blockfl", "a device publishes somebody else's update as its own", outcome="succeeds")
def test_a_copied_update_is_merged_and_paid_like_any_other() -> None:
    ready, last, attacker = attacked(kind="copy")
    assert attacker in last.block
    assert last.reward[attacker] == states(prepared())[-1].reward[attacker]
    assert ready.world.meter.spoiled > 0


@exploit("blockfl", "a poisoned update", outcome="succeeds")
def test_a_poisoned_update_is_verified_and_merged_as_by_fedavg() -> None:
    attack = {"share": 0.25, "kind": "sign_flip", "strength": 4.0}
    ours, theirs, honest = (
        states(prepared(key=key, attack=attack if attack_it else {}))[-1].weights
        for key, attack_it in (("blockfl", True), ("fedavg", True), ("blockfl", False))
    )
    np.testing.assert_array_equal(ours, theirs)
    assert np.abs(ours - honest).max() > 1e-2


@exploit("blockfl", "updates of another form, of no numbers or that nobody serves", outcome="held")
@pytest.mark.parametrize("form", [form for form in MALFORMED if form != "mismatched"])
def test_what_a_miner_cannot_read_is_neither_merged_nor_paid(form: str) -> None:
    _, last, attacker = attacked(kind="malformed", form=form)
    assert last.epochs == 3
    assert np.isfinite(last.weights).all()
    if form != "mistyped":  # of which every reply is one, so that it is named before
        assert last.reward[attacker] == 0


@exploit("blockfl", "a device confirms other weights than those of the block", outcome="held")
def test_the_weights_are_what_the_block_gives_whatever_one_device_confirms() -> None:
    kind: Any = discovery.load("blockfl")

    def merge(self: Any, site: Any, memory: Any, block: Any) -> Any:
        digest, memory = kind.merge(self, site, memory, block)
        return (bytes(32) if site.name == "hospital 1" else digest), memory

    ready = prepared(rounds=2, strategy=varied("blockfl", merge=merge))
    *_, last = states(ready)
    *_, honest = states(prepared(rounds=2))
    np.testing.assert_array_equal(last.weights, honest.weights)
    assert last.merged == ready.world.hospitals[1:]
    settled = ready.world.at(last.contract).call("blockOf", 2)[2]
    assert settled == hashlib.sha256(last.weights.tobytes()).digest()


@exploit("blockfl", "a device that answers first", outcome="held")
def test_who_answers_first_gains_nothing() -> None:
    _, last, attacker = attacked(kind="first_to_answer")
    honest = states(prepared())[-1]
    np.testing.assert_array_equal(last.weights, honest.weights)
    assert last.reward[attacker] == honest.reward[attacker]


@exploit("blockfl", "devices that are silent", outcome="held")
def test_a_block_is_made_without_whoever_is_silent() -> None:
    ready, last, attacker = attacked(kind="silent")
    assert last.epochs == 3
    np.testing.assert_array_equal(last.weights, without(attacker).weights)
    assert ready.world.clock.now < 3 * 60 + 60


@exploit("blockfl", "all miners are silent for ever, with rewards in the pot", outcome="held")
def test_the_pot_goes_back_and_devices_are_paid_without_miners() -> None:
    chain = uploaded().verify("a").late(GRACE)
    chain.send(STRANGER, "close")
    chain.send("a", "collect")
    chain.send("founder", "collect")
    assert chain.call("epoch") == 2
    assert chain.held() == 0
