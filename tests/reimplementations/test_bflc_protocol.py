"""BFLC's strategy against its identities, attackers and absences."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from papers import module

from chainward.methods.aggregation import weighted_mean
from chainward.strategy import Strategy, discovery
from chainward.testing import prepared as small_trial
from chainward.trials.prepare import Trial
from chainward.world import FIT, PUBLISH, HospitalAbsent, Kind, Memory, Query, Reverted, Site, Update, World

PATIENCE, SCALE = 10, 1_000_000


@dataclass
class Run:
    """A trial driven round by round; `states[0]` is the set-up."""

    world: World
    strategy: Strategy[Any]
    states: list[Any]

    def call(self, function: str, *arguments: Any) -> Any:
        return self.world.at(self.states[-1].contract).call(function, *arguments)

    def go_on(self, rounds: int) -> Run:
        for number in range(len(self.states), len(self.states) + rounds):
            self.world.begin(number)
            self.states.append(self.strategy.round(self.states[-1], self.world))
        return self


def prepared(faults: Mapping[str, Any] | None = None, hospitals: int = 6, seed: int = 0, **params: Any) -> Trial:
    size = {"hospitals": hospitals, "patients": 60, "size_skew": 0.5}
    return small_trial("bflc", seed=seed, rounds=3, params=params, task_params=size, faults=faults or {})


def run(rounds: int, faults: Mapping[str, Any] | None = None, hospitals: int = 6, seed: int = 0, **params: Any) -> Run:
    made = prepared(faults, hospitals, seed, **params)
    return Run(made.world, made.strategy, [made.strategy.open(made.world)]).go_on(rounds)


HOSPITALS = tuple(f"hospital {number}" for number in range(1, 7))
FOUNDERS = run(0, committee_size=3).call("committee", 1)  # drawn with the seed: the first is the only one of one seat
FOUNDER, *TRAINERS = FOUNDERS[0], *(hospital for hospital in HOSPITALS if hospital != FOUNDERS[0])


def half(_: Site, memory: Memory, cids: Sequence[str]) -> tuple[tuple[int, ...], Memory]:
    return (SCALE // 2,) * len(cids), memory


def poisoned_by(name: str, poison: Callable[[Any], Any]) -> Query:
    """Training in which one hospital publishes something else than it trained."""

    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=poison(update.weights)) if site.name == name else update, memory

    return FIT.then(Query("spoil", Kind.UPDATE, spoil)).then(PUBLISH)


def test_equal_scores_and_nothing_rejected_is_fedavg_over_the_trainers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module("bflc"), "scoring", lambda _: Query("score", Kind.SCORES, half))
    ours = run(3, updates_merged=5)
    world = prepared().world
    weights = world.initial_weights()
    for number, state in enumerate(ours.states[:-1], 1):
        world.begin(number)
        trainers = [hospital for hospital in world.hospitals if hospital not in state.committee]
        updates = world.ask(trainers, FIT, weights).open().values()
        weights = weighted_mean([update.weights for update in updates], [update.samples for update in updates])
        np.testing.assert_allclose(ours.states[number].weights, weights, rtol=0, atol=1e-7)


def test_merging_one_is_the_best_single_model() -> None:
    ours = run(2, updates_merged=1)
    _, cids = ours.call("updates", 2)
    scores = [ours.call("doubledMedian", 2, index) for index in range(len(cids))]
    best = ours.world.read({"best": cids[int(np.argmax(scores))]}, Update)["best"]
    assert len(set(scores)) > 1
    np.testing.assert_array_equal(ours.states[-1].weights, best.weights)


def test_scores_are_accuracies_on_the_members_own_patients() -> None:
    ours = run(1)
    (member,) = ours.states[0].committee
    rows = next(hospital.train for hospital in prepared().dataset.hospitals if hospital.name == member)
    for index, cid in enumerate(ours.call("updates", 1)[1]):
        probability = ours.world.network.predict(ours.world.read({"": cid}, Update)[""].weights, rows.features)
        accuracy = float(np.mean((probability >= 0.5) == (rows.labels > 0.5)))
        assert ours.call("doubledMedian", 1, index) == 2 * round(SCALE * accuracy)


POISONS: Mapping[str, Callable[[Any], Any]] = {
    "flipped": lambda weights: -weights,
    "not a number": lambda weights: np.full_like(weights, np.nan),
}


@pytest.mark.parametrize("poison", POISONS)
def test_committee_keeps_a_poisoned_update_out(poison: str, monkeypatch: pytest.MonkeyPatch) -> None:
    villain = min(TRAINERS, key=prepared().world.ledger.account)  # first among equals: only its score keeps it out
    monkeypatch.setattr(module("bflc"), "TRAIN", poisoned_by(villain, POISONS[poison]))
    filtered = run(3)
    for epoch in (1, 2, 3):
        trainers, _ = filtered.call("updates", epoch)
        assert villain in trainers
        assert villain not in filtered.call("best", epoch)[0]
        if poison == "not a number":
            assert filtered.call("doubledMedian", epoch, trainers.index(villain)) == 0
    monkeypatch.setattr(module("bflc"), "scoring", lambda _: Query("score", Kind.SCORES, half))
    assert villain in run(1).call("best", 1)[0]


def test_members_confirm_the_model_that_everybody_merges() -> None:
    ours = run(2, committee_size=3)
    for epoch, state in enumerate(ours.states[1:], 1):
        assert ours.call("modelOf", epoch) == hashlib.sha256(state.weights.tobytes()).digest()


def test_committee_rotates() -> None:
    ours = run(3, committee_size=2)
    for before, after in zip(ours.states, ours.states[1:], strict=False):
        assert len(after.committee) == 2
        assert not set(before.committee) & set(after.committee)


def test_takes_the_first_to_arrive_and_does_not_wait_for_the_others() -> None:
    ours = run(0, {"delay": {TRAINERS[0]: 50.0}}, updates_wanted=4)
    started = ours.world.clock.now
    assert TRAINERS[0] not in ours.go_on(1).call("updates", 1)[0]
    assert ours.world.clock.now - started < 50.0


def test_absent_trainer_is_left_out_after_the_deadline() -> None:
    ours = run(1, {"absent": {TRAINERS[1]: [1]}})
    assert sorted(ours.call("updates", 1)[0]) == sorted({*TRAINERS} - {TRAINERS[1]})
    assert len(ours.call("best", 1)[0]) == 3
    assert not np.array_equal(ours.states[0].weights, ours.states[1].weights)


def test_round_without_its_only_member_is_lost_and_the_next_is_not() -> None:
    ours = run(2, {"absent": {FOUNDER: [1]}})
    before, lost, after = ours.states
    np.testing.assert_array_equal(before.weights, lost.weights)
    assert set(lost.committee) < set(ours.call("updates", 1)[0])
    assert not np.array_equal(lost.weights, after.weights)


def test_absent_member_of_three_is_done_without() -> None:
    ours = run(1, {"absent": {FOUNDERS[1]: [1]}}, committee_size=3)
    assert len(ours.call("best", 1)[0]) == 2
    assert ours.call("modelOf", 1) == hashlib.sha256(ours.states[1].weights.tobytes()).digest()


def test_nobody_left_to_train_is_refused_by_name() -> None:
    away = {f"hospital {number}": [2] for number in range(1, 7)}
    with pytest.raises(HospitalAbsent, match="hospital"):
        run(2, {"absent": away})


def test_too_few_at_set_up_are_refused_by_name() -> None:
    with pytest.raises(HospitalAbsent, match="hospital 2, hospital 3"):
        run(1, {"absent": {"hospital 2": [0], "hospital 3": [0]}}, hospitals=3)


def test_who_was_away_at_set_up_registers_when_back() -> None:
    ours = run(2, {"absent": {FOUNDER: [0, 1]}})
    assert ours.states[0].committee == FOUNDERS[1:2]
    assert FOUNDER in ours.call("updates", 2)[0]
    assert ours.states[2].registered[-1] == FOUNDER


def test_founders_are_drawn_and_not_the_first_by_number() -> None:
    founders = [run(0, seed=seed).states[0].committee[0] for seed in range(12)]
    assert founders == [run(0, seed=seed).states[0].committee[0] for seed in range(12)]
    assert len(set(founders)) > 3


def test_first_by_number_are_not_the_first_to_propose() -> None:
    orders = [run(1, seed=seed).call("updates", 1)[0] for seed in range(3)]
    assert any(list(order) != sorted(order) for order in orders)


def test_every_hospital_is_in_time_once_although_fewer_are_wanted() -> None:
    """In ten rounds of two updates; by number the last would never be."""
    ours = run(10, updates_wanted=2)
    trained = {trainer for epoch in range(1, 11) for trainer in ours.call("updates", epoch)[0]}
    assert trained == set(HOSPITALS)


def test_the_contract_is_in_a_block_before_the_hospitals_register() -> None:
    receipts = run(0).world.ledger.receipts
    assert [receipt.block - receipts[0].block for receipt in receipts[1:]] == [1] * 6


def test_any_other_refusal_of_a_proposal_ends_the_trial() -> None:
    ours = run(0)
    ours.states[0] = replace(ours.states[0], committee=())
    with pytest.raises(Reverted, match="members do not train"):
        ours.go_on(1)


def test_copied_update_is_left_out_and_the_round_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainers publish the same bytes; whoever proposes them first is the one taken."""
    copiers = TRAINERS[:2]

    def copy(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return Update(np.ones_like(update.weights), 1, 0.0) if site.name in copiers else update, memory

    monkeypatch.setattr(module("bflc"), "TRAIN", FIT.then(Query("copy", Kind.UPDATE, copy)).then(PUBLISH))
    ours = run(1)
    trainers, cids = ours.call("updates", 1)
    assert len(trainers) == len(set(cids)) == 4
    assert len({*trainers} & {*copiers}) == 1
    assert not np.array_equal(ours.states[0].weights, ours.states[1].weights)


def test_lower_median_and_counts_reach_the_contract() -> None:
    ours = run(0, lower_median=True, committee_size=2, updates_wanted=3, updates_merged=1, phase_blocks=7)
    names = ("committeeSize", "updatesWanted", "updatesMerged", "lowerMedian", "phaseBlocks")
    assert [ours.call(name) for name in names] == [2, 3, 1, True, 7]


@pytest.mark.parametrize(
    ("hospitals", "committee", "wanted", "merged"),
    [(2, 1, 1, 1), (4, 1, 3, 2), (6, 1, 5, 3), (10, 2, 8, 5), (19, 3, 10, 6), (20, 4, 10, 6), (100, 4, 10, 6)],
)
def test_counts_for_a_federation(hospitals: int, committee: int, wanted: int, merged: int) -> None:
    numbers = discovery.build("bflc", {}).numbers(hospitals)
    assert dict(numbers) == {"committee": committee, "wanted": wanted, "merged": merged}
