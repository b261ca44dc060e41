"""What a dishonest submitter, reporter or owner tries on DeCAI, and what comes of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from decai_chain import ANYBODY_WAIT, CENTROIDS, MOST, OWNER, OWNER_WAIT, PERCEPTRON, REFUND_WAIT, A, B, C, Classroom
from decai_trials import KEY, calls, events, on_chain, patients_of, prepared, usual
from exploits import exploit

from chainward.testing import refused, states, varied
from chainward.trials.prepare import Trial

BAD = "bad"


# --- what succeeds -------------------------------------------------------------------------------


@exploit(KEY, "anybody reads every patient, with its hospital, from the chain's log", outcome="succeeds")
def test_every_patient_is_everybodys() -> None:
    """All but the places within their bins, and for ever: deleting a patient from a chain is not possible."""
    ready, _ = usual()
    for hospital in ready.world.hospitals:
        assert on_chain(ready, hospital) == patients_of(ready, hospital)


@exploit(KEY, "a submitter adds a wrong datum again and again until the classifier agrees", outcome="succeeds")
def test_who_teaches_the_perceptron_its_own_lie_pays_nothing() -> None:
    """Five honest data of weight 1 each are undone by five lies and one, all of which are then refunded."""
    room = Classroom().right(B, 5)
    room.teach(*[((0,), 1)] * 5, sender=B)
    lies = [room.add(BAD, (0,), 0) for _ in range(2)]
    room.wait(REFUND_WAIT)
    assert [room.refund(BAD, number) for number in lies] == [MOST, MOST]
    assert room.net(BAD) == 0
    with refused("the model disagrees"):
        room.refund(B, 5)


@exploit(KEY, "a flipper asks again each round, until the perceptron happens to agree", outcome="succeeds")
def test_most_of_what_flippers_pay_comes_back() -> None:
    """A perceptron on data that no plane divides never rests: whoever may wait is predicted now and then."""
    ready = flipped()
    *_, last = states(ready)
    back = sum(last.refunded[name] for name in ready.attackers) / sum(last.deposited[name] for name in ready.attackers)
    assert len(ready.attackers) == 2
    assert back > 0.5


@exploit(KEY, "a submitter adds what the classifier predicts already", outcome="succeeds")
@pytest.mark.parametrize("kind", [PERCEPTRON, CENTROIDS])
def test_who_tells_nothing_new_is_refunded_and_counts_most(kind: int) -> None:
    """One datum ten times over: nothing learned by the perceptron, and ten elevenths of what reports bring."""
    room = Classroom(kind, bias=-5).right(B).right(BAD, 10)
    assert room.net(BAD) == 0
    number = room.add(A, (), 1)
    deposit = room.left(number)
    room.wait(REFUND_WAIT)
    assert room.report(BAD, number) == 10 * deposit // 11


@exploit(KEY, "a submitter copies what another added", outcome="succeeds")
def test_a_copy_is_refunded_like_what_it_copies() -> None:
    room = Classroom()
    numbers = [room.add(who, (0, 3), 1) for who in (A, BAD)]
    room.wait(REFUND_WAIT)
    assert [room.refund(who, number) for who, number in zip((A, BAD), numbers, strict=True)] == [MOST, MOST]
    assert room.call("valid", A) == room.call("valid", BAD)


@exploit(KEY, "a reporter turns the classifier with a datum of its own just before it reports", outcome="succeeds")
def test_who_turns_the_classifier_takes_an_honest_deposit() -> None:
    """b's datum was learned from and is true; one lie in front of the report, and half of its deposit is gone."""
    room = Classroom().right(BAD).right(C)
    number = room.add(B, (0,), 1)
    deposit = room.left(number)
    room.wait(REFUND_WAIT)
    assert room.call("predict", (0,)) == 1
    lie = room.add(BAD, (0,), 0)
    assert room.report(BAD, number) == deposit // 2
    room.wait(REFUND_WAIT)
    assert room.refund(BAD, lie) > 0
    assert room.net(BAD) == deposit // 2


@exploit(KEY, "a liar reports its own datum from a second account", outcome="succeeds")
def test_a_second_account_has_part_of_the_deposit_back() -> None:
    room = Classroom(bias=-5).right(B).right("second account of bad", 3)
    number = room.add(BAD, (0,), 1)
    deposit = room.left(number)
    room.wait(REFUND_WAIT)
    assert room.report("second account of bad", number) == 3 * deposit // 4


@exploit(KEY, "who reports first leaves less, or nothing, for who reports later", outcome="succeeds")
def test_shares_of_two_moments_can_be_more_than_there_is() -> None:
    room = Classroom(bias=-5).right(B).right(C, 3)
    number = room.add(A, (0,), 1)
    deposit = room.left(number)
    room.wait(REFUND_WAIT)
    assert room.report(C, number) == 3 * deposit // 4
    room.right(B, 8)
    assert room.report(B, number) == deposit // 4  # of its nine twelfths
    with refused("nothing left"):
        room.report(OWNER, number)


@exploit(KEY, "the owner takes a deposit that the classifier agrees with, of who is late for it", outcome="succeeds")
def test_the_owner_takes_what_is_right_too() -> None:
    room = Classroom()
    number = room.add(A, (), 0)
    room.wait(OWNER_WAIT)
    assert room.call("predict", ()) == 0
    assert room.report(OWNER, number) == MOST
    with refused("nothing left"):
        room.refund(A, number)


@exploit(KEY, "a liar waits until a deposit is less than what the gas of a report costs", outcome="succeeds")
def test_after_a_quiet_hour_a_report_costs_more_than_it_brings() -> None:
    """Whoever reports has all of the deposit, and at 1 gwei has paid more for it; the classifier keeps the lie."""
    room = Classroom(period_s=1.0).right(B).teach(((0,), 0))
    room.wait(3_600)
    room.add(BAD, (0,), 1)
    room.wait(REFUND_WAIT)
    assert room.weights()[0] == 1
    room.add(A, (0,), 0)
    gained = room.report(B, 2)
    assert 0 < gained <= MOST // 60 < room.ledger.receipts[-1].gas * 10**9


@exploit(KEY, "a liar waits until anybody may take what is left, and is the first to", outcome="succeeds")
def test_a_liar_has_it_all_back_where_the_others_sleep() -> None:
    room = Classroom(bias=-5)
    number = room.add(BAD, (0,), 1)
    assert room.wait(ANYBODY_WAIT).report(BAD, number) == MOST


def test_the_meter_says_that_they_are() -> None:
    ready = prepared(rounds=1)
    *_, last = states(ready)
    shown = {(one["kind"], one["audience"]): one["count"] for one in ready.world.meter.disclosures()}
    assert shown["raw records", "everyone"] == last.added[-1] > 0


# --- what holds ----------------------------------------------------------------------------------


@exploit(KEY, "a submitter calls of one class what the centroids hold to be of the other", outcome="held")
def test_a_lie_costs_what_the_classifier_contradicts() -> None:
    """Centroids, which the majority's data hold where they are: a liar's positives are not predicted."""
    room = Classroom(CENTROIDS).right(B, 3)
    room.teach(*[((0,), 0)] * 6, *[((1,), 1)] * 6, sender=B)
    lies = [room.add(BAD, (0,), 1) for _ in range(3)]
    room.wait(REFUND_WAIT)
    for number in lies:
        with refused("the model disagrees"):
            room.refund(BAD, number)
    assert room.report(B, lies[0]) == MOST
    assert room.net(BAD) == -3 * MOST


@exploit(KEY, "a submitter has a deposit back twice, or another's", outcome="held")
def test_a_deposit_comes_back_once_and_to_its_submitter() -> None:
    room = Classroom()
    number = room.add(A, (0,), 0)
    room.wait(REFUND_WAIT)
    with refused("not the submitter"):
        room.refund(BAD, number)
    room.refund(A, number)
    for act, who in ((room.refund, A), (room.report, B), (room.report, OWNER)):
        with refused("nothing left"):
            act(who, number)


@exploit(KEY, "a reporter says another label or other features of a datum than were added", outcome="held")
@pytest.mark.parametrize(("features", "label"), [((0,), 1), ((1,), 0), ((), 0), ((0, 1), 0)])
def test_a_claim_is_about_what_was_added(features: tuple[int, ...], label: int) -> None:
    room = Classroom(bias=-5).right(B)
    number = room.add(A, (0,), 0)
    room.wait(REFUND_WAIT)
    with refused("no such datum"):
        room.send(B, "report", number, features, label)


@exploit(KEY, "a reporter takes its share of a datum again and again, or a share of its own", outcome="held")
def test_a_share_is_taken_once() -> None:
    room = Classroom(bias=-5).right(B).right(C, 9)
    number = room.add(A, (0,), 1)
    deposit = room.left(number)
    room.wait(REFUND_WAIT)
    assert room.report(B, number) == deposit // 10
    with refused("already reported"):
        room.report(B, number)
    room.right(A)
    with refused("one's own datum"):
        room.report(A, number)


@exploit(KEY, "who was never right reports", outcome="held")
def test_strangers_earn_nothing() -> None:
    room = Classroom(bias=-5)
    number = room.add(A, (0,), 1)
    room.wait(REFUND_WAIT)
    with refused("nothing valid yet"):
        room.report("stranger", number)


@exploit(KEY, "the owner, or anybody, takes a deposit before its time", outcome="held")
def test_nobody_takes_all_early() -> None:
    room = Classroom(bias=-5).right(B)
    number = room.add(A, (), 0)
    room.wait(OWNER_WAIT - 1)
    for who in (OWNER, B):
        with refused("the model agrees"):
            room.report(who, number)


@exploit(KEY, "a datum names a feature twice, to weigh more", outcome="held")
def test_a_feature_is_on_or_off() -> None:
    for features in ((3, 3), (3, 4, 4), (4, 3)):
        with refused("not ascending"):
            Classroom().add(BAD, features, 1)


@exploit(KEY, "a submitter pays less than the time since the last datum asks for", outcome="held")
def test_a_hurry_is_paid_for() -> None:
    room = Classroom(period_s=1.0).wait(10_000)
    room.add(A, (), 0, value=MOST // 99)
    with refused("deposit too small"):
        room.add(A, (), 0, value=MOST - 1)


def garbled(*data: tuple[tuple[int, ...], int]) -> Trial:
    """A trial in which hospital 1 sends these patients as they are, at every instalment."""
    kind = varied(KEY)._instalment.__func__

    def instalment(self: Any, site: Any, memory: Any, payload: Any) -> Any:
        (on, labels), kept = kind(self, site, memory, payload)
        if site.name == "hospital 1":
            on = np.array([features for features, _ in data], np.int64)
            labels = np.array([label for _, label in data], np.uint8)
        return (on, labels), kept

    return prepared(strategy=varied(KEY, {"instalments": 3}, _instalment=instalment))


@exploit(KEY, "a hospital sends indices that are none, labels that are none, or nothing", outcome="held")
def test_what_the_contract_refuses_is_not_added_and_ends_no_trial() -> None:
    wrong = [(tuple([40 + place] * 10), 0) for place in range(3)] + [(tuple(range(9, -1, -1)), 1)]
    ready = garbled(*wrong, (tuple(range(10)), 7))
    *_, last = states(ready)
    assert last.deposited["hospital 1"] == 0 == on_chain(ready, "hospital 1").total()
    assert calls(ready, "addData")["hospital 1"] == 5 * (len(last.added) - 1)
    for hospital in ready.world.hospitals[1:]:
        assert on_chain(ready, hospital) == patients_of(ready, hospital)


@exploit(KEY, "a hospital sends indices that are none, labels that are none, or nothing", outcome="held")
def test_an_index_below_zero_is_off_on_chain_and_beside_it() -> None:
    """-5 is no feature from the end, and -1000 is none that would end the trial."""
    ready = garbled(((-1000,) * 9 + (3,), 1), ((-5,) * 10, 1))
    *_, last = states(ready)
    assert set(on_chain(ready, "hospital 1")) == {((3,), 1), ((), 1)}
    assert last.refunded["hospital 1"] > 0
    refused = [one for one in ready.world.ledger.receipts if one.function == "refund" and not one.succeeded]
    assert not refused, "a hospital asks for what the contract does not grant"


@exploit(KEY, "a hospital of six sends what cannot be read, on any occasion", outcome="held")
@pytest.mark.parametrize("form", ["", "short", "long", "mistyped", "mismatched", "huge"])
def test_what_cannot_be_read_is_dropped(form: str) -> None:
    attack = {"kind": "malformed", "share": 0.17, "form": form, "strength": 1.0 if form else 0.7}
    ready = prepared(hospitals=6, attack=attack, rounds=4)
    *_, last = states(ready)
    (odd,) = ready.attackers
    others = [name for name in ready.world.hospitals if name != odd]
    assert all(on_chain(ready, name) == patients_of(ready, name) for name in others)
    assert all(last.refunded[name] > 0 for name in others)
    assert ready.world.meter.unreadable <= {odd}


@exploit(KEY, "a hospital asks for refunds and reports that are not its to ask for", outcome="held")
def test_what_the_contract_refuses_pays_nobody() -> None:
    def choose(self: Any, site: Any, memory: Any, known: Any) -> Any:
        ids = known[1]["ids"]
        wanted = np.concatenate([ids, ids, [10**6]])
        return ((wanted, wanted) if site.name == "hospital 1" else (ids[:0], ids[:0])), memory

    ready = prepared(strategy=varied(KEY, {"instalments": 3}, _choose=choose), rounds=2)
    *_, last = states(ready)
    assert calls(ready, "refund") == Counter({"hospital 1": calls(ready, "refund")["hospital 1"]})
    told = {one["id"]: one for one in events(ready, "Added")}
    assert {told[one["id"]]["submitter"] for one in events(ready, "Refunded")} == {"hospital 1"}
    reported = Counter(one["id"] for one in events(ready, "Reported"))
    assert set(reported.values()) == {1}
    assert "hospital 1" not in {told[number]["submitter"] for number in reported}
    assert sum(last.deposited.values()) == sum(
        [*last.refunded.values(), *last.claimed.values(), int(last.data["left"].sum())]
    )


@exploit(KEY, "a hospital of six is silent, or answers first", outcome="held")
@pytest.mark.parametrize("kind", ["silent", "first_to_answer"])
def test_who_is_silent_or_first_changes_nothing_for_the_others(kind: str) -> None:
    ready = prepared(hospitals=6, attack={"kind": kind, "share": 0.17, "strength": 1.0}, rounds=4)
    *_, last = states(ready)
    (odd,) = ready.attackers
    others = [name for name in ready.world.hospitals if name != odd]
    assert all(on_chain(ready, name) == patients_of(ready, name) for name in others)
    assert (last.deposited[odd] == 0) == (kind == "silent")


def flipped(classifier: str = "perceptron") -> Trial:
    """Two of six hospitals flip all their labels."""
    return prepared(
        classifier, instalments=10, hospitals=6, attack={"kind": "label_flip", "share": 0.34, "strength": 1.0}
    )


def nets(ready: Trial) -> tuple[list[float], list[float]]:
    """What liars and the others have in the end, in ether."""
    *_, last = states(ready)
    net = ready.strategy.outcomes(last, ready.world)["net"]
    liars = [net[name] for name in ready.attackers]
    return liars, [net[name] for name in ready.world.hospitals if name not in ready.attackers]


@exploit(KEY, "with nearest centroids, a third of the hospitals flip all their labels", outcome="held")
def test_flippers_pay_those_who_do_not() -> None:
    liars, honest = nets(flipped("nearest_centroid"))
    assert max(liars) < 0
    assert np.mean(honest) > np.mean(liars)


@exploit(KEY, "with the perceptron, a third of the hospitals flip all their labels", outcome="succeeds")
def test_a_flipper_ends_ahead() -> None:
    """One of the two earns, by reports of what the others said and the perceptron forgot."""
    liars, _ = nets(flipped())
    assert max(liars) > 0


def test_flipped_labels_stand_on_the_chain() -> None:
    ready = flipped()
    states(ready)
    for name in ready.attackers:
        true = patients_of(ready, name)
        assert on_chain(ready, name) == Counter({(on, 1 - label): count for (on, label), count in true.items()})
