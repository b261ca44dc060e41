"""Attacks on DeepChain: hospitals that lie, copy or withhold, and workers and a dealer that cannot be trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from deepchain_trading import DEPOSIT, DISPUTING, NEVER, Trading
from deepchain_trading import FEE as FEE_ON_CHAIN
from eth_utils.crypto import keccak
from exploits import exploit
from papers import once, preparing

from chainward import codec
from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods.content import content_id, digest
from chainward.methods.guarded_packing import Slots
from chainward.methods.paillier_proofs import ciphertexts_of, encrypt, open_partly, parts_of
from chainward.methods.safe_primes import random_below
from chainward.methods.threshold_paillier import Key, joined, opened, partial, split, summed
from chainward.strategy import discovery
from chainward.testing import refused, states, varied
from chainward.trials.prepare import Trial
from chainward.world import Kind

ETHER, FEE, BITS = 10**18, 10**15, 256
HOSPITALS = tuple(f"hospital {number}" for number in (1, 2, 3, 4))
FIRST, SECOND, *_ = HOSPITALS
DeepChain: Any = discovery.load("deepchain")
ready = preparing("deepchain", hospitals=4, rounds=2, patients=40)
usual = once(ready)
Lie = Callable[[Any, Any, Any, Any, Any], Any]


def lying(method: str, names: Sequence[str], lie: Lie, **trial: Any) -> tuple[Trial, Any]:
    """A trial in which some reply, in place of what they should, `lie(strategy, site, memory, task, reply)`."""

    def lies(self: Any, site: Any, memory: Any, task: Any) -> Any:
        reply, kept = getattr(DeepChain, method)(self, site, memory, task)
        return (lie(self, site, memory, task, reply) if site.name in names else reply), kept

    attacked = ready(strategy=varied("deepchain", {"key_bits": BITS}, **{method: lies}), **trial)
    return attacked, states(attacked)[-1]


def lost(trial: Trial, name: str) -> float:
    """Ether that a party does not have any more, apart from the deposit it has there and fees."""
    return round((ENDOWMENT_WEI - trial.world.chain.balance(name)) / ETHER, 1)


def publish(site: Any, memory: Any, plain: Sequence[int]) -> bytes:
    """Upload plaintexts of one's choice, with a right proof; the digest."""
    key = Key.read(memory["key"], BITS)
    return digest(site.publish(encrypt(key, list(plain), memory["domain"], site.rng), Kind.SHARE))


# --- what is encrypted ------------------------------------------------------------------------------


@exploit("deepchain", "a plaintext with numbers far beyond their slots, rightly encrypted", outcome="succeeds")
def test_nobody_proves_that_numbers_are_in_range() -> None:
    """Nobody sees the summands, and the proof of encryption says nothing about size: the model is thrown far away."""

    def huge(self: Any, site: Any, memory: Any, update: Any, _: Any) -> bytes:
        key = Key.read(memory["key"], BITS)
        return publish(site, memory, [key.n - 1] * self._count(4, site.network.parameters))

    _, last = lying("encrypt", [FIRST], huge, rounds=1)
    assert last.opened == 1
    assert last.forfeited[FIRST] == 0
    assert np.abs(last.weights - usual()[1][1].weights).max() > 1


@exploit("deepchain", "a poisoned update within the range", outcome="succeeds")
def test_a_poisoned_update_is_summed_like_any_other() -> None:
    attacked = ready(rounds=1, attack={"kind": "sign_flip", "share": 0.25, "strength": 4.0})
    (first, last), honest = states(attacked), usual()[1][1]
    step, right = last.weights - first.weights, honest.weights - first.weights
    assert last.opened == 1
    assert not any(last.forfeited.values())
    assert np.linalg.norm(step - right) > 0.5 * np.linalg.norm(right)


@exploit("deepchain", "another's ciphertexts under one's own name", outcome="held")
def test_a_copied_upload_costs_its_deposit() -> None:
    seen: list[bytes] = []

    def copied(_: Any, site: Any, __: Any, ___: Any, reply: bytes) -> bytes:
        seen.append(reply)
        return seen[0] if site.name == SECOND else reply

    trial, last = lying("encrypt", HOSPITALS, copied, rounds=1)
    assert last.forfeited == {name: int(name == SECOND) for name in HOSPITALS}
    assert (last.opened, lost(trial, SECOND), lost(trial, FIRST)) == (1, 1.0, 0.7)


@exploit("deepchain", "one's own ciphertexts of the round before", outcome="held")
def test_a_stale_upload_costs_its_deposit() -> None:
    seen: list[bytes] = []

    def stale(_: Any, __: Any, ___: Any, ____: Any, reply: bytes) -> bytes:
        seen.append(reply)
        return seen[0]

    _, last = lying("encrypt", [FIRST], stale)
    assert last.forfeited == {name: int(name == FIRST) for name in HOSPITALS}
    assert last.opened == 2


@exploit("deepchain", "uploads that nobody serves, that encode nothing or have another form", outcome="held")
@pytest.mark.parametrize("form", ["short", "long", "mistyped", "unserved"])
def test_what_cannot_be_read_costs_its_deposit_and_ends_no_trial(form: str) -> None:
    trial = ready(attack={"kind": "malformed", "share": 0.25, "strength": 1.0, "form": form})
    (*_, last), (odd,) = states(trial), trial.attackers
    assert (last.opened, last.lost) == (2, 0)
    assert not any(times for name, times in last.forfeited.items() if name != odd)


@exploit("deepchain", "a hospital is silent", outcome="held")
def test_who_is_silent_loses_its_deposit() -> None:
    trial = ready(attack={"kind": "silent", "share": 0.25, "strength": 1.0})
    (*_, last), (silent,) = states(trial), trial.attackers
    assert last.forfeited == {name: int(name == silent) for name in HOSPITALS}
    assert last.opened == 2


# --- opening ----------------------------------------------------------------------------------------


@exploit("deepchain", "a hospital withholds its parts in opening the sum", outcome="held")
def test_a_withholders_deposit_is_split_among_the_others() -> None:
    trial, last = lying("decrypt", [FIRST], lambda *_: b"", rounds=1)
    assert (last.opened, last.forfeited[FIRST]) == (1, 1)
    balances = {name: ENDOWMENT_WEI - trial.world.chain.balance(name) - FEE for name in HOSPITALS}
    assert balances[FIRST] == ETHER
    assert sorted(balances[name] for name in HOSPITALS[1:]) == [
        ETHER - ETHER // 3 - 1,
        ETHER - ETHER // 3,
        ETHER - ETHER // 3,
    ]


@exploit(
    "deepchain", "more than N - t hospitals withhold: they alone learn the sum, and pay for it", outcome="succeeds"
)
def test_too_many_withholders_stop_the_round() -> None:
    _, last = lying("decrypt", HOSPITALS[:2], lambda *_: b"")
    assert (last.opened, last.lost) == (0, 2)
    assert last.forfeited == {name: 2 * (name in HOSPITALS[:2]) for name in HOSPITALS}
    assert np.array_equal(last.weights, usual()[1][0].weights)


def test_withholders_open_the_sum_from_the_parts_of_the_others() -> None:
    """Of four, two give their parts, and a third share is with those who withhold theirs: they alone open it."""
    seen: dict[str, bytes] = {}

    def kept_back(_: Any, site: Any, __: Any, ___: Any, reply: bytes) -> bytes:
        seen[site.name] = reply
        return b"" if site.name in HOSPITALS[:2] else reply

    _, last = lying("decrypt", HOSPITALS, kept_back, rounds=1)
    key, slots = Key.read(last.key, BITS), Slots(20, 24, 4, BITS - 1)
    count, known = slots.count(len(last.weights)), {place: seen[HOSPITALS[place - 1]] for place in (1, 3, 4)}
    parts = {place: split(message[: count * key.width], key.width) for place, message in known.items()}
    plain = [opened(key.n, {place: own[j] for place, own in parts.items()}, key.factor) for j in range(count)]
    total = slots.unpacked(plain, len(last.weights), 4)
    honest, first = usual()[1][1].weights, usual()[1][0].weights
    assert np.array_equal((first + total / (2**20 * 4)).astype(np.float32), honest)
    assert last.lost == 1


def moved(_: Any, site: Any, memory: Any, __: Any, reply: bytes) -> bytes:
    """The first part is changed so that the sum opens to more; the proof is what it was."""
    key = Key.read(memory["key"], BITS)
    part = int.from_bytes(reply[: key.width], "big") * (1 + 1000 * key.n) % key.modulus
    return joined([part], key.width) + reply[key.width :]


def by_another_share(strategy: Any, site: Any, memory: Any, task: Any, _: bytes) -> bytes:
    """Wrong parts with the best proof that one can make of them."""
    key, place = Key.read(memory["key"], BITS), HOSPITALS.index(site.name) + 1
    size = strategy._count(len(site.hospitals), site.network.parameters) * key.width
    messages = [codec.decode(site.store.get(content_id(one))) for one in task["uploads"].values()]
    total = tuple(summed(key.n, some) for some in zip(*(split(one[:size], key.width) for one in messages), strict=True))
    share = int.from_bytes(memory["share"], "big") + 1
    return open_partly(key, place, share, total, memory["domain"], site.rng)


@exploit("deepchain", "wrong parts in opening the sum", outcome="held")
@pytest.mark.parametrize("lie", [moved, by_another_share])
def test_a_wrong_part_is_caught_by_its_proof_and_costs_its_deposit(lie: Lie) -> None:
    trial, last = lying("decrypt", [FIRST], lie, rounds=1)
    assert last.forfeited == {name: int(name == FIRST) for name in HOSPITALS}
    assert np.array_equal(last.weights, usual()[1][1].weights)
    assert [receipt.function for receipt in trial.world.ledger.receipts].count("dispute") == 1
    assert lost(trial, FIRST) == 1.0


@exploit(
    "deepchain", "wrong parts that no worker disputes: they are not used, but their deposit is kept", outcome="succeeds"
)
def test_where_no_worker_disputes_a_wrong_part_costs_nothing() -> None:
    def unchecked(self: Any, site: Any, memory: Any, task: Any) -> Any:
        return {}, memory

    def decrypt(self: Any, site: Any, memory: Any, task: Any) -> Any:
        reply, kept = DeepChain.decrypt(self, site, memory, task)
        return (moved(self, site, memory, task, reply) if site.name == FIRST else reply), kept

    strategy = varied("deepchain", {"key_bits": BITS}, check=unchecked, decrypt=decrypt)
    *_, last = states(ready(rounds=1, strategy=strategy))
    assert np.array_equal(last.weights, usual()[1][1].weights)
    assert last.forfeited[FIRST] == 0


@exploit("deepchain", "right parts are disputed", outcome="held")
def test_the_contract_does_not_believe_who_disputes() -> None:
    trading = Trading().join().upload().claim().submit()
    with refused("the proof holds"):
        trading.dispute("a", by="d")
    assert (trading.call("phase"), trading.named("submitted")) == (DISPUTING, "abcd")


class Framing(Trading):
    """A contract that holds the parts of d against the key of c."""

    def key_of(self, party: str) -> bytes:
        return super().key_of("c" if party == "d" else party)


@exploit(
    "deepchain",
    "who deploys the contract gives it a wrong key of a hospital, whose right parts then cost it its deposit",
    outcome="succeeds",
)
def test_a_contract_with_a_wrong_key_frames_who_joins_it() -> None:
    trading = Framing().join().upload().claim().submit()
    right = parts_of(trading.key, 4, trading.sums, trading.messages["d"], trading.call("domain", "d"))
    assert right is not None
    trading.dispute("d", by="a")
    assert trading.named("locked") == "abc"


# --- who learns what --------------------------------------------------------------------------------


def first_upload() -> tuple[Key, tuple[int, ...], Mapping[str, int]]:
    """The key, the ciphertexts of the first hospital's first upload, and everybody's share."""
    trial, (first, *_) = usual()
    events = [event for one in trial.world.ledger.receipts for name, event in one.events if name == "Uploaded"]
    upload = next(event["digest"] for event in events if event["party"] == FIRST)
    key, count = Key.read(first.key, BITS), DeepChain(key_bits=BITS)._count(4, len(first.weights))
    message = codec.decode(trial.world.store.get(content_id(upload)))
    memories = trial.world.engine.snapshot()["memories"]
    shares = {name: int.from_bytes(memories[name]["share"], "big") for name in HOSPITALS}
    return key, split(message[: count * key.width], key.width), shares


def opened_by(names: Sequence[str]) -> Any:
    """What some hospitals find in the first one's upload: [P] units."""
    key, ciphertexts, shares = first_upload()
    places = [HOSPITALS.index(name) + 1 for name in names]
    parts = {place: partial(ciphertexts, shares[HOSPITALS[place - 1]], key.factor, key.modulus) for place in places}
    plain = [opened(key.n, {place: parts[place][j] for place in places}, key.factor) for j in range(len(ciphertexts))]
    return Slots(20, 24, 4, BITS - 1).unpacked(plain, len(usual()[1][0].weights), 1) / 2**20


def test_an_upload_hides_its_numbers_from_who_has_no_share() -> None:
    key, ciphertexts, _ = first_upload()
    assert all(one % key.n != 1 for one in ciphertexts)


@exploit("deepchain", "t - 1 hospitals pool their shares to open another's update", outcome="held")
def test_fewer_than_the_threshold_open_nothing() -> None:
    """Of three of four, the third included, comes an update that training can have made; of any two, noise."""
    plausible = opened_by(HOSPITALS[1:])
    assert 0 < np.abs(plausible).max() < 2
    for pair in ((1, 2), (1, 3), (2, 3)):
        noise = opened_by([HOSPITALS[place] for place in pair])
        assert np.abs(noise - plausible).mean() > 2


@exploit("deepchain", "t hospitals pool their shares to open another's update", outcome="succeeds")
def test_as_many_as_the_threshold_open_everything() -> None:
    """Their three shares open what its own and two others do."""
    assert np.array_equal(opened_by(HOSPITALS[1:]), opened_by([HOSPITALS[place] for place in (0, 1, 3)]))


@exploit("deepchain", "the dealer opens any update with the shares that it dealt", outcome="succeeds")
def test_the_dealer_must_be_trusted() -> None:
    trial, _ = usual()
    kept = trial.world.engine.snapshot()["memories"]["dealer 1"]["shares"]
    _, _, shares = first_upload()
    assert [int.from_bytes(share, "big") for share in kept] == list(shares.values())


@exploit("deepchain", "all but one of those in a sum subtract their own", outcome="succeeds")
def test_a_sum_less_all_others_is_an_update() -> None:
    key, _, _ = first_upload()
    rng, slots = np.random.default_rng(0), Slots(20, 24, 4, BITS - 1)
    updates = [slots.fixed(rng.normal(size=9)) for _ in HOSPITALS]
    plain = [sum(column) % key.n for column in zip(*map(slots.packed, updates), strict=True)]
    assert np.array_equal(slots.unpacked(plain, 9, 4) - sum(updates[1:]), updates[0])


def alone(self: Any, site: Any, memory: Any, task: Any, _: Any) -> Any:
    """The first hospital's ciphertexts, said to be the sum of all."""
    message = codec.decode(site.store.get(content_id(task["uploads"][FIRST])))
    size = self._count(len(site.hospitals), site.network.parameters) * BITS // 4
    return keccak(message[:size]), tuple(task["uploads"])


WORKERS = ("worker 1", "worker 2", "worker 3")


@exploit("deepchain", "most workers pass a single update off as the sum, to have it opened", outcome="held")
def test_hospitals_open_nothing_but_a_sum() -> None:
    trial, last = lying("aggregate", WORKERS[:2], alone, rounds=1)
    functions = [receipt.function for receipt in trial.world.ledger.receipts]
    assert "submit" not in functions
    assert np.array_equal(last.weights, usual()[1][0].weights)


def unproven(completing: Callable[[Key, list[tuple[int, ...]]], list[int]]) -> Any:
    """A strategy in which most workers ask for no proofs, and the last hospital, after it saw the others' ciphertexts,
    uploads what `completing` makes of them."""
    seen: list[tuple[int, ...]] = []

    def encrypt_last(self: Any, site: Any, memory: Any, update: Any) -> Any:
        reply, kept = DeepChain.encrypt(self, site, memory, update)
        key, count = Key.read(memory["key"], BITS), self._count(len(site.hospitals), site.network.parameters)
        message = codec.decode(site.store.get(content_id(reply)))
        if site.name != HOSPITALS[-1]:
            seen.append(split(message[: count * key.width], key.width))
            return reply, kept
        forged = joined(completing(key, seen), key.width) + message[count * key.width :]
        return digest(site.publish(forged, Kind.SHARE)), kept

    def added(self: Any, site: Any, memory: Any, task: Any) -> Any:
        key, count = Key.read(task["key"], BITS), self._count(len(site.hospitals), site.network.parameters)
        read = site.read({name: content_id(one) for name, one in task["uploads"].items()}, bytes)
        columns = zip(*(split(one[: count * key.width], key.width) for one in read.values()), strict=True)
        total = joined((summed(key.n, column) for column in columns), key.width)
        return (keccak(total), tuple(read)), {"sum": total}

    return varied("deepchain", {"key_bits": BITS}, encrypt=encrypt_last, aggregate=added)


@exploit("deepchain", "most workers let in an upload, without proof, that leaves one update in the sum", outcome="held")
def test_hospitals_open_no_sum_of_which_an_upload_was_made_of_others() -> None:
    """Without a proof, the last takes all updates but the first out of the sum: (C_2 C_3)^-1."""

    def inverse(key: Key, seen: list[tuple[int, ...]]) -> list[int]:
        return [pow(summed(key.n, column), -1, key.modulus) for column in zip(*seen[1:], strict=True)]

    trial = ready(rounds=1, strategy=unproven(inverse))
    (first, last), functions = states(trial), [receipt.function for receipt in trial.world.ledger.receipts]
    assert functions.count("claim") >= 2
    assert "submit" not in functions
    assert np.array_equal(last.weights, first.weights)


def test_hospitals_open_no_sum_of_which_fewer_than_the_threshold_are_proven() -> None:
    """Most workers name everybody, three of whom uploaded no right proof: the sum of the sound is one update."""

    def encrypt_wrongly(self: Any, site: Any, memory: Any, update: Any) -> Any:
        reply, kept = DeepChain.encrypt(self, site, memory, update)
        message = codec.decode(site.store.get(content_id(reply)))
        return (reply if site.name == FIRST else digest(site.publish(message[:-1] + b"\0", Kind.SHARE))), kept

    def added(self: Any, site: Any, memory: Any, task: Any) -> Any:
        (total, sound), kept = DeepChain.aggregate(self, site, memory, task)
        assert sound == (FIRST,)
        return (total, HOSPITALS), kept

    strategy = varied("deepchain", {"key_bits": BITS}, encrypt=encrypt_wrongly, aggregate=added)
    trial = ready(rounds=1, strategy=strategy)
    assert states(trial)[-1].lost == 1
    assert "submit" not in [receipt.function for receipt in trial.world.ledger.receipts]


def test_an_upload_of_zeros_that_workers_let_in_ends_no_trial() -> None:
    """Zero times anything is zero, of which every part is right and nothing can be opened."""
    trial = ready(rounds=1, strategy=unproven(lambda key, seen: [0] * len(seen[0])))
    assert states(trial)[-1].lost == 1


def test_workers_that_name_who_uploaded_nothing_end_no_trial() -> None:
    def more(_: Any, __: Any, ___: Any, ____: Any, reply: Any) -> Any:
        return reply[0], (*reply[1], "nobody", SECOND)

    absent = {"absent": {SECOND: [1]}}
    _, last = lying("aggregate", WORKERS[:1], more, rounds=1, faults=absent)
    assert last.opened == 1


@exploit("deepchain", "a minority of workers names another sum", outcome="held")
def test_one_worker_of_three_changes_nothing() -> None:
    trial, last = lying("aggregate", WORKERS[:1], alone, rounds=1)
    assert np.array_equal(last.weights, usual()[1][1].weights)
    assert [trial.world.chain.balance(name) - ENDOWMENT_WEI for name in WORKERS] == [0, 4 * FEE, 0]


@exploit("deepchain", "most workers leave a right upload out, and its deposit goes to the others", outcome="succeeds")
def test_most_workers_decide_whose_upload_is_right() -> None:
    def without(self: Any, site: Any, _: Any, task: Any, reply: Any) -> Any:
        key = Key.read(task["key"], BITS)
        others = [name for name in task["uploads"] if name != FIRST]
        messages = site.read({name: content_id(task["uploads"][name]) for name in others}, bytes)
        total, _ = self._sum(messages, task["domains"], len(site.hospitals), site.network.parameters, key)
        return keccak(total), tuple(others)

    trial, last = lying("aggregate", WORKERS[:2], without, rounds=1)
    assert (last.opened, last.forfeited[FIRST]) == (1, 1)
    assert lost(trial, FIRST) == 1.0


@exploit("deepchain", "most workers name a sum that is none, and nobody opens it in time", outcome="succeeds")
def test_most_workers_can_stop_a_round() -> None:
    _, last = lying("aggregate", WORKERS[:2], lambda *_: (bytes(32), HOSPITALS))
    assert (last.opened, last.lost) == (0, 2)


@exploit("deepchain", "most workers and a hospital of theirs take everybody's deposit", outcome="succeeds")
@pytest.mark.parametrize("named", ["its upload alone", "a sum that is none"])
def test_most_workers_and_a_hospital_take_all_deposits(named: str) -> None:
    trading = Trading().join().upload()
    if named == "its upload alone":
        trading.claim("uv", "a")
    else:
        for worker in "uv":
            trading.send(worker, "claim", bytes(32), 0b1111)
        trading.send("a", "submit", bytes(trading.size))
        trading.close()
    assert trading.named("locked") == "a"
    assert trading.owed()["a"] == 3 * DEPOSIT
    trading.check_money()


@exploit("deepchain", "a worker repeats what another claims, or overtakes it, for the fee", outcome="succeeds")
def test_a_claim_is_not_hidden_until_others_have_made_theirs() -> None:
    """What v found stands in a transaction that w, who added up nothing, sends first."""
    trading = Trading().join().upload().claim("w").claim("v")
    assert trading.owed() == {"w": 4 * FEE_ON_CHAIN}
    assert trading.call("aggregate") == keccak(trading.total)


@exploit("deepchain", "t hospitals upload before another can join, round after round", outcome="succeeds")
def test_the_fast_keep_the_slow_out() -> None:
    """Nobody but who has a deposit is waited for, and nobody joins later in a round."""
    trading = Trading().join("abc")
    for _ in range(2):
        trading.upload("abc")
        with refused("not the phase"):
            trading.send("d", "join", value=DEPOSIT)
        trading.claim().submit().approve()
    assert (trading.call("opened"), trading.named("locked")) == (2, "abc")


@exploit(
    "deepchain", "who stays after the last round takes the deposits of those who forget to leave", outcome="succeeds"
)
def test_rounds_do_not_end_by_themselves() -> None:
    trading = Trading().play().approve().upload("a").close()
    assert trading.owed()["a"] == 3 * DEPOSIT + FEE_ON_CHAIN
    assert trading.named("locked") == "a"


def test_who_leaves_after_the_last_round_has_its_deposit_back() -> None:
    """Without misbehaviour all deposits return."""
    trading = Trading().play().approve()
    for party in "abcd":
        trading.send(party, "leave")
    assert trading.owed() == dict.fromkeys("abcd", DEPOSIT) | {"u": 4 * FEE_ON_CHAIN}
    assert (trading.call("held"), trading.call("deadline")) == (0, NEVER)


@exploit("deepchain", "hospitals and workers fall silent for ever", outcome="held")
def test_every_phase_ends_and_every_wei_comes_home() -> None:
    """Random runs at whose end any set sleeps are in the contract's tests."""
    trading = Trading().join().upload("abc").close().close()
    assert trading.call("round") == 2
    trading.close()
    assert sum(trading.owed().values()) == 4 * DEPOSIT + 3 * 10
    trading.check_money()


def test_a_right_proof_of_encryption_is_no_proof_of_size() -> None:
    key, occasion = Key.read(usual()[1][0].key, BITS), b"occasion"
    value = random_below(key.n, np.random.default_rng(0))
    message = encrypt(key, [value], occasion, np.random.default_rng(1))
    assert ciphertexts_of(key, message, 1, occasion) is not None
    assert parts_of(key, 1, (), message, occasion) is None
