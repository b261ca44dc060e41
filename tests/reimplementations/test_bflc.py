"""BFLC: the contract against hand vectors and oracles, the strategy against its identities, attackers and absences."""

from __future__ import annotations

import hashlib
import re
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.methods.aggregation import weighted_mean
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, PUBLISH, HospitalAbsent, Kind, Memory, Query, Reverted, Site, Update, World

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "BFLC.sol"
PERIOD_S, PATIENCE = 5.0, 10
SCALE = 1_000_000


def module() -> Any:
    return sys.modules[discovery.load("bflc").__module__]


# --- the contract ------------------------------------------------------------------------------------------------


@dataclass
class Federation:
    """A contract for hospitals h1 to h`hospitals`; the first `committee` to register are the first committee."""

    hospitals: int = 6
    committee: int = 2
    wanted: int = 3
    merged: int = 2
    lower: bool = False
    now: float = 0.0
    ledger: EvmLedger = field(default_factory=lambda: EvmLedger(Periodic(PERIOD_S)))
    address: str = ""

    @property
    def names(self) -> list[str]:
        return [f"h{number}" for number in range(1, self.hospitals + 1)]

    @property
    def members(self) -> list[str]:
        return self.names[: self.committee]

    @property
    def trainers(self) -> list[str]:
        return self.names[self.committee :]

    def deploy(self, names: Sequence[str] | None = None) -> Federation:
        arguments = [names or self.names, self.committee, self.wanted, self.merged, self.lower, PATIENCE]
        self.address = self.ledger.deploy("BFLC", arguments, "h1", 0, self.now).address
        return self

    def send(self, sender: str, function: str, *arguments: Any) -> None:
        self.ledger.send(self.address, function, arguments, sender, 0, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def wait(self, blocks: int = PATIENCE) -> Federation:
        self.now = self.ledger.wait(blocks, self.now)
        return self

    def register(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.names:
            self.send(name, "register")
        return self

    def propose(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.trainers[: self.wanted]:
            self.send(name, "propose", f"model of {name}")
        return self

    def score(self, rows: Iterable[tuple[str, Sequence[float]]]) -> Federation:
        for member, values in rows:
            self.send(member, "score", [round(SCALE * value) for value in values])
        return self

    def close(self) -> Federation:
        self.send("anybody", "close")
        return self

    def number(self, name: str) -> int:
        """A hospital's address as a number: of equals the lower comes first."""
        return int(self.ledger.account(name), 16)


def collecting(**sizes: Any) -> Federation:
    return Federation(**sizes).deploy().register()


def scoring(**sizes: Any) -> Federation:
    return collecting(**sizes).propose()


def decided(columns: Mapping[str, Sequence[float]], **sizes: Any) -> Federation:
    """One epoch in which `columns` are each update's scores, one from each member."""
    members = len(next(iter(columns.values())))
    sizes = {"hospitals": members + len(columns), "committee": members, "wanted": len(columns), "merged": 1, **sizes}
    federation = scoring(**sizes)
    rows = zip(*columns.values(), strict=True)
    return federation.score(zip(federation.members, rows, strict=True))


def medians(federation: Federation, epoch: int = 1) -> list[float]:
    count = len(federation.call("updates", epoch)[0])
    return [federation.call("doubledMedian", epoch, index) / (2 * SCALE) for index in range(count)]


def test_hand_vector() -> None:
    columns = {"A": (0.8, 0.6, 0.7, 0.9), "B": (0.5, 0.9, 0.9, 0.2), "C": (0.76, 0.74, 0.1, 0.99), "D": (0, 0, 0, 0)}
    federation = decided(columns)
    a, b, c, d = federation.trainers
    tied = sorted((a, c), key=federation.number)
    assert medians(federation) == [0.75, 0.7, 0.75, 0.0]
    assert federation.call("best", 1) == ((tied[0],), (f"model of {tied[0]}",))
    assert federation.call("committee", 2) == (*tied, b, d)


def test_equal_scores_go_by_address() -> None:
    federation = decided({str(number): (0.5, 0.5) for number in range(8)}, merged=8)
    assert list(federation.call("best", 1)[0]) == sorted(federation.trainers, key=federation.number)


def test_mean_of_two_middle_scores_is_not_rounded() -> None:
    better = max(range(2), key=lambda index: Federation(4, 2, 2, 1).number(f"h{index + 3}"))
    columns = {str(index): (3 / SCALE, (4 if index == better else 3) / SCALE) for index in range(2)}
    federation = decided(columns)
    assert federation.call("best", 1)[0] == (federation.trainers[better],)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("members", [1, 2, 3, 4, 5])
def test_median_and_rank_against_an_oracle(members: int, lower: bool) -> None:
    rng = np.random.default_rng(members)
    columns = {str(number): (rng.integers(0, 11, members) / 10).tolist() for number in range(7)}
    federation = decided(columns, merged=5, lower=lower)
    oracle = statistics.median_low if lower else statistics.median
    expected = [oracle(column) for column in columns.values()]
    assert medians(federation) == pytest.approx(expected)
    doubled = dict(zip(federation.trainers, (round(2 * SCALE * median) for median in expected), strict=True))
    order = sorted(doubled, key=lambda name: (-doubled[name], federation.number(name)))
    assert list(federation.call("best", 1)[0]) == order[:5]
    assert list(federation.call("committee", 2)) == order[:members]


HONEST, POISONED = "honest", "poisoned"
WINNERS = {
    # two of four speak for the poisoned update and against the honest one
    "mean of four, both ways": ((0.9, 0.9, 0, 0), (0.5, 0.5, 1, 1), False, (0.45, 0.75), POISONED),
    "lower of four, both ways": ((0.9, 0.9, 0, 0), (0.5, 0.5, 1, 1), True, (0.0, 0.5), POISONED),
    # two of four only speak for the poisoned update
    "mean of four, one way": ((0.7, 0.7, 0.7, 0.7), (0.5, 0.5, 1, 1), False, (0.7, 0.75), POISONED),
    "lower of four, one way": ((0.7, 0.7, 0.7, 0.7), (0.5, 0.5, 1, 1), True, (0.7, 0.5), HONEST),
    # two of five are no majority
    "five, both ways": ((0.9, 0.9, 0.9, 0, 0), (0.5, 0.5, 0.5, 1, 1), False, (0.9, 0.5), HONEST),
}


@pytest.mark.parametrize("case", WINNERS)
def test_two_liars_on_the_committee(case: str) -> None:
    honest, poisoned, lower, expected, winner = WINNERS[case]
    fill = {str(number): [0.0] * len(honest) for number in range(3)}  # enough updates to elect from
    federation = decided({HONEST: honest, POISONED: poisoned, **fill}, lower=lower)
    assert tuple(medians(federation)[:2]) == expected
    assert federation.call("best", 1)[0] == (federation.trainers[(HONEST, POISONED).index(winner)],)


def test_previous_members_train_and_the_best_trainers_score() -> None:
    federation = decided({"A": (0.1, 0.1), "B": (0.9, 0.9), "C": (0.5, 0.5)}, hospitals=6)
    assert federation.call("committee", 2) == ("h4", "h5")
    federation.propose(["h1", "h2", "h6"]).score([("h4", (0.1, 0.2, 0.3)), ("h5", (0.1, 0.2, 0.3))])
    assert federation.call("committee", 3) == ("h6", "h2")


def test_first_updates_are_taken_and_later_ones_refused() -> None:
    federation = collecting().propose(["h6", "h3", "h4"])
    with pytest.raises(Reverted, match="not collecting"):
        federation.propose(["h5"])
    assert federation.call("updates", 1)[0] == ("h6", "h3", "h4")


def test_nothing_is_best_before_all_members_have_scored() -> None:
    federation = scoring().score([("h1", (0.1, 0.2, 0.3))])
    assert federation.call("best", 1) == ((), ())
    assert federation.call("epoch") == 1


@pytest.mark.parametrize(("came", "merged"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)])
def test_of_fewer_updates_the_same_share_is_merged(came: int, merged: int) -> None:
    federation = collecting(hospitals=6, committee=1, wanted=5, merged=3)
    federation.propose(federation.trainers[:came])
    if came < 5:
        federation.wait().close()
    federation.score([("h1", [0.5] * came)])
    assert len(federation.call("best", 1)[0]) == merged


def test_a_majority_of_scores_is_enough_after_the_deadline() -> None:
    federation = scoring(hospitals=6, committee=3).score([("h1", (0.1, 0.2, 0.3)), ("h3", (0.1, 0.2, 0.3))])
    federation.wait().close()
    assert federation.call("best", 1)[0] == ("h6", "h5")


@pytest.mark.parametrize("scored", [0, 1])
def test_half_of_the_scores_is_no_majority(scored: int) -> None:
    federation = scoring().score([("h1", (0.1, 0.2, 0.3))][:scored]).wait().close()
    assert federation.call("best", 1) == ((), ())
    assert federation.call("committee", 2) == ("h3", "h4")  # the first to propose
    assert federation.call("epoch") == 2


def test_fewer_trainers_than_seats_make_a_smaller_committee_for_one_epoch() -> None:
    federation = collecting().propose(["h5"]).wait().close().score([("h1", [0.5]), ("h2", [0.5])])
    assert federation.call("committee", 2) == ("h5",)
    federation.propose(["h1", "h2", "h3"]).score([("h5", (0.3, 0.2, 0.1))])
    assert federation.call("committee", 3) == ("h1", "h2")


def test_registration_closes_without_the_absent_who_may_come_later() -> None:
    federation = Federation().deploy().register(["h2", "h3", "h4", "h6"]).wait().close()
    assert federation.call("committee", 1) == ("h2", "h3")
    federation.register(["h1"]).propose(["h1", "h4", "h6"])
    assert federation.call("updates", 1)[0] == ("h1", "h4", "h6")


def test_model_is_on_record_once_more_than_half_confirm_it() -> None:
    federation = decided({str(number): [0.5] * 4 for number in range(4)})
    ours, other = b"\x01" * 32, b"\x02" * 32
    for member, model in zip(federation.members[:3], (ours, other, ours), strict=True):
        federation.send(member, "confirm", 1, model)
        assert federation.call("modelOf", 1) == bytes(32)
    federation.send(federation.members[3], "confirm", 1, ours)
    assert federation.call("modelOf", 1) == ours


OUTSIDER = "outsider"
REFUSALS: list[tuple[str, Callable[[], Any]]] = [
    ("no committee or no trainers", lambda: Federation(committee=0).deploy()),
    ("no committee or no trainers", lambda: Federation(hospitals=1, committee=1, wanted=1, merged=1).deploy()),
    ("too few updates to elect from", lambda: Federation(committee=3, wanted=2).deploy()),
    ("more updates than trainers", lambda: Federation(wanted=5).deploy()),
    ("cannot merge so many", lambda: Federation(merged=0).deploy()),
    ("cannot merge so many", lambda: Federation(merged=4).deploy()),
    ("listed twice", lambda: Federation().deploy(["h1", "h2", "h3", "h4", "h5", "h1"])),
    ("not in the consortium", lambda: Federation().deploy().register([OUTSIDER])),
    ("already registered", lambda: Federation().deploy().register(["h1", "h1"])),
    ("not collecting", lambda: Federation().deploy().propose()),
    ("not collecting", lambda: scoring().propose(["h6"])),
    ("not in the consortium", lambda: collecting().propose([OUTSIDER])),
    (
        "not in the consortium",
        lambda: Federation().deploy().register(["h1", "h2", "h3"]).wait().close().propose(["h4"]),
    ),
    ("members do not train", lambda: collecting().propose(["h1"])),
    ("already proposed", lambda: collecting().propose(["h3", "h3"])),
    ("already proposed content", lambda: copying("h3", "h4")),
    ("not a content id", lambda: collecting().send("h3", "propose", "")),
    ("not a content id", lambda: collecting().send("h3", "propose", "x" * 65)),
    ("not scoring", lambda: collecting().score([("h1", ())])),
    ("not on the committee", lambda: scoring().score([("h3", (0, 0, 0))])),
    ("not on the committee", lambda: scoring().score([(OUTSIDER, (0, 0, 0))])),
    ("already scored", lambda: scoring().score([("h1", (0, 0, 0)), ("h1", (0, 0, 0))])),
    ("score every update", lambda: scoring().score([("h1", (0, 0))])),
    ("score every update", lambda: scoring().score([("h1", (0, 0, 0, 0))])),
    ("score out of range", lambda: scoring().score([("h1", (0, 0, 1.000001))])),
    ("before the deadline", lambda: Federation().deploy().wait(PATIENCE - 1).close()),
    ("before the deadline", lambda: collecting().propose(["h3"]).wait(PATIENCE - 1).close()),
    ("before the deadline", lambda: scoring().wait(PATIENCE - 1).close()),
    ("no trainer registered", lambda: Federation().deploy().register(["h1", "h2"]).wait().close()),
    ("nothing to score", lambda: collecting().wait().close()),
    ("nothing merged", lambda: scoring().score([("h1", (0, 0, 0))]).send("h1", "confirm", 1, bytes(32))),
    ("did not score", lambda: decided({"A": (0, 0), "B": (0, 0)}).send("h3", "confirm", 1, bytes(32))),
    ("did not score", lambda: confirm_twice(silent=True)),
    ("already confirmed", lambda: confirm_twice(silent=False)),
]


def copying(*names: str) -> Federation:
    federation = collecting()
    for name in names:
        federation.send(name, "propose", "the same model")
    return federation


def confirm_twice(silent: bool) -> None:
    federation = scoring(hospitals=6, committee=3).score([("h1", (0, 0, 0)), ("h2", (0, 0, 0))]).wait().close()
    for member in ("h1", "h3" if silent else "h1"):
        federation.send(member, "confirm", 1, bytes(32))


def test_content_is_taken_once_an_epoch() -> None:
    federation = copying("h5").propose(["h3", "h4"]).score([("h1", (0.3, 0.2, 0.1)), ("h2", (0.3, 0.2, 0.1))])
    federation.send("h1", "propose", "the same model")
    assert federation.call("updates", 2) == (("h1",), ("the same model",))


@pytest.mark.parametrize(("reason", "act"), REFUSALS)
def test_refusals(reason: str, act: Callable[[], Any]) -> None:
    with pytest.raises(Reverted) as refused:
        act()
    assert refused.value.reason == reason


def test_every_refusal_of_the_contract_is_tested() -> None:
    written = set(re.findall(r'require\(.*, "(.*)"\);', SOURCE.read_text(encoding="utf-8")))
    assert written == {reason for reason, _ in REFUSALS}
    assert all(len(reason) <= 31 for reason in written)


# --- the strategy ------------------------------------------------------------------------------------------------


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
    specification = Specification("bflc", "synthetic", seed, 3, params, size, faults=faults or {})
    return prepare(specification, tasks.load("synthetic", **size).dataset(0), "cpu")


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
    monkeypatch.setattr(module(), "SCORE", Query("score", Kind.SCORES, half))
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
    best = Update(*ours.world.fetch(cids[int(np.argmax(scores))]))
    assert len(set(scores)) > 1
    np.testing.assert_array_equal(ours.states[-1].weights, best.weights)


def test_scores_are_accuracies_on_the_members_own_patients() -> None:
    ours = run(1)
    (member,) = ours.states[0].committee
    rows = next(hospital.train for hospital in prepared().dataset.hospitals if hospital.name == member)
    for index, cid in enumerate(ours.call("updates", 1)[1]):
        probability = ours.world.network.predict(Update(*ours.world.fetch(cid)).weights, rows.features)
        accuracy = float(np.mean((probability >= 0.5) == (rows.labels > 0.5)))
        assert ours.call("doubledMedian", 1, index) == 2 * round(SCALE * accuracy)


POISONS: Mapping[str, Callable[[Any], Any]] = {
    "flipped": lambda weights: -weights,
    "not a number": lambda weights: np.full_like(weights, np.nan),
}


@pytest.mark.parametrize("poison", POISONS)
def test_committee_keeps_a_poisoned_update_out(poison: str, monkeypatch: pytest.MonkeyPatch) -> None:
    villain = min(TRAINERS, key=prepared().world.ledger.account)  # first among equals: only its score keeps it out
    monkeypatch.setattr(module(), "TRAIN", poisoned_by(villain, POISONS[poison]))
    filtered = run(3)
    for epoch in (1, 2, 3):
        trainers, _ = filtered.call("updates", epoch)
        assert villain in trainers
        assert villain not in filtered.call("best", epoch)[0]
        if poison == "not a number":
            assert filtered.call("doubledMedian", epoch, trainers.index(villain)) == 0
    monkeypatch.setattr(module(), "SCORE", Query("score", Kind.SCORES, half))
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
    assert lost.committee == ours.call("updates", 1)[0][:1]
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
    with pytest.raises(Reverted, match="members do not train"):
        module()._proposed(ours.world.at(ours.states[0].contract), FOUNDER, "a model")


def test_copied_update_is_left_out_and_the_round_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two trainers publish the same bytes; whoever proposes them first is the one taken."""
    copiers = TRAINERS[:2]

    def copy(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return Update(np.ones_like(update.weights), 1, 0.0) if site.name in copiers else update, memory

    monkeypatch.setattr(module(), "TRAIN", FIT.then(Query("copy", Kind.UPDATE, copy)).then(PUBLISH))
    ours = run(1)
    trainers, cids = ours.call("updates", 1)
    assert len(trainers) == len(set(cids)) == 4
    assert len({*trainers} & {*copiers}) == 1
    assert not np.array_equal(ours.states[0].weights, ours.states[1].weights)


def test_lower_median_and_counts_reach_the_contract() -> None:
    ours = run(0, lower_median=True, committee_size=2, updates_wanted=3, updates_merged=1, phase_blocks=7)
    names = ("committeeSize", "updatesWanted", "updatesMerged", "lowerMedian", "patience")
    assert [ours.call(name) for name in names] == [2, 3, 1, True, 7]


@pytest.mark.parametrize(
    ("hospitals", "committee", "wanted", "merged"),
    [(2, 1, 1, 1), (4, 1, 3, 2), (6, 1, 5, 3), (10, 2, 8, 5), (19, 3, 10, 6), (20, 4, 10, 6), (100, 4, 10, 6)],
)
def test_counts_for_a_federation(hospitals: int, committee: int, wanted: int, merged: int) -> None:
    numbers = discovery.build("bflc", {}).numbers(hospitals)
    assert dict(numbers) == {"committee": committee, "wanted": wanted, "merged": merged}
