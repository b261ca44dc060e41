"""Biscotti's strategy against identities, poisoners and absences."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from biscotti_federation import STAKE, UNIT
from papers import module, once, preparing

from chainward.methods.committed_noise import Noise
from chainward.methods.privacy import epsilon_spent
from chainward.methods.secure_sum import Scheme
from chainward.methods.sharing import FIELD, from_bytes, to_bytes
from chainward.methods.vector_commitment import commit
from chainward.methods.verifiable_sum import Party, digest
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.trials.prepare import Trial
from chainward.world import FIT, Kind, Memory, Query, Reverted, Site, Update

ALL_OFF = {"noising": False, "verification": False, "secure_aggregation": False}


def biscotti(**params: Any) -> Any:
    return discovery.build("biscotti", params)


prepared = preparing("biscotti", hospitals=6, rounds=1, patients=40, features=4)
usual = once(prepared)


def sent(ready: Trial) -> list[str]:
    return [receipt.function for receipt in ready.world.ledger.receipts]


def senders(ready: Trial, function: str) -> list[str]:
    return [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == function]


def shown(ready: Trial) -> dict[str, int]:
    """Disclosures of the last round by kind."""
    return {row["kind"]: row["count"] for row in ready.world.meter.disclosures() if row["audience"] != "coordinator"}


@cache
def first_roles(**others: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Verifiers and aggregators of round 1, which are the same whoever is absent then."""
    ready = prepared(**others)
    opened = ready.strategy.open(ready.world)
    verifiers, aggregators = ready.world.at(opened.contract).call("roles")
    return verifiers, aggregators


def at(party: str, function: str, change: Callable[[Any], Any]) -> Any:
    """The strategy in which one hospital's reply to a query is another."""
    kind = discovery.load("biscotti")

    def local(self: Any, site: Site, memory: Memory, payload: Any) -> tuple[Any, Memory]:
        reply, kept = getattr(kind, function)(self, site, memory, payload)
        return (change(reply) if site.name == party else reply), kept

    return varied("biscotti", **{function: local})


def test_with_all_parts_off_it_is_the_plain_mean() -> None:
    """Federated averaging without weights, to the rounding of a unit."""
    (_, ours), (_, plain) = (
        states(prepared(params={**ALL_OFF, "sampled": 1.0})),
        states(prepared(key="fedavg", params={"weighted": False})),
    )
    np.testing.assert_allclose(ours.weights, plain.weights, rtol=0, atol=0.51e-4)
    assert not np.array_equal(ours.weights, plain.weights)  # they are in units of 10^-4


def test_nobody_rejected_it_is_the_mean_of_those_taken() -> None:
    (_, ours), (_, plain) = (
        states(prepared(params={**ALL_OFF, "sampled": 0.5, "precision": 10**8})),
        states(prepared(params={"sampled": 0.5, "verification": False, "precision": 10**8})),
    )
    np.testing.assert_array_equal(ours.weights, plain.weights)
    assert sum(ours.accepted.values()) == 3


@pytest.mark.parametrize("params", [{"packing": 3}, {"packing": 10}, {"secure_aggregation": False}])
def test_the_secure_sum_is_the_plain_sum(params: Mapping[str, Any]) -> None:
    """However an update is shared, the sum is that of whole numbers, so the model is the same to the bit."""
    found, (before, plain) = states(prepared(params=params))[-1], usual()[1]
    np.testing.assert_array_equal(found.weights, plain.weights)
    assert not np.array_equal(plain.weights, before.weights)


def test_noise_is_not_in_the_model() -> None:
    """With hospitals too few for Krum to reject anybody, noise changes nothing but what verifiers see."""
    (*_, noised), (*_, plain) = (states(prepared(4, params={"noising": noising})) for noising in (True, False))
    np.testing.assert_array_equal(noised.weights, plain.weights)


@pytest.mark.parametrize(
    ("params", "kinds", "audience"),
    [
        ({}, {Kind.NOISED_UPDATE}, "some hospitals"),
        ({"noising": False}, {Kind.UPDATE}, "some hospitals"),
        ({"verification": False}, set(), "nobody"),
        ({"secure_aggregation": False, "verification": False}, {Kind.UPDATE}, "some hospitals"),
        ({"packing": 10, "verification": False}, {Kind.UPDATE}, "some hospitals"),
    ],
)
def test_who_sees_updates(params: Mapping[str, Any], kinds: set[Kind], audience: str) -> None:
    ready = prepared(params=params)
    states(ready)
    assert {kind for kind in (Kind.UPDATE, Kind.NOISED_UPDATE) if kind.value in shown(ready)} == kinds
    assert ready.world.meter.audience() == audience


@pytest.mark.parametrize(
    ("switch", "gone"), [("verification", "vote"), ("noising", "commitNoise"), ("secure_aggregation", "check")]
)
def test_a_part_that_is_off_takes_no_time_and_no_transactions(switch: str, gone: str) -> None:
    (whole, _), without = usual(), prepared(params={switch: False})
    states(without)
    assert (gone in sent(whole), gone in sent(without)) == (True, False)
    work = [ready.world.clock.parts["compute"] + ready.world.clock.parts["network"] for ready in (whole, without)]
    assert work[1] < work[0]


FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}


def test_poisoners_are_rejected_and_lose_their_stakes() -> None:
    ready = prepared(20, 3, attack=FLIP)
    *_, last = states(ready)
    assert len(ready.attackers) == 6
    taken, refused = (sum(of[name] for name in ready.attackers) for of in (last.accepted, last.rejected))
    assert refused >= 6 * max(1, taken)
    assert sum(last.accepted.values()) - taken >= 4 * (sum(last.rejected.values()) - refused)
    stakes = ready.strategy.outcomes(last, ready.world)["stake"]
    honest = [stake for name, stake in stakes.items() if name not in ready.attackers]
    assert np.mean([stakes[name] for name in ready.attackers]) < STAKE < np.mean(honest)


def test_without_verification_poisoners_are_taken() -> None:
    ready = prepared(20, 1, attack=FLIP, params={"verification": False})
    *_, last = states(ready)
    assert sum(last.accepted[name] for name in ready.attackers) >= 3
    assert sum(last.rejected.values()) == 0


@cache
def trainer_and_others(hospitals: int = 6) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    verifiers, aggregators = first_roles(hospitals=hospitals)
    names = prepared(hospitals).world.hospitals
    return next(name for name in names if name not in (*verifiers, *aggregators)), verifiers, aggregators


def committing_to(change: Callable[[list[int]], list[int]], points: Callable[[Any], Any] = tuple) -> Any:
    """The strategy in which a liar commits to other numbers, and shares them, than it shows."""
    kind, (liar, _, _) = discovery.load("biscotti"), trainer_and_others()

    def other(self: Any, site: Site, memory: Memory, update: Update) -> tuple[Any, Memory]:
        told, kept = kind.commit(self, site, memory, update)  # type: ignore[attr-defined]
        if site.name != liar:
            return told, kept
        rows = [change(from_bytes(kept["rows"][0])), *map(from_bytes, kept["rows"][1:])]
        return points(map(commit, rows)), {**kept, "liar": tuple(map(to_bytes, rows))}

    def shares(self: Any, site: Site, memory: Memory, at: Any) -> tuple[Any, Memory]:
        return kind.share(self, site, {**memory, "rows": memory.get("liar", memory["rows"])}, at)  # type: ignore[attr-defined]

    return {"commit": other, "share": shares}


def half(row: list[int]) -> list[int]:
    """Half a unit more in the first number: in the field it is one, but huge."""
    return [row[0], (row[1] + pow(2, -1, FIELD)) % FIELD, *row[2:]]


@pytest.mark.parametrize(
    "points",
    [lambda found: tuple(found)[:1], lambda found: (*found, bytes(64)), lambda found: (*list(found)[:1], b"\1" * 64)],
    ids=["too few", "too many", "not on the curve"],
)
@pytest.mark.parametrize("verification", [True, False])
def test_a_commitment_that_is_none_spoils_nothing(points: Callable[[Any], Any], verification: bool) -> None:
    liar, _, _ = trainer_and_others()
    params = {"sampled": 1.0, "verification": verification}
    *_, last = states(prepared(params=params, strategy=varied("biscotti", params, **committing_to(list, points))))
    assert (last.blocks, last.stakes[liar]) == (1, STAKE - UNIT * verification)


def test_half_a_unit_is_rejected_since_in_the_field_it_is_a_huge_number() -> None:
    liar, _, _ = trainer_and_others()
    params = {"sampled": 1.0}
    *_, last = states(prepared(params=params, strategy=varied("biscotti", params, **committing_to(half))))
    assert (last.blocks, last.rejected[liar], last.stakes[liar]) == (1, 1, STAKE - UNIT)


def test_without_verifiers_a_huge_number_loses_the_iteration_and_no_more() -> None:
    params = {"verification": False, "sampled": 1.0}
    *_, last = states(prepared(params=params, strategy=varied("biscotti", params, **committing_to(half))))
    assert (last.blocks, last.lost) == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told._replace(values=told.values // 2),  # another update than the committed one
        lambda told: told._replace(blindings=bytes(32)),
        lambda told: told._replace(blindings=b""),
        lambda told: told._replace(values=told.values[:-1]),
    ],
    ids=["update", "blinding", "no blinding", "short"],
)
def test_what_is_not_the_committed_update_under_drawn_noise_is_rejected(change: Callable[[Any], Any]) -> None:
    liar, _, _ = trainer_and_others()
    *_, last = states(prepared(params={"sampled": 1.0}, strategy=at(liar, "mask", change)))
    assert {name for name, count in last.rejected.items() if count} == {liar}
    assert last.stakes[liar] == STAKE - UNIT


def test_who_has_no_proof_of_its_draw_gets_no_noise_and_is_not_accepted() -> None:
    liar, _, _ = trainer_and_others()
    change = at(liar, "begin", lambda told: told._replace(proof=bytes(64)))
    *_, last = states(prepared(params={"sampled": 1.0}, strategy=change))
    assert (last.blocks, last.accepted[liar]) == (1, 0)


def test_another_commitment_than_the_one_on_chain_is_rejected() -> None:
    liar, _, _ = trainer_and_others()
    ready = prepared()
    ask = ready.world.ask

    def swapped(who: Any, what: Any, payload: Any = None, **others: Any) -> Any:
        if what.name == "verify":
            digest, points = payload["committed"][liar]
            payload["committed"][liar] = digest, points[::-1]
        return ask(who, what, payload, **others)

    ready.world.ask = swapped  # type: ignore[method-assign]
    assert states(ready)[-1].rejected[liar] == 1


def test_what_is_not_shown_is_not_accepted_and_moves_no_stake() -> None:
    liar, _, _ = trainer_and_others()
    *_, last = states(prepared(params={"sampled": 1.0}, strategy=at(liar, "mask", lambda told: None)))
    assert (last.blocks, last.accepted[liar], last.rejected[liar], last.stakes[liar]) == (1, 0, 0, STAKE)


def tampered(rows: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(bytes([0]) * 31 + bytes([7]) + row[32:] for row in rows)


def sharing(change: Callable[[Any], Any], receivers: tuple[str, ...] = (), hashed: bool = True) -> Any:
    """The strategy in which a liar gives some aggregators other shares, and hashes of them."""
    kind, (liar, _, aggregators) = discovery.load("biscotti"), trainer_and_others()

    def local(self: Any, site: Site, memory: Memory, seats: Any) -> tuple[Any, Memory]:
        given, kept = kind.share(self, site, memory, seats)  # type: ignore[attr-defined]
        if site.name == liar:
            for name in receivers or aggregators:
                values = change(tuple(Party.shares(self._party(site), memory["rows"], seats[name])))
                found = digest(values) if hashed else given[name][1]
                given[name] = site.publish(values, Kind.SHARE, readers=(name,)), found
        return given, kept

    return varied("biscotti", share=local)


LONGER_OR_FEWER = [lambda rows: tuple(row + bytes(32) for row in rows), lambda rows: ()]


@pytest.mark.parametrize("change", [tampered, *LONGER_OR_FEWER], ids=["tampered", "longer", "none"])
@pytest.mark.parametrize("receivers", [1, 3])
def test_a_bad_share_proves_a_complaint_and_leaves_the_update_out(change: Callable[[Any], Any], receivers: int) -> None:
    liar, _, aggregators = trainer_and_others()
    ready = prepared(strategy=sharing(change, aggregators[:receivers]))
    (_, last), (_, honest) = states(ready), usual()[1]
    assert (last.blocks, last.stakes[liar], honest.stakes[liar]) == (1, STAKE, STAKE + UNIT)
    assert not np.array_equal(last.weights, honest.weights)


def test_what_was_not_sent_proves_nothing_and_one_aggregator_is_done_without() -> None:
    """Shares that do not have the hash that their sender answers for are as if they had not come."""
    _, _, aggregators = trainer_and_others()
    ready = prepared(strategy=sharing(tampered, aggregators[:1], hashed=False))
    (_, last), (_, honest) = states(ready), usual()[1]
    np.testing.assert_array_equal(last.weights, honest.weights)


def test_shares_withheld_from_two_of_three_leave_the_update_out() -> None:
    liar, _, aggregators = trainer_and_others()
    *_, last = states(prepared(strategy=sharing(tampered, aggregators[:2], hashed=False)))
    assert (last.blocks, last.stakes[liar]) == (1, STAKE)


@pytest.mark.parametrize("change", [tampered, *LONGER_OR_FEWER], ids=["tampered", "longer", "none"])
def test_a_tampered_sum_is_caught_and_done_without(change: Callable[[Any], Any]) -> None:
    _, _, aggregators = trainer_and_others()
    changed = at(aggregators[0], "add", lambda told: told._replace(values=change(told.values)))
    (_, last), (_, honest) = states(prepared(strategy=changed)), usual()[1]
    np.testing.assert_array_equal(last.weights, honest.weights)
    assert last.blocks == 1


def other_model(found: Any) -> Any:
    return (found[0], found[1] + 1, *found[2:])


@pytest.mark.parametrize("seat", [0, 1, 2])
def test_an_aggregator_with_another_model_loses_stake_if_it_leads_and_changes_nothing(seat: int) -> None:
    _, _, aggregators = trainer_and_others()
    (_, last), (_, honest) = states(prepared(strategy=at(aggregators[seat], "recover", other_model))), usual()[1]
    np.testing.assert_array_equal(last.weights, honest.weights)
    lost = {name: honest.stakes[name] - last.stakes[name] for name in last.stakes}
    assert lost == dict.fromkeys(last.stakes, 0) | {aggregators[seat]: 0 if seat else UNIT}


def test_who_gets_other_noise_than_was_fixed_shows_nothing_and_loses_nothing() -> None:
    ready = prepared(4, strategy=at("hospital 1", "noise", lambda _: bytes(32)))
    ask, drew, used = ready.world.ask, {}, {}

    def watched(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        replies = ask(who, what, *arguments, **others)
        if what.name == "begin":
            drew.update({name: own.noisers for name, own in replies.open().items()})
        if what.name == "mask":
            used.update(replies.open())
        return replies

    ready.world.ask = watched  # type: ignore[method-assign]
    *_, last = states(ready)
    assert (
        {name for name in used if used[name] is None} == {name for name in used if "hospital 1" in drew[name]} != set()
    )
    assert (last.blocks, sum(last.rejected.values())) == (1, 0)


def test_without_any_noise_nothing_is_accepted() -> None:
    ready = prepared(strategy=varied("biscotti", noise=lambda self, site, memory, payload: (bytes(32), memory)))
    *_, last = states(ready)
    assert (last.blocks, last.lost) == (0, 1)
    assert set(last.stakes.values()) == {STAKE}


def test_noise_has_the_deviation_that_the_accountant_asks_for() -> None:
    strategy = biscotti()
    sigma = strategy.numbers(20)["sigma"]
    assert epsilon_spent(sigma / strategy.sensitivity, 1, strategy.delta) == pytest.approx(2.0)
    mean, one_known = (epsilon_spent(sigma / less / strategy.sensitivity, 1, strategy.delta) for less in (2**0.5, 2))
    assert (mean, one_known) == (pytest.approx(2.88, abs=0.005), pytest.approx(4.16, abs=0.005))  # as the card says
    noise = Noise(Scheme(1), sigma / 2 * strategy.precision, 4000)
    parts = [Scheme(1).values(noise.rows(seed), 4000) / strategy.precision for seed in (b"a", b"b")]
    assert parts[0].std() == pytest.approx(sigma / 2, rel=0.05)  # their sum is the mean of two whole noises
    assert sum(parts).std() == pytest.approx(sigma / 2**0.5, rel=0.05)
    assert abs(2 * parts[0].mean()) < 4 * sigma / 4000**0.5
    assert biscotti(epsilon=float("inf")).numbers(20)["sigma"] == 0


def test_each_iteration_has_noise_of_its_own_fixed_before() -> None:
    ready = prepared(rounds=2)
    opened, first, _ = states(ready)
    order = sent(ready)
    assert order[1:7] == ["register"] * 6
    assert order.index("commitNoise") < order.index("propose")  # the next draw is not known yet
    memories = ready.world.engine.snapshot()["memories"]
    assert all(set(memory["seeds"]) == {2, 3} for memory in memories.values())
    assert len({seed for memory in memories.values() for seed in memory["seeds"].values()}) == 12
    assert opened.blocks < first.blocks


def test_an_absent_leader_is_passed_over() -> None:
    _, aggregators = first_roles()
    ready = prepared(faults={"absent": {aggregators[0]: [1]}})
    *_, last = states(ready)
    assert (last.blocks, senders(ready, "propose")) == (1, [aggregators[1]])


@pytest.mark.parametrize("role", [0, 1])
def test_too_few_verifiers_or_aggregators_lose_the_iteration_and_no_more(role: int) -> None:
    members = first_roles()[role]
    ready = prepared(rounds=2, faults={"absent": {name: [1] for name in members[:2]}})
    opened, first, second = states(ready)
    assert (first.lost, second.blocks) == (1, 1)
    assert first.stakes == opened.stakes
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_nobody_comes() -> None:
    absent = {f"hospital {number}": [1] for number in range(1, 7)}
    opened, first, second = states(prepared(rounds=2, faults={"absent": absent}))
    assert (first.lost, second.blocks) == (1, 1)
    np.testing.assert_array_equal(first.weights, opened.weights)


def test_who_was_away_at_the_genesis_registers_later() -> None:
    ready = prepared(rounds=2, faults={"absent": {"hospital 3": [0]}})
    opened, first, second = states(ready)
    assert (opened.stakes["hospital 3"], first.blocks, second.blocks) == (0, 1, 2)
    assert first.stakes["hospital 3"] >= STAKE - UNIT
    assert senders(ready, "register").count("hospital 3") == 1


def test_a_model_that_is_not_finite_is_not_committed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    odd, _, _ = trainer_and_others()

    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == odd else update, memory

    monkeypatch.setattr(module("biscotti"), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared()
    *_, last = states(ready)
    assert np.isfinite(last.weights).all()
    assert odd not in senders(ready, "submit")
    assert last.blocks == 1


@pytest.mark.parametrize("hospitals", [2, 3, 4, 5])
def test_small_federations(hospitals: int) -> None:
    ready = prepared(hospitals, 2)
    *_, last = states(ready)
    assert last.blocks == 2
    assert sum(last.accepted.values()) >= 2


def test_one_hospital_alone_is_refused() -> None:
    with pytest.raises(Reverted, match="nobody left to train"):
        states(prepared(1))


def test_the_record_holds_the_counts() -> None:
    def told(hospitals: int) -> list[float]:
        names = ("noisers", "verifiers", "aggregators", "wanted", "tolerated", "terms")
        return [biscotti().numbers(hospitals)[name] for name in names]

    assert told(500) == [2, 3, 3, 256, 126, 2]
    assert told(100) == [2, 3, 3, 70, 30, 2]
    assert told(20) == [2, 3, 3, 14, 5, 2]
    assert told(6) == [2, 2, 3, 4, 0, 2]
    assert told(4) == [2, 1, 3, 3, 0, 2]
    assert biscotti(packing=10).numbers(20)["terms"] == 10
    assert biscotti(**ALL_OFF).numbers(20)["terms"] == 1


def test_the_published_track_packs_as_the_code_does() -> None:
    assert biscotti(**discovery.load("biscotti").card.published["params"]).packing == 10


def test_the_contracts_block_is_the_model_and_opens_to_it() -> None:
    ready = prepared()
    _, last = states(ready)
    model, commitment = ready.world.at(last.contract).call("tip")
    assert model == hashlib.sha256(last.weights.tobytes()).digest()
    assert len(commitment) == 2 * 2
