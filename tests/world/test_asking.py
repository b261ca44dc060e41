"""Who is asked, who answers in time, and what the virtual clock says; all seconds worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import pytest
from annotated_types import Interval
from small_world import ASK, COUNT, HOSPITALS, cost, replying, world

from chainward import codec
from chainward.world import Answer, Clock, Each, Faults, HospitalAbsent, Kind, Published, Query

# An empty payload and an empty reply are one byte each: a bare question costs a trip and two bytes, 3 s.
BARE = 3.0


def parts(of: Any) -> dict[str, float]:
    return {name: seconds for name, seconds in of.clock.parts.items() if seconds}


def test_an_answer_takes_its_compute_its_bytes_and_its_trip() -> None:
    # 50 FLOPs: 5 s. Nine bytes are encoded as 10, three as 4; with one trip that is 15 s.
    one = world(replying(b"abc", A=50))
    replies = one.ask("A", ASK, b"123456789")
    assert parts(one) == {"compute": 5.0, "network": 15.0}
    assert one.clock.now == 20.0
    assert (replies["A"].arrival, replies["A"].size, replies["A"].owner) == (20.0, 4, "A")
    assert one.meter.party_bytes == 14
    assert one.meter.measured_s == 0.25


@pytest.mark.parametrize("alike", [True, False])
def test_every_party_is_sent_all_bytes_and_may_change_what_it_got(alike: bool) -> None:
    """Payloads that are alike are encoded once, and still nobody sees what another made of its own."""

    def changing(party: str, request: dict[str, Any]) -> Answer:
        unchanged = request == {"model": b"12345", "by": ({},)}
        request["by"][0][party] = 1
        del request["model"]
        return Answer(unchanged, cost())

    payload: dict[str, Any] = {"model": b"12345", "by": ({},)}
    one = world(changing)
    replies = one.ask(HOSPITALS, ASK, payload if alike else Each(dict.fromkeys(HOSPITALS, payload)))
    sent = len(codec.encode(payload))
    assert one.meter.party_bytes == 4 * (sent + 1)
    assert list(replies.open().values()) == [True] * 4
    assert payload == {"model": b"12345", "by": ({},)}


def test_store_traffic_of_a_party_is_on_its_clock() -> None:
    published = (Published(Kind.CONTROL, None, 20),)
    one = world(lambda *_: Answer(None, cost(fetched=10, published=published, trips=2)))
    one.ask("A", ASK)
    assert parts(one) == {"network": BARE + 2 + 10 + 20}
    assert one.meter.store_bytes == 30
    assert one.meter.party_bytes == 2


def test_parts_are_those_of_the_slowest_party() -> None:
    slow_wire = {"A": b"", "B": b"123456789"}
    one = world(lambda party, _: Answer(slow_wire[party], cost({"A": 60.0, "B": 10.0}[party])))
    one.ask(("A", "B"), ASK)
    # B's ten bytes begin at 1 + 2 and end at 13; A's one byte, ready at 6 + 2, waits for the link.
    assert parts(one) == {"compute": 6.0, "network": 8.0}
    other = world(lambda party, _: Answer(slow_wire[party], cost({"A": 160.0, "B": 10.0}[party])))
    other.ask(("A", "B"), ASK)
    assert parts(other) == {"compute": 16.0, "network": 3.0}


def test_first_takes_the_earliest_and_waits_no_longer() -> None:
    one = world(replying(A=300, B=100, C=200, D=400))
    replies = one.ask(HOSPITALS, ASK, first=2)
    assert list(replies) == ["B", "C"]
    assert replies.missing == ()
    assert parts(one) == {"compute": 20.0, "network": BARE}


def test_replies_keep_the_order_of_the_parties_whoever_was_first() -> None:
    one = world(replying(A=300, B=100))
    assert list(one.ask(("A", "B"), ASK)) == ["A", "B"]
    assert list(one.ask(("B", "A"), ASK)) == ["B", "A"]


@pytest.mark.parametrize("order", [("A", "B", "C"), ("C", "A", "B")])
def test_ties_go_to_those_asked_first(order: tuple[str, ...]) -> None:
    assert tuple(world(replying()).ask(order, ASK, first=2)) == order[:2]


def test_first_does_not_wait_for_who_is_missing() -> None:
    one = world(replying(), Faults(absent={"A": ()}))
    assert list(one.ask(HOSPITALS, ASK, first=3)) == ["B", "C", "D"]
    assert one.clock.now == BARE + 2  # a byte each, one after another


def test_too_few_for_first_waits_out_the_patience() -> None:
    one = world(replying(), Faults(absent={"A": (), "B": ()}))
    replies = one.ask(HOSPITALS, ASK, first=3)
    assert (list(replies), replies.missing) == (["C", "D"], ("A", "B"))
    assert parts(one) == {"network": BARE + 1, "waiting": 96.0}


def test_first_of_more_than_were_asked_is_everyone() -> None:
    one = world(replying())
    assert list(one.ask(("A", "B"), ASK, first=5)) == ["A", "B"]
    assert one.clock.now == BARE + 1


def test_a_delay_is_waiting() -> None:
    one = world(replying(A=10), Faults(delay={"A": 7.0}))
    one.ask(("A", "B"), ASK)
    assert parts(one) == {"compute": 1.0, "network": BARE, "waiting": 7.0}


@pytest.mark.parametrize(("delay", "missing"), [(97.0, ()), (97.001, ("A",))])
def test_patience_ends_on_the_second(delay: float, missing: tuple[str, ...]) -> None:
    one = world(replying(), Faults(delay={"A": delay}))
    replies = one.ask(("A", "B"), ASK)
    assert replies.missing == missing
    assert "B" in replies
    assert one.clock.now == 100.0
    assert one.meter.missing == set(missing)


def test_patience_starts_when_asked() -> None:
    one = world(replying(), Faults(delay={"A": 50.0}))
    for asked in (1, 2, 3):
        assert one.ask("A", ASK).missing == ()
        assert one.clock.now == asked * 53.0


def test_nobody_answering_costs_the_patience() -> None:
    one = world(replying(), Faults(absent={"A": ()}))
    assert len(one.ask("A", ASK)) == 0
    assert parts(one) == {"waiting": 100.0}


def test_nobody_asked_costs_nothing() -> None:
    one = world(replying())
    assert len(one.ask((), ASK)) == 0
    assert one.clock.now == 0.0


def test_absent_party_is_not_asked_at_all() -> None:
    one = world(replying(), Faults(absent={"B": (1,)}))
    replies = one.ask(("A", "B"), ASK, b"123")
    assert replies.missing == ("B",)
    assert one.engine.asked == [("ask", {"A": b"123"}, "1/ask/1")]  # type: ignore[attr-defined]
    assert one.meter.party_bytes == 5


def test_absence_is_of_its_rounds_only() -> None:
    one = world(replying(), Faults(absent={"A": (0, 2), "B": ()}))
    missing = []
    for number in range(4):
        one.begin(number)
        missing.append(one.ask(("A", "B"), ASK).missing)
    assert missing == [("A", "B"), ("B",), ("A", "B"), ("B",)]


def test_need_refuses_by_every_missing_name() -> None:
    one = world(replying(), Faults(absent={"B": (), "D": ()}))
    with pytest.raises(HospitalAbsent, match="round 1 cannot go on without B, D"):
        one.need(one.ask(HOSPITALS, ASK))
    complete = one.ask(("A", "C"), ASK)
    assert one.need(complete) is complete


def test_each_party_gets_its_own_payload() -> None:
    one = world(lambda _, payload: Answer(payload, cost()))
    replies = one.ask(("A", "B"), COUNT, Each(A=b"for A", B=b"for B", C=b"nobody's"))
    assert replies.open() == {"A": b"for A", "B": b"for B"}
    assert one.meter.party_bytes == 4 * 6


def test_each_occasion_has_its_own_label() -> None:
    one = world(replying())
    for query in (ASK, ASK, COUNT):
        one.ask("A", query)
    one.begin(2)
    one.ask("A", ASK)
    labels = [label for *_, label in one.engine.asked]  # type: ignore[attr-defined]
    assert labels == ["1/ask/1", "1/ask/2", "1/count/1", "2/ask/1"]


def test_opening_takes_aggregation_time() -> None:
    one = world(replying(b"123456789"))  # 10 bytes: 5 FLOPs at 10 a second
    replies = one.ask(("A", "B"), ASK)
    before = one.clock.now
    assert replies.open() == {"A": b"123456789", "B": b"123456789"}
    assert one.clock.now - before == pytest.approx(1.0)
    assert one.clock.parts["aggregation"] == pytest.approx(1.0)


def test_asking_first_waits_for_what_was_sent_to_the_chain() -> None:
    one = world(replying())
    one.at("0x0").send("f", sender="A")
    one.at("0x0").send("f", sender="B")
    assert one.clock.now == 0.0  # both wait in the same block
    one.ask("A", ASK)
    # Half a round trip to a node, and ten bytes a transaction, side by side: what the block takes beyond is consensus.
    assert parts(one) == {"consensus": 39.5, "network": 10.5 + BARE}


def test_a_sender_s_transactions_leave_one_after_another() -> None:
    one = world(replying())
    sent = []
    for sender in ("A", "A", "B"):
        one.at("0x0").send("f", sender=sender)
        sent.append(one.ledger.sent_at)  # type: ignore[attr-defined]
    assert sent == [0.5, 10.5, 0.5]


def test_what_is_read_at_one_moment_takes_one_round_trip() -> None:
    one = world(replying())
    for _ in range(3):
        one.at("0x0").call("f")
    assert parts(one) == {"network": 1.0 + 3}  # a byte each
    one.elapse("waiting", 1.0)
    one.at("0x0").call("f")
    assert parts(one) == {"network": 6.0, "waiting": 1.0}


def test_a_phase_of_the_protocol_ends_the_wait_in_place_of_patience() -> None:
    one = world(replying(A=300), Faults(delay={"B": 20.0, "C": 150.0}))
    replies = one.ask(HOSPITALS, ASK, within=10.0)
    assert (list(replies), replies.missing) == (["D"], ("A", "B", "C"))
    assert one.clock.now == 10.0
    assert list(one.ask(("C", "D"), ASK, within=200.0)) == ["C", "D"]  # longer than patience, too
    assert one.ask("D", ASK, within=0.0).missing == ("D",)


def test_an_answer_that_is_hasty_is_there_at_once() -> None:
    hasty = replace(cost(1_000), hasty=True)
    one = world(lambda party, _: Answer(b"", hasty if party == "C" else cost()))
    assert list(one.ask(HOSPITALS, ASK, first=1)) == ["C"]
    assert one.clock.now == 0.0


def test_what_has_another_form_is_unreadable_and_neither_kept_nor_waited_for() -> None:
    counted = Query("count", Kind.STATISTICS, reply=Annotated[int, Interval(ge=0, le=10)])
    said = {"A": 3, "B": "3", "C": 11, "D": None}
    one = world(lambda party, _: Answer(said[party], cost()))
    replies = one.ask(HOSPITALS, counted)
    assert (replies.open(), replies.missing, replies.unreadable) == ({"A": 3}, (), ("B", "C", "D"))
    assert one.meter.unreadable == {"B", "C", "D"}
    assert one.clock.now < 20
    assert list(one.ask(("B", "A"), counted, first=1)) == ["A"]
    with pytest.raises(HospitalAbsent, match="without B, C, D"):
        one.need_some(replies, atleast=2)
    assert one.need_some(replies) is replies


def test_a_lap_starts_the_parts_anew_and_keeps_the_time() -> None:
    one = world(replying())
    one.ask("A", ASK)
    assert one.clock.lap()["network"] == BARE
    assert parts(one) == {}
    assert one.clock.now == BARE


def test_time_does_not_run_backwards() -> None:
    clock = Clock(now=20.0)
    clock.until("waiting", 5.0)
    assert (clock.now, clock.parts["waiting"]) == (20.0, 0.0)
    clock.until("waiting", 21.5)
    assert (clock.now, clock.parts["waiting"]) == (21.5, 1.5)


def test_absent_hospital_cannot_send() -> None:
    one = world(replying(), Faults(absent={"B": (1,)}))
    with pytest.raises(HospitalAbsent, match="B is absent and cannot send vote"):
        one.at("0x0").send("vote", sender="B")
    assert one.ledger.receipts == []
    one.begin(2)
    one.at("0x0").send("vote", sender="B")
    assert [receipt.sender for receipt in one.ledger.receipts] == ["B"]
