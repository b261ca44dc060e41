"""DeCAI's contract by hand, all that it refuses, random callers, and whoever falls silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import islice
from math import isqrt
from typing import Any, ClassVar

import pytest
from anybody import Anybody
from decai_chain import (
    ANYBODY_WAIT,
    CENTROIDS,
    EVERYBODY,
    MOST,
    OWNER,
    OWNER_WAIT,
    PERCEPTRON,
    REFUND_WAIT,
    A,
    B,
    C,
    Classroom,
    row,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import STRANGER, solidity

from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Refusals, accepted
from chainward.testing.liveness import Draw, Liveness

DEPOSITS = {
    0: 36 * 10**14,
    1: 36 * 10**14,
    4: 18 * 10**14,
    10: 12 * 10**14,
    3_600: 6 * 10**13,
    86_400: 12_286_689_419_795,
}


@pytest.mark.parametrize(("seconds", "wei"), DEPOSITS.items())
def test_deposits_to_the_wei(seconds: int, wei: int) -> None:
    room = Classroom(period_s=1.0)
    room.add(A, (), 0)
    if seconds:  # who does not wait is in the same block
        room.wait(seconds - 1)
    room.add(B, (), 0)
    added = [receipt for receipt in room.ledger.receipts if receipt.function == "addData"]
    assert added[1].block - added[0].block == seconds
    assert dict(added[1].events)["Added"]["deposit"] == wei
    assert room.call("collectable", B) == MOST - wei
    assert room.left(1) == wei


@given(st.integers(0, 10**7), st.integers(0, 2**64 - 1))
@settings(max_examples=40, deadline=None)
def test_a_price_is_an_hours_weight_over_the_whole_root(seconds: int, cost: int) -> None:
    room = Classroom(period_s=1.0, cost=cost).wait(seconds)
    assert room.call("price") == cost * 3600 // max(1, isqrt(seconds))


def test_the_first_datum_pays_by_the_time_since_the_contract_was_made() -> None:
    assert Classroom(period_s=1.0).wait(16).call("price") == MOST // 4


# --- the classifiers -----------------------------------------------------------------------------


def hand_vector() -> Classroom:
    """Weights (0, 5, -1) of the first three features; those of others below 0 made the mistakes that this takes."""
    room = Classroom(size=16)
    for feature in range(2, 13):
        room.teach(((15,), 1), ((feature, 15), 0))
    below = iter(range(3, 13))
    for weight in range(5):
        room.teach(((1, *islice(below, weight)), 1))
    assert room.weights()[:3] == [0, 5, -1]
    return room


def test_hand_vector_of_the_perceptron() -> None:
    room = hand_vector()
    assert room.call("predict", (2,)) == 0
    assert room.teach(((2,), 1)).weights()[:3] == [0, 5, 0]
    assert room.call("predict", (2,)) == 0
    assert room.teach(((2,), 1)).weights()[:3] == [0, 5, 1]
    assert room.call("predict", (2,)) == 1


def test_a_perceptron_learns_from_mistakes_alone_and_its_bias_never_moves() -> None:
    room = Classroom(rate=7).teach(((0,), 0))
    assert room.weights() == [0] * 8
    assert room.teach(((0, 3), 1)).weights() == [7, 0, 0, 7, 0, 0, 0, 0]
    assert room.teach(((0, 5), 1)).weights() == [7, 0, 0, 7, 0, 0, 0, 0]
    assert room.teach(((0, 5), 0)).weights() == [0, 0, 0, 7, 0, -7, 0, 0]
    assert room.call("bias") == 0


@pytest.mark.parametrize(("bias", "label"), [(-1, 0), (0, 0), (1, 1)])
def test_a_sum_of_nothing_is_the_bias(bias: int, label: int) -> None:
    assert Classroom(bias=bias).call("predict", ()) == label


def test_hand_vector_of_the_centroids() -> None:
    """Centroids (1/2, 1, 0) and (0, 0, 1): (1, 0, 0) is 5/4 from the first and 2 from the second."""
    room = Classroom(CENTROIDS, size=3)
    assert room.call("predict", (0,)) == 0
    assert room.teach(((2,), 1)).call("predict", (0,)) == 1
    room.teach(((0, 1), 0), ((1,), 0))
    assert room.call("centroids") == ((2, 1), ((1, 0), (2, 0), (0, 1)))
    assert [room.call("predict", features) for features in ((0,), (2,), (), (1, 2))] == [0, 1, 1, 1]


def test_equally_near_centroids_predict_class_0() -> None:
    assert Classroom(CENTROIDS).teach(((0,), 1), ((0,), 0)).call("predict", (0,)) == 0


SIZE = 5
data = st.lists(st.tuples(st.sets(st.integers(0, SIZE - 1)).map(sorted).map(tuple), st.integers(0, 1)), max_size=12)


def nearest(seen: Sequence[Any], features: Sequence[int]) -> int:
    """The class of the nearest centroid by exact arithmetic, as one would write it down."""
    distances = []
    for label in (0, 1):
        own = [set(on) for on, known in seen if known == label]
        centroid = [Fraction(sum(j in on for on in own), max(1, len(own))) for j in range(SIZE)]
        distance = sum((Fraction(j in features) - centroid[j]) ** 2 for j in range(SIZE))
        distances.append(distance if own else Fraction(10**9))
    return int(distances[1] < distances[0])


@given(data, data)
@settings(max_examples=40, deadline=None)
def test_centroids_equal_exact_arithmetic(seen: list[Any], asked: list[Any]) -> None:
    room = Classroom(CENTROIDS, size=SIZE).teach(*seen)
    for features, _ in asked:
        assert room.call("predict", features) == nearest(seen, features)


@pytest.mark.parametrize("kind", [PERCEPTRON, CENTROIDS])
@given(data, st.integers(-2, 2), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_classifier_equals_one_off_chain_in_the_same_order(
    kind: int, seen: list[Any], bias: int, rate: int
) -> None:
    room = Classroom(kind, size=SIZE, bias=bias, rate=rate)
    learner = room.learner()
    for features, label in seen:
        on = row(features, SIZE)
        assert room.call("predict", features) == learner.predicted(on[None])[0]
        learner = learner.learned(on, label)
        room.teach((features, label))
        for name, found in vars(room.learner()).items():
            assert (found == getattr(learner, name)).all() if hasattr(found, "all") else found == getattr(learner, name)


# --- deposits ------------------------------------------------------------------------------------


def contradicted(**terms: Any) -> Classroom:
    """Datum 0 is a's, of class 1, and the classifier says 0."""
    room = Classroom(bias=-5, **terms)
    room.add(A, (0,), 1)
    return room


def test_a_report_by_hand() -> None:
    """Of a deposit of 100, who has 3 of 12 valid data gets 25."""
    room = Classroom(bias=-5, cost=1, period_s=1.0)
    room.right(B, 3).right(C, 9).wait(1296 - REFUND_WAIT - 1)
    number = room.add(A, (0,), 1)
    assert (room.left(number), room.call("valid", B), room.call("totalValid")) == (100, 3, 12)
    room.wait(REFUND_WAIT)
    assert room.report(B, number) == 25
    assert room.report(C, number) == 75
    assert room.left(number) == room.call("escrow") == 0


def test_a_share_of_less_than_a_wei_is_all_that_is_left() -> None:
    room = Classroom(bias=-5, cost=1, period_s=1.0)
    room.right(B).right(C, 3).wait(10**7)
    number = room.add(A, (0,), 1)
    room.wait(REFUND_WAIT)
    assert room.left(number) == 3600 // 3162 == 1
    assert room.report(B, number) == 1


def test_a_share_beyond_what_is_left_is_all_that_is_left() -> None:
    """Of 4 valid data c has 3; then b has 5 of 8 more, and of the quarter that is left gets all."""
    room = contradicted().right(B).right(C, 3)
    assert room.report(C, 0) == MOST * 3 // 4
    room.right(B, 4)
    assert room.report(B, 0) == MOST // 4
    assert room.left(0) == 0


def test_who_is_right_has_the_deposit_back_and_counts() -> None:
    room = Classroom()
    number = room.add(A, (1,), 0)
    room.wait(REFUND_WAIT)
    assert room.refund(A, number) == room.call("collectable", A) == MOST
    assert (room.call("valid", A), room.call("totalValid"), room.call("escrow")) == (1, 1, 0)
    room.send(A, "collect")
    assert room.net(A) == 0


def test_a_refund_after_a_report_is_what_is_left() -> None:
    room = contradicted().right(B).right(C, 3)
    room.report(B, 0)
    room.teach(*[((0,), 1)] * 5, sender=B)
    assert room.refund(A, 0) == MOST * 3 // 4


def test_what_counts_is_what_the_classifier_says_now() -> None:
    room = Classroom()
    right, wrong = room.add(A, (0,), 0), room.add(B, (0,), 1)
    room.wait(REFUND_WAIT)
    with refused("the model disagrees"):
        room.refund(A, right)
    assert room.refund(B, wrong) == MOST
    assert room.report(B, right) == MOST


@pytest.mark.parametrize(("wait", "sender"), [(OWNER_WAIT, OWNER), (ANYBODY_WAIT, STRANGER), (ANYBODY_WAIT, A)])
def test_in_the_end_the_owner_and_then_anybody_takes_all(wait: int, sender: str) -> None:
    room = contradicted().wait(wait - 1)
    assert not accepted(lambda: room.report(sender, 0))
    assert room.wait(1).report(sender, 0) == MOST


def test_a_deposit_that_the_classifier_agrees_with_is_the_owners_too_in_the_end() -> None:
    room = Classroom()
    number = room.add(A, (), 0)
    assert room.wait(OWNER_WAIT).report(OWNER, number) == MOST
    with refused("nothing left"):
        room.refund(A, number)


def test_equal_data_are_two_data() -> None:
    room = Classroom()
    numbers = [room.add(A, (0,), 0), room.add(A, (0,), 0)]
    room.wait(REFUND_WAIT)
    assert [room.refund(A, number) for number in numbers] == [MOST, MOST]


def test_the_deadline_is_that_of_the_newest_datum() -> None:
    room = Classroom()
    number = room.add(A, (0,), 0)
    room.pass_deadline()
    assert room.call("deadline") == room.ledger.block(room.now)
    room.refund(A, number)


def test_events_tell_every_datum_to_everybody() -> None:
    room = Classroom()
    room.add(A, (1, 4), 0)
    (event,) = room.ledger.receipts[-1].events
    datum = {"id": 0, "submitter": A, "features": (1, 4), "label": 0, "deposit": MOST}
    assert event == ("Added", datum)
    assert (room.call("added"), room.call("owner")) == (1, OWNER)


# --- what it refuses -----------------------------------------------------------------------------


def altered(function: str, features: Sequence[int], label: int) -> Callable[[], Any]:
    """Say something else of datum 0 than was added."""
    return lambda: contradicted().wait(REFUND_WAIT).send(A, function, 0, features, label)


def emptied() -> Classroom:
    """A datum that the classifier agrees with, and whose deposit is gone."""
    room = Classroom()
    room.add(A, (), 0)
    room.wait(REFUND_WAIT).refund(A, 0)
    return room


REFUSALS: Refusals = {
    "constructor": [
        ("waits not in order", lambda: Classroom(waits=(3, 2, 4))),
        ("waits not in order", lambda: Classroom(waits=(1, 3, 2))),
    ],
    "addData": [
        ("no such class", lambda: Classroom().add(A, (0,), 2)),
        ("no such feature", lambda: Classroom().add(A, (0, 8), 0)),
        ("not ascending", lambda: Classroom().add(A, (1, 0), 0)),
        ("not ascending", lambda: Classroom().add(A, (1, 1), 0)),
        ("deposit too small", lambda: contradicted().add(B, (0,), 0, value=MOST - 1)),
    ],
    "refund": [
        ("no such datum", lambda: Classroom().send(A, "refund", 0, (), 0)),
        ("no such datum", altered("refund", (0,), 0)),
        ("no such datum", altered("refund", (1,), 1)),
        ("no such datum", altered("refund", (), 1)),
        ("nothing left", lambda: emptied().refund(A, 0)),
        ("not the submitter", lambda: contradicted().wait(REFUND_WAIT).refund(B, 0)),
        ("too early", lambda: contradicted().wait(REFUND_WAIT - 1).refund(A, 0)),
        ("the model disagrees", lambda: contradicted().wait(REFUND_WAIT).refund(A, 0)),
    ],
    "report": [
        ("no such datum", lambda: Classroom().send(OWNER, "report", 0, (), 0)),
        ("no such datum", altered("report", (0,), 0)),
        ("nothing left", lambda: emptied().wait(ANYBODY_WAIT).report(OWNER, 0)),
        ("one's own datum", lambda: contradicted().right(A).report(A, 0)),
        ("already reported", lambda: twice(contradicted().right(B).right(C))),
        ("too early", lambda: early_report()),
        ("the model agrees", lambda: agreeing().report(B, 1)),
        ("nothing valid yet", lambda: contradicted().wait(REFUND_WAIT).report(B, 0)),
    ],
    "collect": [("nothing to collect", lambda: Classroom().send(A, "collect"))],
}


def twice(room: Classroom) -> None:
    room.report(B, 0)
    room.report(B, 0)


def early_report() -> None:
    room = Classroom(bias=-5).right(B)
    number = room.add(A, (0,), 1)
    room.wait(REFUND_WAIT - 1).report(B, number)


def agreeing() -> Classroom:
    room = Classroom().right(B)
    room.add(A, (), 0)
    return room.wait(REFUND_WAIT)


class TestRefusals(ContractConformance):
    source = solidity("Decai")
    refusals = REFUSALS
    unreachable = frozenset({("collect", "payment refused")})


# --- anybody, at any time ------------------------------------------------------------------------


class Trading(Anybody):
    """Anybody calls anything: what came in is what went out and what is there, by an account kept beside it."""

    steps = 30

    @initialize(kind=st.sampled_from([PERCEPTRON, CENTROIDS]))
    def begin(self, kind: int) -> None:
        self.it = Classroom(kind, size=3)
        self.deposits: list[int] = []
        self.paid: list[int] = []
        self.reporters: list[set[str]] = []

    who = st.sampled_from(EVERYBODY)

    @rule(sender=who, features=st.sets(st.integers(0, 2)).map(sorted), label=st.integers(0, 1), over=st.integers(0, 9))
    def add(self, sender: str, features: list[int], label: int, over: int) -> None:
        number = self.it.add(sender, features, label, MOST + over)
        assert number == len(self.deposits)
        self.deposits.append(self.it.left(number))
        self.paid.append(0)
        self.reporters.append(set())

    @rule(sender=who, chance=st.integers(0, 2**16), refund=st.booleans())
    def settle(self, sender: str, chance: int, refund: bool) -> None:
        if not self.deposits:
            return
        number, gained = chance % len(self.deposits), []
        before, act = self.it.left(number), self.it.refund if refund else self.it.report
        if accepted(lambda: gained.append(act(sender, number))):
            assert 0 < gained[0] <= before
            assert gained[0] == before or sender not in self.reporters[number]
            self.paid[number] += gained[0]
            self.reporters[number].add(sender)

    @rule(blocks=st.integers(1, 3))
    def pass_time(self, blocks: int) -> None:
        self.it.wait(blocks)

    @rule(sender=who)
    def collect(self, sender: str) -> None:
        expected = self.it.call("collectable", sender) > 0
        assert self.try_to(sender, "collect") == expected

    @invariant()
    def escrow_in_is_escrow_out_and_claimed(self) -> None:
        left = [self.it.left(number) for number in range(len(self.deposits))]
        assert [got + kept for got, kept in zip(self.paid, left, strict=True)] == self.deposits
        assert self.it.call("escrow") == sum(left)
        assert self.it.holds(EVERYBODY) == sum(left) + sum(self.it.call("collectable", name) for name in EVERYBODY)
        assert sum(self.it.net(name) for name in EVERYBODY) == -sum(left)

    @invariant()
    def valid_data_are_counted_once(self) -> None:
        assert self.it.call("totalValid") == sum(self.it.call("valid", name) for name in EVERYBODY)


TestTrading = Trading.TestCase


class Waiting(Liveness):
    """No deposit is locked for ever, whoever sleeps."""

    parties = EVERYBODY
    owes, keeps = "collectable", ("escrow",)
    acts: ClassVar = {
        "add": lambda it, sender, draw: it.add(sender, (draw(st.integers(0, 7)),), draw(st.integers(0, 1))),
        "refund": lambda it, sender, draw: it.refund(sender, draw(st.integers(0, 3)) % len(it.told)),
        "report": lambda it, sender, draw: it.report(sender, draw(st.integers(0, 3)) % len(it.told)),
        "collect": lambda it, sender, draw: it.send(sender, "collect"),
    }

    def make(self, draw: Draw) -> Classroom:
        room = Classroom(draw(st.sampled_from([PERCEPTRON, CENTROIDS])))
        room.add(A, (0,), 1)
        return room

    def stand(self) -> tuple[int, int]:
        return self.it.call("added"), -self.it.call("escrow")

    def pass_deadline(self) -> None:
        self.it.wait(ANYBODY_WAIT)

    def end_phase(self, sender: str) -> bool:
        taken = [accepted(partial(self.it.report, sender, number)) for number in range(len(self.it.told))]
        return any(taken)

    def resting(self) -> bool:
        return bool(self.it.call("escrow") == 0)


TestWaiting = Waiting.TestCase
