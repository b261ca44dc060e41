"""BinDaaS with hospitals that train: what is signed, who gives a key to whom, and what is learned from it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from bindaas_service import IDLE, events, going_wrong, paper, prepared
from eth_utils.crypto import keccak
from papers import once

from chainward import codec
from chainward.methods.content import content_id, fingerprint
from chainward.methods.lattice_signature import SCHEMES
from chainward.testing import completed, run_small, states
from chainward.trials.prepare import Trial
from chainward.world import Faults, Kind, Memory, Query, Site

HOSPITALS = tuple(f"hospital {number}" for number in range(1, 5))
AUTHORITIES = tuple(f"authority {number}" for number in range(1, 4))
PROVIDER = "provider 1"

usual = once(lambda: prepared())


def site(ready: Trial, name: str, occasion: str = "9/test") -> Site:
    """The inside of a party of a trial."""
    found: Site = ready.world.engine.sites._site(name, occasion)  # type: ignore[attr-defined]
    return found


def memory(ready: Trial, name: str) -> Memory:
    found: Memory = ready.world.engine.snapshot()["memories"][name]
    return found


def trained_on(ready: Trial, hospitals: tuple[str, ...], weights: Any, number: int) -> Any:
    """What the trainer makes of the patients of these hospitals, as the provider would in its round `number`."""
    inside = site(ready, PROVIDER, f"{number}/train/1/train")
    patients = [one.train for one in ready.dataset.hospitals if one.name in hospitals]
    features, labels = (np.concatenate([getattr(one, part) for one in patients]) for part in ("features", "labels"))
    return inside.train_network(features, labels, weights, batch_factor=len(patients))


def test_every_hospitals_records_are_accepted_and_used_in_every_round() -> None:
    ready, (*_, last) = usual()
    assert ready.strategy.outcomes(last, ready.world) == {
        "accepted": dict.fromkeys(HOSPITALS, 1.0),
        "used": dict.fromkeys(HOSPITALS, 2),
        "requests": {"served": 2, "refused": 0},
    }
    assert ready.strategy.numbers(4) == {"authorities": 3}


def test_the_provider_trains_centrally_on_all_records() -> None:
    """Against the trainer itself on the hospitals' patients, one after the other."""
    ready, (first, second, third) = usual()
    np.testing.assert_array_equal(second.weights, trained_on(ready, HOSPITALS, first.weights, 1))
    np.testing.assert_array_equal(third.weights, trained_on(ready, HOSPITALS, second.weights, 2))


def test_the_hash_of_what_was_learned_is_on_chain() -> None:
    ready, found = usual()
    chain = ready.world.at(found[-1].contract)
    assert [chain.call("resultOf", number) for number in (1, 2)] == [fingerprint(one.weights) for one in found[1:]]


def test_both_forms_of_signature_lead_to_the_same_model() -> None:
    """A signature decides whether something is taken, never what is learned from it."""
    _, (*_, last) = usual()
    (*_, other) = states(prepared(params={"signature": "additive"}))
    assert (other.served, set(other.records)) == (2, set(HOSPITALS))
    np.testing.assert_array_equal(last.weights, other.weights)


@pytest.mark.parametrize("form", SCHEMES)
def test_what_is_on_chain_are_signatures_of_all_authorities(form: str) -> None:
    """Each record and the last request, verified with the keys whose hashes stand on chain, and no other message."""
    ready = prepared(params={"signature": form}, rounds=1)
    (*_, last) = states(ready)
    chain, store, scheme = ready.world.at(last.contract), ready.world.store, SCHEMES[form]
    seeds = [memory(ready, name)["seed"] for name in AUTHORITIES]
    publics = [scheme.public(seed) for seed in seeds]
    assert chain.call("keys") == (AUTHORITIES, tuple(map(keccak, publics)))
    joint = scheme.joint(publics)

    def parts(view: str, name: str) -> list[bytes]:
        said = [codec.decode(store.get(content_id(one))) for one in chain.call(view)[1]]
        return [own[name] for own in said]

    message, digests = paper()._message, chain.call("records")[1]
    for place, (hospital, digest) in enumerate(zip(HOSPITALS, digests, strict=True), 1):
        found = parts("signatures", hospital)
        assert scheme.verifies(joint, message("record", last.contract, place, digest), found)
        assert not scheme.verifies(joint, message("record", last.contract, place + 1, digest), found)
        assert not scheme.verifies(joint, message("record", "0xother", place, digest), found)
    reader, purpose = site(ready, PROVIDER).key.public, fingerprint(ready.world.initial_weights())
    signed = message("request", last.contract, 1, keccak(reader + purpose))
    assert scheme.verifies(joint, signed, parts("endorsements", "request"))
    assert not scheme.verifies(
        joint, message("request", last.contract, 2, keccak(reader + purpose)), parts("endorsements", "request")
    )


def test_records_leave_their_hospital_encrypted_and_keys_for_the_provider_alone() -> None:
    ready, _ = usual()
    everything = b"".join(ready.world.store.snapshot().values())
    for hospital in ready.dataset.hospitals:
        assert hospital.train.features[0].tobytes() not in everything
        assert memory(ready, hospital.name)["key"] not in everything


def test_records_shared_are_all_and_only_with_the_provider() -> None:
    record = completed(run_small("bindaas"))
    first, _ = record.rounds
    assert record.facts.raw_records_shared == sum(hospital.train for hospital in record.hospitals)
    assert first.raw_records == record.facts.raw_records_shared  # once, with the first token
    seen = {row.audience for entry in record.entries for row in entry.disclosures if row.kind == Kind.RECORDS.value}
    assert seen == {PROVIDER}


def test_the_provider_keeps_neither_records_nor_keys() -> None:
    ready, _ = usual()
    assert memory(ready, PROVIDER) == {}


@cache
def mind_changing() -> tuple[Trial, list[Any]]:
    """The first hospital takes its consent back in round 2, and gives it again in round 4."""

    def consents(_: Any, site: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
        asked = memory.get("asked", 0) + 1
        return asked not in (2, 3), {**memory, "asked": asked}

    ready = prepared(strategy=going_wrong("consents", HOSPITALS[:1], consents), rounds=4)
    return ready, states(ready)


def test_who_withdraws_consent_is_not_trained_on_from_then_on() -> None:
    ready, found = mind_changing()
    everybody, others = HOSPITALS, HOSPITALS[1:]
    for number, hospitals in enumerate((everybody, others, others, everybody), 1):
        expected = trained_on(ready, hospitals, found[number - 1].weights, number)
        np.testing.assert_array_equal(found[number].weights, expected)
    assert found[-1].used == {HOSPITALS[0]: 2, **dict.fromkeys(others, 4)}


def test_consent_and_access_are_recorded_on_chain() -> None:
    ready, _ = mind_changing()
    told = events(ready, "ConsentSet", "Redeemed")[4:]  # after what they said as they registered
    minds = [event["consents"] for name, event in told if name == "ConsentSet"]
    granted = [list(event["hospitals"]) for name, event in told if name == "Redeemed"]
    assert minds == [False, True]
    assert granted == [[0b1111], [0b1110], [0b1110], [0b1111]]


def test_hospitals_object_to_a_request_that_they_answered_before() -> None:
    """Whoever forwards them the first request again, signatures and all, is refused on chain, and gets no key."""
    ready, seen = prepared(), []
    ask = ready.world.ask

    def replaying(who: Any, what: Query, payload: Any = None, **others: Any) -> Any:
        if what.name == "check":
            seen.append(payload)
            payload = seen[0]
        return ask(who, what, payload, **others)

    ready.world.ask = replaying  # type: ignore[method-assign]
    _, second, last = states(ready)
    np.testing.assert_array_equal(second.weights, last.weights)
    assert (last.served, last.refused) == (1, 1)
    assert len(events(ready, "Objected")) == 3  # the third of four ends the request


def test_without_consent_nothing_is_learned_and_nothing_breaks() -> None:
    def refuses(_: Any, site: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
        return False, memory

    ready = prepared(strategy=going_wrong("consents", HOSPITALS, refuses))
    first, *_, last = states(ready)
    np.testing.assert_array_equal(first.weights, last.weights)
    assert last.used == dict.fromkeys(HOSPITALS, 0)
    assert ready.world.shared == set()


@pytest.mark.parametrize("form", SCHEMES)
def test_while_one_authority_is_away_nothing_is_granted_and_it_can_come_back(form: str) -> None:
    ready = prepared(params={"signature": form}, rounds=3)
    ready.world.faults = Faults({AUTHORITIES[1]: (2,)})
    _, second, third, last = states(ready)
    np.testing.assert_array_equal(second.weights, third.weights)
    assert (last.served, last.refused) == (2, 1)
    assert events(ready, "RequestRefused") == [("RequestRefused", {"round": 2, "phase": 4})]


@pytest.mark.parametrize("rounds", [(0,), (0, 1, 2)])
def test_without_one_authority_in_the_set_up_no_record_is_ever_accepted(rounds: tuple[int, ...]) -> None:
    ready = prepared()
    ready.world.faults = Faults({AUTHORITIES[2]: rounds})
    first, *_, last = states(ready)
    assert (last.records, last.refused) == ({}, 2)
    np.testing.assert_array_equal(first.weights, last.weights)
    assert len(events(ready, "RecordRefused")) == 4


def test_a_silent_provider_makes_no_request() -> None:
    ready = prepared(rounds=3)
    ready.world.faults = Faults({PROVIDER: (2,)})
    *_, last = states(ready)
    assert (last.served, last.refused) == (2, 0)


def test_who_is_away_in_the_set_up_has_no_records_and_ends_nothing() -> None:
    ready = prepared()
    ready.world.faults = Faults({HOSPITALS[3]: (0,)})
    *_, last = states(ready)
    assert set(last.records) == set(HOSPITALS[:3])
    assert last.used == {**dict.fromkeys(HOSPITALS[:3], 2), HOSPITALS[3]: 0}


def test_where_most_are_away_in_the_set_up_nothing_is_accepted() -> None:
    ready = prepared()
    ready.world.faults = Faults(dict.fromkeys(HOSPITALS[:2], (0,)))
    *_, last = states(ready)
    assert last.records == {}
    assert ready.world.at(last.contract).call("phase") == IDLE


def test_one_authority_and_one_hospital_are_enough() -> None:
    (*_, last) = states(prepared(hospitals=1, params={"authorities": 1}))
    assert last.used == {"hospital 1": 2}
