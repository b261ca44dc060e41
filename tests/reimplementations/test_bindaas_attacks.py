"""Attacks on BinDaaS: flipped bits, authorities that collude or go away, readers without a right, spoiled records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from bindaas_service import ENDORSING, TRAINING, Service, events, going_wrong, original, paper, prepared
from exploits import exploit
from papers import STRANGER
from test_bindaas_protocol import AUTHORITIES, HOSPITALS, PROVIDER, memory, site, trained_on

from chainward.methods.content import content_id, digest
from chainward.methods.encryption import key_pair, locked, unlocked, unlocked_between
from chainward.methods.lattice_signature import SCHEMES
from chainward.testing import refused, states, varied
from chainward.trials.prepare import Trial
from chainward.world import Faults, Kind, Memory, Query, Site

BOTH = pytest.mark.parametrize("form", SCHEMES)
FIRST = HOSPITALS[0]


def flipped(data: bytes, bit: int = 1_000) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def last_step(form: str) -> str:
    """The local function in which an authority says its part of a signature."""
    return "answer" if SCHEMES[form].exchanges else "begin"


def spoiling(form: str, what: str, change: Any, who: tuple[str, ...] = AUTHORITIES[2:]) -> Any:
    """Authorities that change their part of the signature of `what`."""
    honest = original(last_step(form))
    final = 10_000  # parts of signatures are longer than hashes and shorter than what is said before

    def wrong(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        said, kept = honest(self, site, memory, payload)
        said_last = form == "ml_dsa" or (what in said and final < len(said[what]) < 2 * final)
        return ({**said, what: change(said[what])} if said_last and what in said else said), kept

    return going_wrong(last_step(form), who, wrong, signature=form)


# --- signatures --------------------------------------------------------------------------------------------------


@exploit("bindaas", "one bit of one authority's signature of a record is flipped", outcome="held")
@BOTH
def test_a_record_with_one_flipped_bit_in_a_signature_is_refused_and_that_is_recorded(form: str) -> None:
    ready = prepared(strategy=spoiling(form, FIRST, flipped), rounds=1)
    *_, last = states(ready)
    assert set(last.records) == set(HOSPITALS[1:])
    assert events(ready, "RecordRefused") == [("RecordRefused", {"hospital": FIRST})]
    assert ready.strategy.outcomes(last, ready.world)["accepted"][FIRST] == 0
    assert last.used == {FIRST: 0, **dict.fromkeys(HOSPITALS[1:], 1)}


@exploit("bindaas", "one bit of one authority's signature of a request is flipped", outcome="held")
@BOTH
def test_a_request_with_one_flipped_bit_in_a_signature_is_refused_and_that_is_recorded(form: str) -> None:
    ready = prepared(strategy=spoiling(form, "request", flipped))
    first, *_, last = states(ready)
    np.testing.assert_array_equal(first.weights, last.weights)
    assert (last.served, last.refused) == (0, 2)
    assert ready.world.shared == set()  # nobody gave its key
    assert ("RequestRefused", {"round": 1, "phase": TRAINING}) in events(ready, "RequestRefused")
    assert len(events(ready, "Objected")) >= 2 * 3  # more than half of four, in each request


def test_where_few_consent_a_request_that_they_object_to_is_refused_as_well() -> None:
    """Two of four are not more than half: nobody gives its key, so there is nothing to publish, and time runs out."""

    def consents(_: Any, site: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
        return site.name in HOSPITALS[:2], memory

    wrong = spoiling("ml_dsa", "request", flipped)
    ready = prepared(strategy=varied("bindaas", {}, consents=consents, begin=type(wrong).begin), rounds=1)
    first, last = states(ready)
    np.testing.assert_array_equal(first.weights, last.weights)
    assert (last.served, last.refused) == (0, 1)
    assert events(ready, "RequestRefused", "ResultPublished") == [("RequestRefused", {"round": 1, "phase": TRAINING})]


@exploit("bindaas", "one bit of an encrypted record is flipped after it was signed", outcome="held")
def test_a_record_with_one_flipped_bit_is_not_trained_on_and_that_is_recorded() -> None:
    """No store gives another content under an id; where one does, the cipher notices."""
    ready = prepared(rounds=1)
    state = ready.strategy.open(ready.world)
    store, cid = ready.world.store, state.records[FIRST]
    store.content[cid] = flipped(store.content[cid])  # type: ignore[attr-defined]
    ready.world.begin(1)
    after = ready.strategy.round(state, ready.world)
    assert after.used == {FIRST: 0, **dict.fromkeys(HOSPITALS[1:], 1)}
    assert ready.world.meter.unreadable == {FIRST}


@exploit("bindaas", "a hospital registers another digest than the authorities saw and signed", outcome="held")
@pytest.mark.parametrize("bit", [0, 77, 255])
def test_another_digest_than_the_signed_one_is_refused(bit: int) -> None:
    """Authorities that sign a digest with one bit flipped did not sign the record that is registered."""
    honest = paper()._vet

    def another(site: Site, memory: Memory, task: Any) -> Any:
        contract, records = task
        place, registered = records[FIRST]
        messages, memory = honest(site, memory, task)
        message = paper()._message("record", contract, place, flipped(registered, bit))
        return {**messages, FIRST: message}, memory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paper(), "_vet", another)
        ready = prepared(rounds=1)
        *_, last = states(ready)
    assert set(last.records) == set(HOSPITALS[1:])


@exploit("bindaas", "two of three authorities collude and sign without the third", outcome="held")
@BOTH
@pytest.mark.parametrize("what", ["request", FIRST])
@pytest.mark.parametrize("forged", ["copied", "random", "empty"])
def test_all_but_one_cannot_sign_for_the_last(form: str, what: str, forged: str) -> None:
    """They may even act from its account: what they post in its name does not verify."""
    seen: dict[str, bytes] = {}

    def keep(said: bytes) -> bytes:
        return seen.setdefault(what, said)

    def forge(said: bytes) -> bytes:
        made = {"copied": seen.get(what, b"x"), "random": np.random.default_rng(0).bytes(len(said)), "empty": b"?"}
        return made[forged]

    strategy = spoiling(form, what, forge, who=AUTHORITIES[2:])
    keeping, forging, step = spoiling(form, what, keep, who=AUTHORITIES[:1]), strategy, last_step(form)

    def local(self: Any, site: Site, memory: Memory, payload: Any) -> Any:
        return getattr(type(keeping if site.name == AUTHORITIES[0] else forging), step)(self, site, memory, payload)

    ready = prepared(strategy=varied("bindaas", {"signature": form}, **{step: local}), rounds=1)
    *_, last = states(ready)
    assert (last.served, FIRST in last.records) == ((0, True) if what == "request" else (1, False))


@exploit("bindaas", "an authority is silent, or signs what does not verify, from some day on", outcome="succeeds")
@BOTH
def test_any_one_authority_stops_the_service(form: str) -> None:
    """All are needed, so each has a veto: nothing is learned any more, and the record says whose signature lacks."""
    ready = prepared(params={"signature": form}, rounds=3)
    ready.world.faults = Faults({AUTHORITIES[0]: (2, 3)})
    *_, second, _, last = states(ready)
    np.testing.assert_array_equal(second.weights, last.weights)
    assert (last.served, last.refused) == (1, 2)
    present = {event["authority"] for _, event in events(ready, "Endorsed") if event["round"] == 3}
    assert present == (set(AUTHORITIES[1:]) if form == "ml_dsa" else set())  # together they say nothing at all


@exploit("bindaas", "an authority shows another key than the one it fixed before it saw the others'", outcome="held")
@BOTH
def test_a_key_chosen_after_the_others_is_not_taken(form: str) -> None:
    def show_key(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        return original("show_key")(self, site, {**memory, "seed": bytes(32)}, payload)

    ready = prepared(strategy=going_wrong("show_key", AUTHORITIES[2:], show_key, signature=form))
    *_, last = states(ready)
    assert (last.records, last.served, last.refused) == ({}, 0, 2)
    assert last.used == dict.fromkeys(HOSPITALS, 0)


@pytest.mark.parametrize("change", [lambda one: flipped(one, 3), lambda _: bytes(32)], ids=["another", "none"])
def test_a_hospital_keeps_no_keys_but_those_fixed_on_chain(change: Any) -> None:
    """One hash that is not that of the key shown, or of an authority that fixed none, and nothing verifies there."""
    ready = prepared(rounds=1)
    *_, last = states(ready)
    hashes = dict(zip(*ready.world.at(last.contract).call("keys"), strict=True))
    shown = {
        name: original("show_key")(ready.strategy, site(ready, name), memory(ready, name), None)[0] for name in hashes
    }
    right, kept = ready.strategy.keep_keys(site(ready, FIRST), {}, (shown, hashes))  # type: ignore[attr-defined]
    assert right
    assert kept["joint"] == memory(ready, FIRST)["joint"]
    hashes[AUTHORITIES[1]] = change(hashes[AUTHORITIES[1]])
    right, kept = ready.strategy.keep_keys(site(ready, FIRST), {}, (shown, hashes))  # type: ignore[attr-defined]
    assert not right
    assert not kept.get("joint")


# --- readers -----------------------------------------------------------------------------------------------------


@cache
def ready_to_release() -> tuple[Trial, tuple[Any, ...], Mapping[str, str]]:
    """A trial of one round, the request that was served in it, and where its signatures are."""
    ready = prepared(rounds=1)
    *_, last = states(ready)
    chain = ready.world.at(last.contract)
    weights = ready.world.initial_weights()
    (reader, purpose), _ = paper()._ask_for(site(ready, PROVIDER), {}, weights)
    contents = {name: content_id(one) for name, one in zip(*chain.call("endorsements"), strict=True)}
    return ready, (last.contract, 1, reader, purpose, PROVIDER), contents


def asked_again(change: Any) -> tuple[bool, Memory]:
    """What a hospital that has answered nothing yet says to a request in which something was changed."""
    ready, request, contents = ready_to_release()
    unanswered = {name: value for name, value in memory(ready, FIRST).items() if name != "answered"}
    found: tuple[bool, Memory] = ready.strategy.check(site(ready, FIRST), unanswered, (change(request), contents))  # type: ignore[attr-defined]
    return found


READERS = {name: key_pair(name.encode().ljust(32)) for name in (STRANGER, "thief")}


@exploit("bindaas", "a stranger or another hospital is put in the provider's place as reader", outcome="held")
@pytest.mark.parametrize("who", [STRANGER, HOSPITALS[1], AUTHORITIES[0]])
def test_no_reader_but_the_one_that_all_authorities_signed_for_gets_a_key(who: str) -> None:
    ready, _, __ = ready_to_release()
    public = READERS[STRANGER].public if who == STRANGER else site(ready, who).key.public
    fine, kept = asked_again(lambda request: (*request[:2], public, *request[3:]))
    assert not fine
    assert "release" not in kept
    assert asked_again(lambda request: request)[0]  # the provider's own is taken


@exploit("bindaas", "an old request is asked again, or with another token or purpose", outcome="held")
@pytest.mark.parametrize(
    "change",
    [
        lambda request: (request[0], 2, *request[2:]),
        lambda request: (*request[:3], bytes(32), request[4]),
        lambda request: ("0x" + 40 * "1", *request[1:]),
    ],
    ids=["token", "purpose", "contract"],
)
def test_a_signature_is_of_one_token_purpose_and_contract(change: Any) -> None:
    assert not asked_again(change)[0]


@exploit("bindaas", "a token is redeemed twice, or a hospital is asked twice for one", outcome="held")
def test_a_token_is_for_one_use() -> None:
    service = Service().ready().granted().redeem()
    with refused("not granted, or used"):
        service.redeem()
    with refused("not the present token"):
        service.result().granted().redeem(1)
    ready, request, contents = ready_to_release()
    inside = site(ready, FIRST)
    assert not ready.strategy.check(inside, memory(ready, FIRST), (request, contents))[0]  # type: ignore[attr-defined]
    fine, kept = asked_again(lambda request: request)
    given, after = paper()._release(inside, kept, 1)
    assert fine
    assert given
    assert paper()._release(inside, after, 1)[0] == paper()._release(inside, kept, 2)[0] == b""


@exploit("bindaas", "somebody else reads what a hospital published, or the key it gave the provider", outcome="held")
def test_ciphertext_and_wrapped_key_are_of_no_use_to_others() -> None:
    ready, request, _ = ready_to_release()
    _, kept = asked_again(lambda request: request)
    wrapped, _ = paper()._release(site(ready, FIRST), kept, 1)
    publisher = site(ready, FIRST).key.public
    key = unlocked_between(wrapped, site(ready, PROVIDER).key, publisher)
    assert key == memory(ready, FIRST)["key"]
    for other in (HOSPITALS[1], AUTHORITIES[0]):
        with pytest.raises(ValueError, match="does not open"):
            unlocked_between(wrapped, site(ready, other).key, publisher)
    closed = site(ready, PROVIDER).read({FIRST: content_id(ready.world.at(request[0]).call("records")[1][0])}, bytes)
    with pytest.raises(ValueError, match="does not open"):
        unlocked(closed[FIRST], bytes(32), FIRST.encode())
    with pytest.raises(ValueError, match="does not open"):  # republished by another as its own
        unlocked(closed[FIRST], key, HOSPITALS[1].encode())


@exploit("bindaas", "a hospital without consent, or with refused records, is asked for its key", outcome="held")
def test_who_does_not_consent_is_not_even_asked() -> None:
    asked: list[str] = []

    def consents(_: Any, site: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
        return False, memory

    ready = prepared(strategy=going_wrong("consents", [FIRST], consents), rounds=1)
    ask = ready.world.ask

    def noting(who: Any, what: Query, *arguments: Any, **others: Any) -> Any:
        if what.name in ("check", "release"):
            asked.extend(who)
        return ask(who, what, *arguments, **others)

    ready.world.ask = noting  # type: ignore[method-assign]
    (*_, last) = states(ready)
    assert sorted(asked) == sorted(2 * HOSPITALS[1:])
    chain = ready.world.at(last.contract)
    (reader, purpose), _ = paper()._ask_for(site(ready, PROVIDER), {}, ready.world.initial_weights())
    request = (last.contract, 1, reader, purpose, PROVIDER)
    contents = {name: content_id(one) for name, one in zip(*chain.call("endorsements"), strict=True)}
    inside, own = site(ready, FIRST), memory(ready, FIRST)
    given = [ready.strategy.check(inside, {**own, "consents": mind}, (request, contents))[0] for mind in (True, False)]  # type: ignore[attr-defined]
    assert given == [True, False]
    assert own["consents"] is False


@exploit("bindaas", "a provider asks for somebody else to read, or with a reader's key that is none", outcome="held")
@pytest.mark.parametrize(
    "key", [READERS["thief"].public, bytes(65), b"\4" + 64 * b"\xff"], ids=["a stranger's", "zeros", "no point"]
)
@BOTH
def test_nobody_signs_for_another_reader_and_nothing_ends(
    form: str, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = paper().ASK_FOR

    def ask_for(site: Site, memory: Memory, weights: Any) -> Any:
        return (key, bytes(32)), memory

    monkeypatch.setattr(paper(), "ASK_FOR", replace(honest, local=ask_for))
    ready = prepared(rounds=1, params={"signature": form})
    *_, last = states(ready)
    assert (last.served, last.refused) == (0, 1)
    assert events(ready, "Endorsed", "RequestRefused") == [("RequestRefused", {"round": 1, "phase": ENDORSING})]
    assert ready.world.shared == set()


def test_no_hospital_encrypts_for_another_reader_whatever_authorities_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them together with the provider: the reader is whom the contract names."""
    ready, request, _ = ready_to_release()
    thief = (*request[:2], READERS["thief"].public, *request[3:])
    monkeypatch.setattr(type(ready.strategy), "_valid", lambda *_: True)
    assert asked_again(lambda request: request)[0]
    assert not asked_again(lambda _: thief)[0]


@exploit("bindaas", "a provider keeps the records that it decrypted, and consent is withdrawn", outcome="succeeds")
def test_what_was_read_once_cannot_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract and the hospitals give nothing more; who kept a copy trains on it all the same."""
    honest = paper().TRAIN

    def hoarding(site: Site, memory: Memory, task: Any) -> Any:
        weights, contents, keys = task
        kept = {**memory.get("kept", {}), **{name: (contents[name], keys[name]) for name in keys}}
        both = ({name: one[place] for name, one in kept.items()} for place in (0, 1))
        found, _ = honest.local(site, memory, (weights, *both))  # type: ignore[misc]
        return found, {"kept": kept}

    def consents(_: Any, site: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
        asked = memory.get("asked", 0) + 1
        return asked == 1, {**memory, "asked": asked}

    monkeypatch.setattr(paper(), "TRAIN", replace(honest, local=hoarding))
    ready = prepared(strategy=going_wrong("consents", [FIRST], consents))
    _, second, last = states(ready)
    np.testing.assert_array_equal(last.weights, trained_on(ready, HOSPITALS, second.weights, 2))


# --- hospitals and the provider ----------------------------------------------------------------------------------


def enrolling(content: Any) -> Any:
    """The first hospital encrypts and registers something else than its records, as everybody does theirs."""

    def enrol(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        key = site.rng.bytes(32)
        closed = locked(content(site), key, site.name.encode(), site.rng)
        return digest(site.publish(closed, Kind.CONTROL)), {**memory, "key": key}

    return going_wrong("enrol", [FIRST], enrol)


def rows(site: Site, feature: float = 0.0, label: float = 1.0) -> bytes:
    made = np.full((9, site.train.features.shape[1] + 1), feature, site.train.features.dtype)
    made[:, -1] = label
    return made.tobytes()


GARBAGE = {
    "no rows": lambda site: b"",
    "bytes": lambda site: b"garbage",
    "another width": lambda site: rows(site)[:-4],
    "not a number": lambda site: rows(site, float("nan")),
    "huge": lambda site: rows(site, 1e30),
    "beyond all sense": lambda site: rows(site, 1e7),
    "label 2": lambda site: rows(site, label=2.0),
    "label between": lambda site: rows(site, label=0.5),
}
NOTHING = {"zeros": bytes(32), "nothing under it": b"\1" * 32, "mistyped": "?"}


@exploit("bindaas", "a hospital's records are garbage, numbers beyond all sense or no records at all", outcome="held")
@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_not_trained_on(kind: str) -> None:
    """Authorities sign what they cannot read; the provider leaves out what is none, and the record tells whose."""
    ready = prepared(strategy=enrolling(GARBAGE[kind]), rounds=1)
    _, last = states(ready)
    others = HOSPITALS[1:]
    assert last.used == {FIRST: 0, **dict.fromkeys(others, 1)}
    assert ready.world.meter.unreadable == {FIRST}
    np.testing.assert_array_equal(last.weights, trained_on(ready, others, ready.world.initial_weights(), 1))


@exploit("bindaas", "a hospital registers what nobody serves", outcome="held")
@pytest.mark.parametrize("kind", NOTHING)
def test_no_authority_signs_what_is_not_there(kind: str) -> None:
    _, last = states(prepared(strategy=registering(NOTHING[kind]), rounds=1))
    assert set(last.records) == set(HOSPITALS[1:])


def registering(said: Any) -> Any:
    def enrol(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        return said, memory

    return going_wrong("enrol", [FIRST], enrol)


def accuracy(ready: Trial, weights: Any) -> float:
    """On all test patients."""
    tests = [hospital.test for hospital in ready.dataset.hospitals]
    features, labels = (np.concatenate([getattr(one, part) for one in tests]) for part in ("features", "labels"))
    return float(np.mean((ready.network.predict(weights, features) >= 0.5) == labels))


@exploit("bindaas", "hospitals turn the labels of their patients around", outcome="succeeds")
def test_well_signed_lies_are_trained_on() -> None:
    """A signature tells whose records these are and that they are the same as before, not that they are true."""
    lied, honest = prepared(attack={"kind": "label_flip", "share": 0.75}, rounds=4), prepared(rounds=4)
    after = states(lied)[-1]
    assert after.used == dict.fromkeys(HOSPITALS, 4)
    assert accuracy(lied, after.weights) < 0.5 < accuracy(honest, states(honest)[-1].weights)


@exploit("bindaas", "fewer than half of the hospitals vote or object falsely", outcome="held")
def test_a_minority_stops_nothing() -> None:
    def verify(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        return (), memory

    def check(self: Any, site: Site, memory: Memory, task: Any) -> tuple[bool, Memory]:
        return False, memory

    *_, last = states(prepared(strategy=going_wrong("verify", [FIRST], verify)))
    assert (len(last.records), last.served) == (4, 2)
    ready = prepared(strategy=going_wrong("check", HOSPITALS[:2], check))
    *_, last = states(ready)
    assert last.used == {**dict.fromkeys(HOSPITALS[:2], 0), **dict.fromkeys(HOSPITALS[2:], 2)}
    assert len(events(ready, "Objected")) == 4


@exploit("bindaas", "more than half of the hospitals find all signatures wrong", outcome="succeeds")
def test_a_majority_stops_everything() -> None:
    """Who verifies decides: nothing false is accepted by it, but nothing true either."""

    def verify(self: Any, site: Site, memory: Memory, task: Any) -> tuple[Any, Memory]:
        return (), memory

    *_, last = states(prepared(strategy=going_wrong("verify", HOSPITALS[:3], verify)))
    assert last.records == {}


@exploit("bindaas", "most hospitals vote for a record that an authority did not sign", outcome="held")
def test_a_majority_cannot_accept_what_one_authority_left_out() -> None:
    service = Service().keyed().registered().attested(authorities="x").attested("ac", "y").voted()
    service.accept()
    assert service.accepted == ["a", "c"]


@exploit("bindaas", "a provider publishes the hash of a model it did not train", outcome="succeeds")
def test_nobody_verifies_what_was_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = paper().TRAIN

    def made_up(site: Site, memory: Memory, task: Any) -> Any:
        return (tuple(task[2]), np.zeros_like(task[0])), memory

    monkeypatch.setattr(paper(), "TRAIN", replace(honest, local=made_up))
    *_, last = states(prepared())
    assert last.served == 2
    assert not last.weights.any()


@exploit("bindaas", "a provider falls silent once it has the keys, or replies what is no model", outcome="held")
@pytest.mark.parametrize("reply", [None, ((), "?"), ((), np.full(3, np.nan, np.float32))], ids=["none", "text", "nan"])
def test_a_request_without_a_result_ends_after_its_deadline(reply: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = paper().TRAIN

    def no_model(site: Site, memory: Memory, task: Any) -> Any:
        return reply, memory

    monkeypatch.setattr(paper(), "TRAIN", replace(honest, local=no_model))
    ready = prepared()
    first, *_, last = states(ready)
    np.testing.assert_array_equal(first.weights, last.weights)
    assert (last.served, last.refused) == (0, 2)
    assert [event["phase"] for _, event in events(ready, "RequestRefused")] == [TRAINING, TRAINING]


@exploit("bindaas", "hospitals or authorities that fall silent in any phase", outcome="held")
def test_every_phase_ends_without_whoever_is_silent() -> None:
    ready = prepared(attack={"kind": "silent", "share": 0.25}, rounds=2)
    *_, last = states(ready)
    assert {name for name, count in last.used.items() if count == 0} == set(ready.attackers)
    service = Service().late().close().late().close().late().close().request()
    assert service.call("phase") == ENDORSING
    service.late().close().request()
