"""BinDaaS's contract: signatures of all, consent, tokens for one use, and all that it refuses."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from bindaas_service import (
    ENDORSING,
    GRANTING,
    IDLE,
    KEYS,
    ONE,
    PROVIDER,
    REGISTERING,
    SIGNING,
    TRAINING,
    VERIFYING,
    Service,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import NOBODY, STRANGER, solidity

from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Refusals
from chainward.testing.liveness import Liveness


def test_phases_follow_one_another() -> None:
    service, phases = Service(), []
    for step in (
        service.keyed,
        service.registered,
        service.attested,
        service.voted,
        service.accept,
        service.request,
        service.endorsed,
        service.redeem,
        service.result,
    ):
        phases.append(service.call("phase"))
        step()
    assert phases == [KEYS, REGISTERING, SIGNING, VERIFYING, VERIFYING, IDLE, ENDORSING, GRANTING, TRAINING]
    assert (service.call("phase"), service.call("round"), service.call("resultOf", 1)) == (IDLE, 1, ONE)


def test_events_are_the_audit_trail() -> None:
    service = Service().ready().granted()
    service.redeem().result()
    told = [name for receipt in service.ledger.receipts for name, _ in receipt.events]
    assert told == [
        *["KeyRegistered"] * 2,
        *["RecordRegistered", "ConsentSet"] * 3,
        *["RecordsSigned"] * 2,
        *["Verified"] * 3,
        *["RecordAccepted"] * 3,
        "Requested",
        *["Endorsed"] * 2,
        "Granted",
        "Redeemed",
        "ResultPublished",
    ]


@pytest.mark.parametrize("missing", ["x", "y"])
def test_without_one_authority_no_record_is_accepted(missing: str) -> None:
    present = set("xy") - {missing}
    service = Service().keyed().registered().attested(authorities=present)
    receipt = service.late().send(STRANGER, "close")
    assert receipt.events == tuple(("RecordRefused", {"hospital": name}) for name in "abc")
    assert (service.accepted, service.call("phase")) == ([], IDLE)


@pytest.mark.parametrize("missing", ["x", "y"])
def test_without_one_authority_no_request_is_granted(missing: str) -> None:
    service = Service().ready().request().endorsed(set("xy") - {missing})
    assert service.late().send(STRANGER, "close").events == (("RequestRefused", {"round": 1, "phase": ENDORSING}),)
    assert service.call("phase") == IDLE
    assert service.granted().call("phase") == GRANTING  # the next one


def test_an_authority_without_a_key_signs_nothing_later() -> None:
    service = Service().keyed("x").late().close().registered()
    with refused("has no key"):
        service.attested()
    service.late().close()
    assert service.accepted == []


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_what_is_accepted_was_registered_signed_by_all_and_found_so_by_most(data: st.DataObject) -> None:
    hospitals = "abcd"
    some = st.sets(st.sampled_from(hospitals)) | st.just(set(hospitals))
    there = data.draw(some)
    service = Service(hospitals=hospitals).keyed().registered(sorted(there))
    if len(there) < len(hospitals):
        service.late().close()
    signed = [data.draw(some) for _ in service.authorities]
    for authority, names in zip(service.authorities, signed, strict=True):
        service.attested(names, [authority])
    found, voters = data.draw(some), sorted(data.draw(some))
    service.voted(found, voters)
    if 2 * len(voters) > len(hospitals):
        service.accept(found)
        assert service.accepted == sorted(found & there & set.intersection(*signed))
    else:
        with refused("no majority"):
            service.accept(found)
        service.late().close()
        assert service.accepted == []


def test_a_record_that_one_authority_did_not_sign_is_refused_and_that_is_recorded() -> None:
    service = Service().keyed().registered().attested(authorities="x").attested("ac", "y").voted()
    told = service.accept().events
    assert told == (
        ("RecordAccepted", {"hospital": "a"}),
        ("RecordRefused", {"hospital": "b"}),
        ("RecordAccepted", {"hospital": "c"}),
    )


def test_a_record_nobody_registered_is_not_accepted() -> None:
    service = Service().keyed().registered("ab").late().close().attested().voted()
    service.accept()
    assert service.accepted == ["a", "b"]


def test_redeeming_names_those_who_consent_then() -> None:
    service = Service().ready().granted()
    service.send("b", "setConsent", False)
    (told,) = service.send(PROVIDER, "redeem", 1).events
    assert told == ("Redeemed", {"round": 1, "hospitals": service.words("ac")})
    service.result().send("b", "setConsent", True)
    assert service.consenting == ["a", "b", "c"]


def test_consent_can_come_later() -> None:
    service = Service().keyed().registered(consents=False)
    assert service.consenting == []
    service.send("c", "setConsent", True)
    assert service.consenting == ["c"]


def test_most_hospitals_can_stop_a_request() -> None:
    service = Service().ready().granted().redeem()
    service.send("a", "object")
    assert service.call("phase") == TRAINING
    told = service.send("b", "object").events
    assert told == (
        ("Objected", {"round": 1, "hospital": "b"}),
        ("RequestRefused", {"round": 1, "phase": TRAINING}),
    )
    service.granted().redeem().send("a", "object")  # objections count anew
    assert service.call("objections") == 1


@pytest.mark.parametrize("phase", [ENDORSING, GRANTING, TRAINING])
def test_a_request_that_somebody_leaves_open_ends(phase: int) -> None:
    service = Service().ready().request()
    if phase > ENDORSING:
        service.endorsed()
    if phase > GRANTING:
        service.redeem()
    told = service.late().send(STRANGER, "close").events
    assert told == (("RequestRefused", {"round": 1, "phase": phase}),)


def test_views_name_everybody() -> None:
    service = Service().keyed().registered("ab").late().close().attested(authorities="y")
    assert service.call("signatures") == (("x", "y"), (bytes(32), ONE))
    who, digests = service.call("records")
    assert (who, digests[2]) == (("a", "b", "c"), bytes(32))


def test_more_hospitals_than_a_word_has_bits() -> None:
    names = [f"h{number}" for number in range(300)]
    service = Service(hospitals=names).keyed().registered(names[250:]).late().close()
    service.attested().voted(names[255:], names[:151])
    gas = service.accept(names[255:]).gas
    assert service.accepted == names[255:]
    assert gas < 2_000_000


# --- refusals ----------------------------------------------------------------------------------------------------


def signing() -> Service:
    return Service().keyed().registered()


def verifying() -> Service:
    return signing().attested()


def training() -> Service:
    return Service().ready().granted().redeem()


def unkeyed() -> Service:
    """The contract waits for a request's signatures, and y has no key."""
    return Service().keyed("x").late().close().registered().late().close().request()


REFUSALS: Refusals = {
    "constructor": [
        ("no authority", lambda: Service(authorities=())),
        ("no hospital", lambda: Service(hospitals=())),
        ("no provider", lambda: Service(provider=NOBODY)),
        ("authority listed twice", lambda: Service(authorities="xyx")),
        ("hospital listed twice", lambda: Service(hospitals="aba")),
    ],
    "registerKey": [
        ("in another phase", lambda: Service().keyed().send("x", "registerKey", ONE)),
        ("not an authority", lambda: Service().send("a", "registerKey", ONE)),
        ("no key", lambda: Service().send("x", "registerKey", bytes(32))),
        ("already has a key", lambda: Service().keyed("xx")),
    ],
    "register": [
        ("in another phase", lambda: Service().registered("a")),
        ("in another phase", lambda: signing().registered("a")),
        ("not a hospital", lambda: Service().keyed().registered("x")),
        ("not a hospital", lambda: Service().keyed().registered([PROVIDER])),
        ("no records", lambda: Service().keyed().send("a", "register", bytes(32), True)),
        ("already registered", lambda: Service().keyed().registered("aa")),
    ],
    "attest": [
        ("in another phase", lambda: Service().keyed().attested()),
        ("in another phase", lambda: verifying().attested()),
        ("not an authority", lambda: signing().attested(authorities="a")),
        ("has no key", lambda: Service().keyed("x").late().close().registered().attested(authorities="y")),
        ("another number of words", lambda: signing().send("x", "attest", (), ONE)),
        ("another number of words", lambda: signing().send("x", "attest", (7, 0), ONE)),
        ("no signatures", lambda: signing().send("x", "attest", (7,), bytes(32))),
        ("already attested", lambda: signing().attested(authorities="xx")),
    ],
    "vote": [
        ("in another phase", lambda: signing().voted()),
        ("not a hospital", lambda: verifying().voted(hospitals="x")),
        ("no verdict", lambda: verifying().send("a", "vote", bytes(32))),
        ("already voted", lambda: verifying().voted(hospitals="aa")),
    ],
    "accept": [
        ("in another phase", lambda: signing().accept()),
        ("in another phase", lambda: Service().ready().accept("a")),
        ("another number of words", lambda: verifying().voted().send("a", "accept", (7, 0))),
        ("no majority", lambda: verifying().voted(hospitals="a").accept()),
        ("no majority", lambda: verifying().voted().accept("ab")),
        ("no majority", lambda: verifying().voted("a", "a").voted("b", "b").voted("c", "c").accept("a")),
    ],
    "setConsent": [
        ("not a hospital", lambda: Service().ready().send(PROVIDER, "setConsent", True)),
        ("nothing registered", lambda: Service().send("a", "setConsent", True)),
        ("nothing changes", lambda: Service().ready().send("a", "setConsent", True)),
    ],
    "request": [
        ("in another phase", lambda: signing().request()),
        ("in another phase", lambda: training().request()),
        ("not the provider", lambda: Service().ready().send("a", "request", ONE)),
        ("not the provider", lambda: Service().ready().send(STRANGER, "request", ONE)),
    ],
    "endorse": [
        ("in another phase", lambda: Service().ready().endorsed()),
        ("in another phase", lambda: Service().ready().granted().endorsed("x")),
        ("not an authority", lambda: Service().ready().request().endorsed([PROVIDER])),
        ("has no key", lambda: unkeyed().endorsed("y")),
        ("no signature", lambda: Service().ready().request().send("x", "endorse", bytes(32))),
        ("already endorsed", lambda: Service().ready().request().endorsed("xx")),
    ],
    "redeem": [
        ("not the provider", lambda: Service().ready().granted().send("a", "redeem", 1)),
        ("not the provider", lambda: Service().ready().granted().send(STRANGER, "redeem", 1)),
        ("not the present token", lambda: training().result().granted().redeem(1)),
        ("not the present token", lambda: Service().ready().granted().redeem(2)),
        ("not granted, or used", lambda: Service().ready().request().redeem()),
        ("not granted, or used", lambda: training().redeem()),
        ("not granted, or used", lambda: training().result().redeem()),
    ],
    "object": [
        ("in another phase", lambda: Service().ready().granted().send("a", "object")),
        ("not a hospital", lambda: training().send("x", "object")),
        ("already objected", lambda: [service.send("a", "object") for service in 2 * [training()]]),
    ],
    "publishResult": [
        ("in another phase", lambda: Service().ready().granted().result()),
        ("in another phase", lambda: training().result().result()),
        ("not the provider", lambda: training().send("a", "publishResult", ONE)),
        ("no result", lambda: training().send(PROVIDER, "publishResult", bytes(32))),
    ],
    "close": [
        ("before the deadline", lambda: Service().close()),
        ("before the deadline", lambda: Service().ready().late().close()),  # nobody is waited for
        ("before the deadline", lambda: training().wait(9).close()),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("BinDaaS")
    refusals = REFUSALS


# --- liveness ----------------------------------------------------------------------------------------------------


class Waiting(Liveness):
    """Whoever falls silent, every phase ends."""

    parties = ("x", "y", "a", "b", PROVIDER)
    acts: ClassVar[dict[str, Any]] = {
        "registerKey": lambda it, sender, draw: it.send(sender, "registerKey", ONE),
        "register": lambda it, sender, draw: it.send(sender, "register", ONE, draw(st.booleans())),
        "attest": lambda it, sender, draw: it.send(sender, "attest", (draw(st.integers(0, 7)),), ONE),
        "vote": lambda it, sender, draw: it.voted("ab" if draw(st.booleans()) else "a", [sender]),
        "accept": lambda it, sender, draw: it.accept("ab" if draw(st.booleans()) else "a"),
        "setConsent": lambda it, sender, draw: it.send(sender, "setConsent", draw(st.booleans())),
        "request": lambda it, sender, draw: it.send(sender, "request", ONE),
        "endorse": lambda it, sender, draw: it.send(sender, "endorse", ONE),
        "redeem": lambda it, sender, draw: it.send(sender, "redeem", it.call("round")),
        "object": lambda it, sender, draw: it.send(sender, "object"),
        "publishResult": lambda it, sender, draw: it.send(sender, "publishResult", ONE),
    }
    repeatable = frozenset({"setConsent"})

    def make(self, draw: Any) -> Service:
        return Service(hospitals="ab")

    def resting(self) -> bool:
        return bool(self.it.call("phase") == IDLE)


TestWaiting = Waiting.TestCase
