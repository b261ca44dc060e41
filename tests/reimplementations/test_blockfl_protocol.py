"""BlockFL's strategy against FedAvg, liars and absences."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from blockfl_trials import blockfl, lying, prepared

from chainward.methods.aggregation import mean, weighted_mean
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.testing.small import completed, run
from chainward.world import Memory, Site, Update

FAULTS: dict[str, dict[str, Any]] = {
    "nobody away": {},
    "first away in round 2": {"absent": {"hospital 1": [2]}},
    "last away in rounds 1 and 2": {"absent": {"hospital 4": [1, 2]}},
    "one away throughout": {"absent": {"hospital 2": []}},
    "one too late": {"delay": {"hospital 3": 10_000.0}},
    "all away in round 2": {"absent": {f"hospital {number}": [2] for number in range(1, 5)}},
}


@pytest.mark.parametrize("case", FAULTS)
def test_weights_are_fedavgs_to_the_bit(case: str) -> None:
    ready, plain = prepared(faults=FAULTS[case]), prepared(key="fedavg", faults=FAULTS[case])
    for ours, theirs in zip(states(ready), states(plain), strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)
        assert ours.weights.dtype == theirs.weights.dtype


def test_every_device_computes_them_itself() -> None:
    ready = prepared()
    *_, last = states(ready)
    for hospital in ready.world.hospitals:
        np.testing.assert_array_equal(ready.world.engine.held(hospital, "model"), last.weights)
    _, _, model = ready.world.at(last.contract).call("blockOf", 3)
    assert model == hashlib.sha256(last.weights.tobytes()).digest()
    senders = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "confirm"]
    assert senders == list(ready.world.hospitals) * 3


@pytest.mark.parametrize("attack", [{}, {"kind": "sign_flip", "share": 0.3, "strength": 4.0}])
def test_predictions_are_fedavgs_to_the_bit(attack: dict[str, Any]) -> None:
    """Attacked or not: it has no defence of its own."""
    params = {"hospitals": 6, "patients": 40}
    ours, theirs = (
        completed(run(Specification(key, "synthetic", 0, 2, task_params=params, attack=attack)))
        for key in ("blockfl", "fedavg")
    )
    assert ours.predictions == theirs.predictions  # the digests of their files


@pytest.mark.parametrize("hospitals", [1, 2, 3, 20])
def test_any_number_of_hospitals_learns_as_fedavg(hospitals: int) -> None:
    ready = prepared(hospitals, rounds=2)
    (*_, ours), (*_, theirs) = states(ready), states(prepared(hospitals, rounds=2, key="fedavg"))
    np.testing.assert_array_equal(ours.weights, theirs.weights)
    assert ready.strategy.numbers(hospitals) == {"devices": hospitals, "miners": 10}


def merge(samples: Sequence[int], weights: Any, memory: Mapping[str, Any]) -> Any:
    """What one device makes of a block that lists the devices backwards."""
    names = tuple(f"h{number}" for number in range(len(samples)))
    contents = dict(zip(names, weights, strict=True))

    def read(wanted: Mapping[str, str], _: Any) -> dict[str, Any]:
        return {device: contents[content] for device, content in wanted.items() if content in contents}

    network = SimpleNamespace(parameters=len(weights[0]))
    site = SimpleNamespace(name="h0", hospitals=names, read=read, work=lambda _: None, network=network)
    block = {name: (name, count) for name, count in zip(reversed(names), reversed(samples), strict=True)}
    return blockfl().merge(site, memory, block)


def test_the_global_update_is_the_papers() -> None:
    """w + sum N_i / N_S (w_i - w), whatever w is; of equal N_i the plain mean."""
    own, uneven = np.array([[2.0, 1.0], [6.0, -1.0]], np.float32), (1, 3)
    before = np.array([100.0, 7.0], np.float32)
    digest, memory = merge(uneven, own, {"model": before})
    by_paper = before + sum(n / 4 * (one - before) for n, one in zip(uneven, own, strict=True))
    np.testing.assert_allclose(memory["model"], by_paper, rtol=1e-6)
    np.testing.assert_array_equal(memory["model"], [5.0, -0.5])
    assert digest == hashlib.sha256(memory["model"].tobytes()).digest()
    _, memory = merge((7, 7), own, {})
    np.testing.assert_array_equal(memory["model"], mean(own))


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        (lambda cid, n, t: (cid, 10 * n, t), "upload"),
        (lambda cid, n, t: (cid, 10 * n, 10 * t), "upload"),
        (lambda cid, n, t: (cid, n, t // 2), "verify"),
        (lambda cid, n, t: (cid, n // 2, t), "verify"),
    ],
)
def test_who_lies_about_its_samples_or_its_time_is_left_out_and_not_paid(how: Any, refusal: str) -> None:
    ready = prepared(rounds=2, strategy=lying(how))
    *_, last = states(ready)
    others = ready.world.hospitals[1:]
    assert set(last.block) == set(others)
    away = prepared(rounds=2, key="fedavg", faults={"absent": {"hospital 1": []}})
    np.testing.assert_array_equal(last.weights, states(away)[-1].weights)
    assert last.reward["hospital 1"] == 0
    assert all(last.reward[other] == 2 * 10**9 * ready.world.sizes[other] for other in others)
    refused = [receipt for receipt in ready.world.ledger.receipts if not receipt.succeeded]
    assert [receipt.function for receipt in refused] == [refusal] * 2
    assert "hospital 1" in last.merged  # it still gets the block
    assert ready.world.clock.now > 2 * 60  # blocks that are not full wait for T_wait


def test_samples_count_as_they_were_verified() -> None:
    """Who scales both samples and time down is believed."""
    ready = prepared(rounds=1, strategy=lying(lambda cid, n, t: (cid, n // 2, n // 2 * 100_000)))
    *_, last = states(ready)
    (*_, honest) = states(prepared(rounds=1))
    assert last.reward["hospital 1"] == 10**9 * (ready.world.sizes["hospital 1"] // 2) < honest.reward["hospital 1"]
    assert np.abs(last.weights - honest.weights).max() > 1e-4


def test_if_everybody_lies_there_is_no_block_and_the_model_stays() -> None:
    everybody = [f"hospital {number}" for number in range(1, 5)]
    ready = prepared(rounds=2, strategy=lying(lambda cid, n, t: (cid, n, t + 10**9), everybody))
    opened, _, last = states(ready)
    assert (last.epochs, last.block) == (0, {})
    np.testing.assert_array_equal(last.weights, opened.weights)
    assert ready.strategy.outcomes(last, ready.world) == {}
    assert ready.world.at(last.contract).call("epoch") == 1


def test_updates_of_no_numbers_are_not_verified() -> None:
    kind: Any = discovery.load("blockfl")

    def upload(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        return kind.upload(self, site, memory, update._replace(weights=np.full_like(update.weights, np.nan)))

    opened, *_, last = states(prepared(rounds=2, strategy=varied("blockfl", upload=upload)))
    assert last.epochs == 0
    np.testing.assert_array_equal(last.weights, opened.weights)


def test_rewards_are_by_samples_and_the_winners_are_paid_from_the_pot() -> None:
    ready = prepared(rounds=3)
    opened, *_, last = states(ready)
    sizes, chain = ready.world.sizes, ready.world.at(opened.contract)
    for hospital in ready.world.hospitals:
        assert last.reward[hospital] == 3 * 10**9 * sizes[hospital]
    spent = {miner: 10**24 - ready.world.chain.balance(miner) for miner in opened.miners}
    assert sum(spent.values()) == 3 * 10**9 * sum(sizes.values())
    earned = {miner: last.reward[miner] for miner in opened.miners}
    assert 10**18 - chain.call("pot") == sum(earned.values()) > 0
    for number in range(1, 4):
        winner = chain.call("blockOf", number)[0]
        assert winner in opened.miners
    assert ready.strategy.outcomes(last, ready.world)["reward"] == last.reward


def test_a_hospitals_miner_is_drawn_every_epoch() -> None:
    ready = prepared(hospitals=8, rounds=6)
    states(ready)
    senders = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "verify"]
    epochs = [tuple(senders[start : start + 8]) for start in range(0, 48, 8)]
    assert len(set(epochs)) == 6
    assert set(senders) == {f"miner {number}" for number in range(1, 11)}


def test_who_was_away_merges_the_last_block_before_it_trains() -> None:
    ready, asked = prepared(faults={"absent": {"hospital 3": [2]}}), []
    ask = ready.world.ask

    def noted(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        asked.append((ready.world.round, what.name, tuple(who)))
        return ask(who, what, *arguments, **others)

    ready.world.ask = noted
    states(ready)
    everybody = ready.world.hospitals
    others = tuple(name for name in everybody if name != "hospital 3")
    trained = [(number, who) for number, what, who in asked if what == "fit"]
    assert trained == [(1, everybody), (2, everybody), (3, everybody)]
    merged = [(number, who) for number, what, who in asked if what == "merge"]
    assert merged == [(1, everybody), (2, others), (3, ("hospital 3",)), (3, everybody)]


def test_learning_ends_where_the_weights_no_longer_move() -> None:
    (opened, *rest) = states(prepared(rounds=4))
    steps = [state.step for state in rest]
    assert opened.step == math.inf
    for before, after, step in zip((opened, *rest), rest, steps, strict=False):
        assert step == pytest.approx(float(np.linalg.norm(after.weights - before.weights)))
    assert not any(blockfl().finished(state) for state in (opened, *rest))
    assert blockfl(epsilon=steps[0]).finished(rest[0])
    assert not blockfl(epsilon=steps[0] * 0.99).finished(rest[0])
    record = completed(run(Specification("blockfl", "heart", 0, 9, params={"epsilon": 100.0})))
    assert record.facts.rounds_used == 1
    assert record.facts.ended_by_itself


def test_devices_merge_in_the_order_of_hospitals_whatever_the_blocks() -> None:
    """The contract lists updates as verified; FedAvg sums in the order of hospitals."""
    own, samples = np.array([[1e20], [-1e20], [3.0]], np.float32), (1, 1, 1)
    _, memory = merge(samples, own, {})
    np.testing.assert_array_equal(memory["model"], weighted_mean(own, samples))
    assert memory["model"] != weighted_mean(own[::-1], samples)  # so the order shows
