"""BFLC's contract against hand vectors and oracles, and all that it refuses."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from papers import solidity

from chainward.testing import ContractConformance, OnChain
from chainward.testing.contracts import Refusals
from chainward.world import Reverted

PHASE, SCALE = 10, 1_000_000
SCORING, DRAWING = 2, 3


@dataclass
class Federation(OnChain):
    """A contract for hospitals h1 to h`hospitals`; the first `committee` to register are the first committee."""

    hospitals: int = 6
    committee: int = 2
    wanted: int = 3
    merged: int = 2
    lower: bool = False
    listed: Sequence[str] = ()

    def __post_init__(self) -> None:
        arguments = [self.listed or self.names, self.committee, self.wanted, self.merged, self.lower, PHASE]
        self.deploy("BFLC", arguments, "h1")

    @property
    def names(self) -> list[str]:
        return [f"h{number}" for number in range(1, self.hospitals + 1)]

    @property
    def members(self) -> list[str]:
        return self.names[: self.committee]

    @property
    def trainers(self) -> list[str]:
        return self.names[self.committee :]

    def late(self) -> Federation:
        """Let the phase's deadline pass."""
        return self.wait(PHASE)

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

    def redraw(self) -> Federation:
        """Have an abandoned epoch's seats drawn, once the next block is made."""
        return self.wait(1).close()

    def number(self, name: str) -> int:
        """A hospital's address as a number: of equals the lower comes first."""
        return int(self.ledger.account(name), 16)


def collecting(**sizes: Any) -> Federation:
    return Federation(**sizes).register()


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
        federation.late().close()
    federation.score([("h1", [0.5] * came)])
    assert len(federation.call("best", 1)[0]) == merged


def test_a_majority_of_scores_is_enough_after_the_deadline() -> None:
    federation = scoring(hospitals=6, committee=3).score([("h1", (0.1, 0.2, 0.3)), ("h3", (0.1, 0.2, 0.3))])
    federation.late().close()
    assert federation.call("best", 1)[0] == ("h6", "h5")


@pytest.mark.parametrize("scored", [0, 1])
def test_half_of_the_scores_is_no_majority(scored: int) -> None:
    federation = scoring().score([("h1", (0.1, 0.2, 0.3))][:scored]).late().close().redraw()
    assert federation.call("best", 1) == ((), ())
    seated = federation.call("committee", 2)
    assert seated[:scored] == ("h1", "h2")[:scored]  # who scored keeps its seat
    assert {*seated[scored:]} < {"h3", "h4", "h5"}  # the others are drawn from who proposed
    assert len({*seated}) == 2
    assert federation.call("epoch") == 2


def test_free_seats_are_drawn_evenly_and_not_given_to_the_first_to_propose() -> None:
    seated = Counter[str]()
    for blocks in range(60):
        seated.update(scoring(committee=1).wait(blocks).late().close().redraw().call("committee", 2))
    assert {*seated} == {"h2", "h3", "h4"}
    assert min(seated.values()) >= 10


def test_the_draw_is_of_the_block_that_abandoned_the_epoch_whoever_asks_when() -> None:
    late = [scoring(hospitals=12, committee=4, wanted=8).late().close().wait(blocks) for blocks in (1, 1, 100, 255)]
    drawn = [one.send(name, "close") and one.call("committee", 2) for one, name in zip(late, "abcd", strict=True)]
    assert len({*drawn}) == 1


def test_a_draw_that_nobody_asks_for_in_256_blocks_waits_for_another_block() -> None:
    federation = scoring().late().close().wait(256).close()
    assert (federation.call("epoch"), federation.call("phase")) == (1, DRAWING)
    assert federation.redraw().call("epoch") == 2


def test_an_epoch_without_a_model_frees_the_seats_for_all() -> None:
    """Else a committee could wait for ever for trainers that are gone."""
    seated = Counter[str]()
    for blocks in range(40):
        federation = collecting(committee=1).wait(blocks).late().close().redraw()
        seated.update(federation.call("committee", 2))
        federation.propose([name for name in federation.names if name not in federation.call("committee", 2)][:3])
    assert {*seated} == {f"h{number}" for number in range(1, 7)}


@pytest.mark.parametrize("came", [2, 3, 4])
def test_somebody_always_trains(came: int) -> None:
    federation = Federation(hospitals=8, committee=4, wanted=4).register(["h1", "h2", "h3", "h4"][:came]).late().close()
    members = federation.call("committee", 1)
    assert members == ("h1", "h2", "h3")[: came - 1]
    federation.propose([f"h{came}"]).late().close().late().close().redraw()
    assert federation.call("committee", 2) == (f"h{came}",)
    federation.propose(["h1"]).late().close().score([(f"h{came}", [0.5])])
    assert federation.call("epoch") == 3


def test_nobody_trains_whom_the_draw_seated() -> None:
    federation = Federation(hospitals=8, committee=4, wanted=4).register(["h1", "h2", "h3"]).late().close()
    federation.late().close().redraw()
    assert len(federation.call("committee", 2)) == 2


def test_fewer_trainers_than_seats_make_a_smaller_committee_for_one_epoch() -> None:
    federation = collecting().propose(["h5"]).late().close().score([("h1", [0.5]), ("h2", [0.5])])
    assert federation.call("committee", 2) == ("h5",)
    federation.propose(["h1", "h2", "h3"]).score([("h5", (0.3, 0.2, 0.1))])
    assert federation.call("committee", 3) == ("h1", "h2")


def test_registration_closes_without_the_absent_who_may_come_later() -> None:
    federation = Federation().register(["h2", "h3", "h4", "h6"]).late().close()
    assert federation.call("committee", 1) == ("h2", "h3")
    federation.register(["h1"]).propose(["h1", "h4", "h6"])
    assert federation.call("updates", 1)[0] == ("h1", "h4", "h6")


def test_who_registers_late_takes_no_seat_left_free() -> None:
    """A committee that is smaller than its seats stays so for the epoch: its median is of those who founded it."""
    federation = Federation(hospitals=10, committee=4, wanted=4).register(["h1", "h2"]).late().close()
    assert federation.call("committee", 1) == ("h1",)
    federation.propose(["h2"]).late().close().register(["h3"])
    assert federation.call("committee", 1) == ("h1",)
    federation.score([("h1", [0.9])])
    assert federation.call("epoch") == 2


def test_model_is_on_record_once_more_than_half_confirm_it() -> None:
    federation = decided({str(number): [0.5] * 4 for number in range(4)})
    ours, other = b"\x01" * 32, b"\x02" * 32
    for member, model in zip(federation.members[:3], (ours, other, ours), strict=True):
        federation.send(member, "confirm", 1, model)
        assert federation.call("modelOf", 1) == bytes(32)
    federation.send(federation.members[3], "confirm", 1, ours)
    assert federation.call("modelOf", 1) == ours


OUTSIDER = "outsider"


def copying(*names: str) -> Federation:
    federation = collecting()
    for name in names:
        federation.send(name, "propose", "the same model")
    return federation


def confirm_twice(silent: bool) -> None:
    federation = scoring(hospitals=6, committee=3).score([("h1", (0, 0, 0)), ("h2", (0, 0, 0))]).late().close()
    for member in ("h1", "h3" if silent else "h1"):
        federation.send(member, "confirm", 1, bytes(32))


def test_content_is_taken_once_an_epoch() -> None:
    federation = copying("h5").propose(["h3", "h4"]).score([("h1", (0.3, 0.2, 0.1)), ("h2", (0.3, 0.2, 0.1))])
    federation.send("h1", "propose", "the same model")
    assert federation.call("updates", 2) == (("h1",), ("the same model",))


REFUSALS: Refusals = {
    "constructor": [
        ("no committee or no trainers", lambda: Federation(committee=0)),
        ("no committee or no trainers", lambda: Federation(hospitals=1, committee=1, wanted=1, merged=1)),
        ("too few updates to elect from", lambda: Federation(committee=3, wanted=2)),
        ("more updates than trainers", lambda: Federation(wanted=5)),
        ("cannot merge so many", lambda: Federation(merged=0)),
        ("cannot merge so many", lambda: Federation(merged=4)),
        ("listed twice", lambda: Federation(listed=["h1", "h2", "h3", "h4", "h5", "h1"])),
    ],
    "register": [
        ("not in the consortium", lambda: Federation().register([OUTSIDER])),
        ("already registered", lambda: Federation().register(["h1", "h1"])),
    ],
    "propose": [
        ("not collecting", lambda: Federation().propose()),
        ("not collecting", lambda: scoring().propose(["h6"])),
        ("not in the consortium", lambda: collecting().propose([OUTSIDER])),
        (
            "not in the consortium",
            lambda: Federation().register(["h1", "h2", "h3"]).late().close().propose(["h4"]),
        ),
        ("members do not train", lambda: collecting().propose(["h1"])),
        ("already proposed", lambda: collecting().propose(["h3", "h3"])),
        ("already proposed content", lambda: copying("h3", "h4")),
        ("not a content id", lambda: collecting().send("h3", "propose", "")),
        ("not a content id", lambda: collecting().send("h3", "propose", "x" * 65)),
    ],
    "score": [
        ("not scoring", lambda: collecting().score([("h1", ())])),
        ("not on the committee", lambda: scoring().score([("h3", (0, 0, 0))])),
        ("not on the committee", lambda: scoring().score([(OUTSIDER, (0, 0, 0))])),
        ("already scored", lambda: scoring().score([("h1", (0, 0, 0)), ("h1", (0, 0, 0))])),
        ("score every update", lambda: scoring().score([("h1", (0, 0))])),
        ("score every update", lambda: scoring().score([("h1", (0, 0, 0, 0))])),
        ("score out of range", lambda: scoring().score([("h1", (0, 0, 1.000001))])),
    ],
    "close": [
        ("before the deadline", lambda: Federation().wait(PHASE - 1).close()),
        ("before the deadline", lambda: collecting().propose(["h3"]).wait(PHASE - 1).close()),
        ("before the deadline", lambda: scoring().wait(PHASE - 1).close()),
        ("before the deadline", lambda: scoring().late().close().close()),
        ("no trainer registered", lambda: Federation().register(["h1"]).late().close()),
    ],
    "confirm": [
        ("nothing merged", lambda: scoring().score([("h1", (0, 0, 0))]).send("h1", "confirm", 1, bytes(32))),
        ("did not score", lambda: decided({"A": (0, 0), "B": (0, 0)}).send("h3", "confirm", 1, bytes(32))),
        ("did not score", lambda: confirm_twice(silent=True)),
        ("already confirmed", lambda: confirm_twice(silent=False)),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("BFLC")
    refusals = REFUSALS
