"""Who got to see what: every way in which something leaves a hospital leaves a trace."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from small_world import ASK, COUNT, HOSPITALS, RECORDS, cost, replying, world

from chainward import codec
from chainward.strategy import Audience
from chainward.world import Answer, Faults, Kind, Meter, Published, Reverted


def disclosed(of: Any) -> list[tuple[str, str, int, int]]:
    return [(row["kind"], row["audience"], row["count"], row["bytes"]) for row in of.meter.disclosures()]


def publishing(kind: Kind, readers: tuple[str, ...] | None) -> Any:
    return lambda *_: Answer("cid", cost(published=(Published(kind, readers, 30),)))


def test_a_sealed_reply_discloses_nothing() -> None:
    one = world(replying(b"abc"))
    replies = one.ask(HOSPITALS, ASK)
    assert len(replies) == 4
    assert replies["A"].size == 4
    assert disclosed(one) == []
    assert one.meter.audience() is Audience.NOBODY


def test_a_sealed_reply_shows_nothing_of_its_value() -> None:
    reply = world(replying(b"secret")).ask("A", ASK)["A"]
    assert "secret" not in repr(reply)
    assert b"secret" not in codec.encode(reply)


def test_opening_discloses_to_the_coordinator() -> None:
    one = world(replying(b"abc"))
    one.ask(HOSPITALS, ASK).only(("A", "C")).open()
    assert disclosed(one) == [("individual update", "coordinator", 2, 8)]
    assert one.meter.audience() is Audience.COORDINATOR


@pytest.mark.parametrize(
    ("recipients", "audience"),
    [
        (("A",), Audience.NOBODY),  # its own
        (("B",), Audience.ONE_HOSPITAL),
        (("B", "C"), Audience.SOME_HOSPITALS),
        (("A", "B", "C"), Audience.SOME_HOSPITALS),
        (("B", "C", "D"), Audience.EVERY_HOSPITAL),
        (("miner 1",), Audience.COORDINATOR),
        (("miner 1", "B"), Audience.ONE_HOSPITAL),
    ],
)
def test_forwarding_discloses_to_each_recipient(recipients: tuple[str, ...], audience: Audience) -> None:
    one = world(replying(b"abc"))
    one.ask(recipients, COUNT, one.ask("A", ASK)["A"])
    others = [recipient for recipient in recipients if recipient != "A"]
    assert sum(count for _, _, count, _ in disclosed(one)) == len(others)
    assert one.meter.audience() is audience


def test_forwarding_delivers_the_value_and_counts_its_bytes() -> None:
    one = world(lambda party, payload: Answer(b"abc" if payload is None else payload, cost()))
    replies = one.ask(("A", "B"), ASK)
    before = one.meter.party_bytes
    payload = {"all": replies, "pair": (replies["A"], 1), "plain": "x"}
    one.ask("C", COUNT, payload)
    delivered = {"all": {"A": b"abc", "B": b"abc"}, "pair": (b"abc", 1), "plain": "x"}
    assert one.engine.asked[-1][1] == {"C": delivered}  # type: ignore[attr-defined]
    assert one.meter.party_bytes - before == 2 * codec.size(delivered)  # there and, in this script, back
    assert disclosed(one) == [("individual update", "hospitals", 3, 12)]


def test_audience_is_the_widest_of_any_hospital_and_adds_up_over_a_round() -> None:
    one = world(replying(b"abc"))
    replies = one.ask(HOSPITALS, ASK)
    one.ask("B", COUNT, replies["A"])
    assert one.meter.audience() is Audience.ONE_HOSPITAL
    one.ask("A", COUNT, replies["C"])
    assert one.meter.audience() is Audience.ONE_HOSPITAL
    one.ask("C", COUNT, replies["A"])
    assert one.meter.audience() is Audience.SOME_HOSPITALS
    one.begin(2)
    assert one.meter.audience() is Audience.NOBODY


def test_a_lone_hospital_is_seen_by_no_other() -> None:
    one = world(replying(b"abc"), hospitals=("A",))
    one.ask("A", ASK).open()
    assert one.meter.audience() is Audience.COORDINATOR


def test_one_of_two_hospitals_sees_what_every_hospital_sees() -> None:
    one = world(replying(b"abc"), hospitals=("A", "B"))
    one.ask("B", COUNT, one.ask("A", ASK)["A"])
    assert one.meter.audience() is Audience.EVERY_HOSPITAL


@pytest.mark.parametrize(
    ("readers", "audience", "recipient"),
    [
        (None, Audience.EVERYONE, "everyone"),
        (("B",), Audience.ONE_HOSPITAL, "hospitals"),
        (HOSPITALS, Audience.EVERY_HOSPITAL, "hospitals"),
    ],
)
def test_publishing_discloses_to_the_readers(
    readers: tuple[str, ...] | None, audience: Audience, recipient: str
) -> None:
    one = world(publishing(Kind.UPDATE, readers))
    one.ask("A", COUNT)
    count = 1 if readers is None else len(set(readers) - {"A"})
    assert disclosed(one) == [("individual update", recipient, count, 30 * count)]
    assert one.meter.audience() is audience


def test_only_updates_widen_the_audience() -> None:
    one = world(replying(b"abc"))
    one.ask(HOSPITALS, COUNT).open()
    assert disclosed(one) == [("statistics", "coordinator", 4, 16)]
    assert one.meter.audience() is Audience.NOBODY


@pytest.mark.parametrize("kind", list(Kind))
def test_noised_updates_are_updates(kind: Kind) -> None:
    meter = Meter(HOSPITALS)
    meter.disclose(kind, "A", ("coordinator",), 1)
    seen = meter.audience() is Audience.COORDINATOR
    assert seen == (kind in (Kind.UPDATE, Kind.NOISED_UPDATE))


def test_updates_of_parties_that_are_no_hospital_are_not_individual() -> None:
    one = world(replying(b"abc"))
    one.ask("miner 1", ASK).open()
    assert one.meter.audience() is Audience.NOBODY


def test_audiences_are_ordered_from_fewest_to_most() -> None:
    words = ["nobody", "coordinator", "one hospital a round", "some hospitals", "every hospital", "everyone"]
    assert [audience.value for audience in sorted(Audience, key=lambda audience: audience.rank)] == words


def test_raw_records_count_once_however_many_see_them() -> None:
    one = world(replying(b"rows"))
    replies = one.ask(HOSPITALS, RECORDS)
    one.ask("A", COUNT, replies["A"])
    assert one.meter.raw_records == 0  # one's own
    one.ask("centre 1", COUNT, replies.only(("A", "B")))
    assert one.meter.raw_records == 10 + 20
    replies.open()
    assert one.meter.raw_records == 10 + 20 + 30 + 40
    one.begin(2)
    one.ask(HOSPITALS, RECORDS).open()
    assert one.meter.raw_records == 0


@pytest.mark.parametrize(("readers", "shared"), [(None, 10), (("B", "C"), 10), (("A",), 0), ((), 0)])
def test_published_raw_records_count(readers: tuple[str, ...] | None, shared: int) -> None:
    one = world(publishing(Kind.RECORDS, readers))
    one.ask("A", COUNT)
    assert one.meter.raw_records == shared
    one.ask("A", COUNT)
    assert one.meter.raw_records == shared


def test_validation_patients_count_once_as_shared() -> None:
    one = world(replying())
    assert one.parties("miner", 2, records="validation") == ("miner 1", "miner 2")
    assert one.parties("requester", 1) == ("requester 1",)
    assert one.meter.raw_records == 3 + 4
    assert disclosed(one) == [("raw records", "miner 1", 2, 8 + 11), ("raw records", "miner 2", 2, 8 + 11)]
    assert one.meter.party_bytes == 2 * (8 + 11)
    assert one.clock.parts["network"] == 1 + 11  # a trip and the larger part, sent side by side
    assert one.clock.now == 12


def test_who_does_not_answer_gives_no_validation_patients() -> None:
    """Neither who is absent nor who is later than the patience; who is late in time is waited for."""
    one = world(replying(), faults=Faults({"A": ()}))
    one.parties("miner", 1, records="validation")
    assert (one.meter.raw_records, one.meter.party_bytes, one.meter.missing) == (4, 11, {"A"})
    assert one.clock.now == one.speeds.patience_s
    late = world(replying(), faults=Faults({}, {"A": one.speeds.patience_s + 1, "B": 5.0}))
    late.parties("miner", 1, records="validation")
    assert (late.meter.raw_records, late.meter.missing) == (4, {"A"})
    assert late.clock.parts["network"] == 1 + 11
    assert late.clock.now == late.speeds.patience_s


def test_reading_what_everybody_may_read_is_metered_and_names_the_unreadable() -> None:
    one = world(replying())
    cid = one.store.put(codec.encode(b"123456789"))
    assert one.read({"A": cid, "B": "bafynothing"}, bytes) == {"A": b"123456789"}
    assert one.meter.store_bytes == 10
    assert one.meter.unreadable == {"B"}
    assert one.clock.parts["network"] == 11.0
    assert one.read({}, bytes) == {}
    assert one.clock.parts["network"] == 11.0
    assert disclosed(one) == []


def test_replies_of_a_round_that_is_over_cannot_be_read_or_taken_for_others() -> None:
    one = world(lambda party, _: Answer(party.encode(), cost()))
    old = one.ask("A", ASK)
    one.begin(2)
    one.ask("B", ASK)
    with pytest.raises(LookupError, match="individual update of A was sealed in a round that is over"):
        old.open()
    with pytest.raises(LookupError, match="of A"):
        one.ask("C", COUNT, old)


@pytest.mark.parametrize("refused", [False, True])
def test_calldata_is_shown_to_everyone_refused_or_not(refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    one = world(replying())
    send = one.ledger.send

    def refusing(*arguments: Any) -> Any:
        send(*arguments)
        raise Reverted("Mine", "add", "no")

    if refused:
        monkeypatch.setattr(one.ledger, "send", refusing)
    for shows in (Kind.RECORDS, None, Kind.RECORDS):
        with nullcontext() if not refused else pytest.raises(Reverted):
            one.at("0x").send("add", 1, sender="A", shows=shows)
    assert disclosed(one) == [("raw records", "everyone", 2, 20)]
    assert one.meter.bytes()["chain"] == 30


def test_an_update_in_calldata_has_everyone_as_its_audience() -> None:
    one = world(replying())
    one.at("0x").send("write", 1, sender="A", shows=Kind.UPDATE)
    assert one.meter.audience() is Audience.EVERYONE


def test_what_a_contract_refuses_is_as_if_it_had_not_been_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """For whatever reason, where `send_each` lets just one pass."""
    one, given = world(replying()), []

    def refusing(*arguments: Any) -> Any:
        _, function, sent, sender, *_ = arguments
        given.append((sender, sent))
        if sender == "B":
            raise Reverted("Mine", function, f"no {sent}")

    monkeypatch.setattr(one.ledger, "send", refusing)
    assert one.at("0x").offer_each("add", {"A": (1, 2), "B": 3, "C": ()}) == ("A", "C")
    assert given == [("A", (1, 2)), ("B", (3,)), ("C", ())]
    with pytest.raises(Reverted, match="no"):
        one.at("0x").send_each("add", {"B": 3}, unless="another reason")
