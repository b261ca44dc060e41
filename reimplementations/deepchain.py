"""Encrypted updates are added up by workers and opened jointly, under deposits. Weng et al. 2021, DeepChain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.content import content_id, digest
from chainward.methods.guarded_packing import Slots
from chainward.methods.modular_powers import product_flops
from chainward.methods.packing import bits
from chainward.methods.paillier_proofs import (
    ciphertexts_of,
    combining_flops,
    dealing_flops,
    encrypt,
    encryption_check_flops,
    encryption_flops,
    open_partly,
    opening_check_flops,
    opening_flops,
    partial_proof_bytes,
    parts_of,
    party_key,
    share_fits,
)
from chainward.methods.threshold_paillier import Key, deal, joined, opened, split, summed
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Digest, Each, Held, Kind, Memory, Query, Reverted, Site, Update, World

Phase = IntEnum("Phase", "UPLOADING AGGREGATING DECRYPTING DISPUTING", start=0)
Task = Mapping[str, Any]
Claim = tuple[Digest, tuple[str, ...]]  # hash of a sum's ciphertexts, and whose are in it
Evidence = dict[str, tuple[bytes, bytes, bytes]]  # by party: its key, the sum, its wrong parts in opening it


class Submitted(NamedTuple):
    """A sum's ciphertexts, of how many updates it is, and what parties gave to open it."""

    total: bytes
    summands: int
    messages: Mapping[str, bytes]


@dataclass(frozen=True)
class State:
    """The weights [P], the contract, the workers, the public key, and the parties that hold a share of the secret one.

    Counts by party how often it lost its deposit, and the wei it was paid; rounds whose sum was opened, and others.
    """

    weights: Vector
    contract: str
    workers: tuple[str, ...]
    key: bytes
    holders: tuple[str, ...]
    forfeited: Mapping[str, int]
    paid: Mapping[str, int]
    opened: int = 0
    lost: int = 0


@dataclass(frozen=True)
class DeepChain(Strategy[State]):
    """Threshold-encrypted updates; `threshold` t of the hospitals open a sum, 0: more than half of them.

    The key has `key_bits`: fewer than 2048 are for trials, and hide nothing. An update is the difference that local
    training makes to the weights, in units of 2^-`fraction_bits`, of `value_bits` with its sign; what is larger is
    clipped. A phase lasts `phase_blocks` at most.
    """

    threshold: int = 0
    key_bits: int = 2048
    fraction_bits: int = 20
    value_bits: int = 24
    workers: int = 3
    deposit_wei: int = 10**18
    fee_wei: int = 10**15
    phase_blocks: int = 150

    quick: ClassVar[Mapping[str, Any]] = {"key_bits": 256}
    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("DeepChain",),
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        needs=("threshold <= hospitals", "1 <= workers"),
    )

    def open(self, world: World) -> State:
        """Steps 1 and 2: a dealer gives everybody who is there a share of the key; who accepts it locks a deposit."""
        count, threshold = len(world.hospitals), self._threshold(len(world.hospitals))
        (dealer,), workers = world.parties("dealer", 1), world.parties("worker", self.workers)
        present = world.present(atleast=threshold)
        dealing = Query("deal", Kind.CONTROL, self.deal, reply=bytes)
        (written,) = world.ask(dealer, dealing, count).open().values()
        shares = {name: world.ask(dealer, GIVE, world.hospitals.index(name))[dealer] for name in present}
        keep = Query("keep", Kind.CONTROL, self.keep, reply=bool)
        kept = world.ask(present, keep, Each({name: (written, share) for name, share in shares.items()}))
        holders = tuple(name for name, accepts in world.need_some(kept, threshold).open().items() if accepts)
        key, ciphertexts = Key.read(written, self.key_bits), self._count(count, world.network.parameters)
        keys = tuple(keccak(party_key(key, place)) for place in range(1, count + 1))
        size = ciphertexts * key.width + partial_proof_bytes(key)
        terms = (threshold, self.deposit_wei, self.fee_wei, size, self.phase_blocks)
        chain = world.found("DeepChain", world.hospitals, keys, workers, *terms, sender=holders[0])
        chain.send_each("join", holders, value=self.deposit_wei)
        nothing = dict.fromkeys(world.hospitals, 0)
        return State(world.initial_weights(), chain.address, workers, written, holders, nothing, nothing)

    def round(self, state: State, world: World) -> State:
        """Steps 3 to 7; without t right uploads, or t right parts in opening their sum, the weights stay."""
        chain, submitted = world.at(state.contract), None
        number, before = chain.call("round"), set(_named(chain, "locked"))
        domains = {name: chain.call("domain", name) for name in state.holders}
        present = self._upload(state, world, chain, domains)
        if chain.call("phase") == Phase.AGGREGATING:
            self._aggregate(state, world, chain, domains)
        if chain.call("phase") == Phase.DECRYPTING:
            submitted = self._decrypt(state, world, chain, domains)
        if chain.call("phase") == Phase.DISPUTING and submitted:
            self._dispute(state, world, chain, domains, submitted.messages)
        done = submitted if chain.call("opened") == number else None
        weights = self._opened(state, world, domains, done) if done else None
        late = before.union(present).difference(_named(chain, "locked"))
        paid = _collected(chain, (*present, *state.workers))
        return replace(
            state,
            weights=state.weights if weights is None else weights,
            forfeited={name: times + (name in late) for name, times in state.forfeited.items()},
            paid={name: wei + paid.get(name, 0) for name, wei in state.paid.items()},
            opened=state.opened + (weights is not None),
            lost=state.lost + (weights is None),
        )

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Hospitals that open a sum, workers, bits of the key, and numbers in a ciphertext."""
        told = {"threshold": self._threshold(hospitals), "workers": self.workers, "key_bits": self.key_bits}
        return {**told, "numbers_a_ciphertext": self._slots(hospitals).each}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """How often each lost its deposit, the ether it was paid, and rounds whose sum was opened or not."""
        ether = {name: wei / 10**18 for name, wei in state.paid.items()}
        return {
            "forfeited": state.forfeited,
            "paid": ether,
            "rounds": {"opened": state.opened, "lost": state.lost},
        }

    def _upload(self, state: State, world: World, chain: Contract, domains: Mapping[str, bytes]) -> tuple[str, ...]:
        """Step 3: train, encrypt, publish, and name it before t1; who lost its deposit locks another. Who is there."""
        entering = Each({name: (state.weights, domain) for name, domain in domains.items()})
        present = world.ask(state.holders, ENTER, entering, within=chain.left() / 2)
        lacking = tuple(name for name in present if name not in _named(chain, "locked"))
        chain.send_each("join", lacking, value=self.deposit_wei)
        train = FIT.then(Query("encrypt", Kind.CONTROL, self.encrypt, reply=Digest))
        uploads = world.ask(present, train, Held("model"), within=chain.left()).open()
        chain.send_each("upload", uploads, value=self.fee_wei)
        if chain.call("phase") == Phase.UPLOADING and chain.call("locked"):
            chain.end_late(state.workers[0])
        return tuple(present)

    def _aggregate(self, state: State, world: World, chain: Contract, domains: Mapping[str, bytes]) -> None:
        """Step 4: workers check the proofs and add up before t2; the contract takes what most of them found."""
        uploads = _uploads(chain, "uploaded")
        task = {"key": state.key, "uploads": uploads, "domains": {name: domains[name] for name in uploads}}
        add = Query("aggregate", Kind.AGGREGATE, self.aggregate, reply=Claim)
        claims = world.ask(state.workers, add, task, within=chain.left()).open()
        named = {worker: tuple(name for name in names if name in uploads) for worker, (_, names) in claims.items()}
        said = {worker: (total, bits(named[worker], world.hospitals)) for worker, (total, _) in claims.items()}
        chain.send_each("claim", said, unless="not the phase")
        if chain.call("phase") == Phase.AGGREGATING:
            chain.end_late(state.workers[0])

    def _decrypt(self, state: State, world: World, chain: Contract, domains: Mapping[str, bytes]) -> Submitted:
        """Step 5: those whose updates are in the sum give their parts in opening it, before t3."""
        uploads = _uploads(chain, "included")
        read = world.read({name: content_id(one) for name, one in uploads.items()}, bytes)
        key = Key.read(state.key, self.key_bits)
        total, summands = self._sum(read, domains, len(world.hospitals), len(state.weights), key)
        task = {"uploads": uploads, "aggregate": chain.call("aggregate"), "domains": {n: domains[n] for n in uploads}}
        part = Query("decrypt", Kind.SHARE, self.decrypt, reply=bytes)
        given = world.ask(uploads, part, task, within=chain.left()).open()
        messages = {name: message for name, message in given.items() if message}
        taken = chain.send_each("submit", messages, unless="not of the length", shows=Kind.SHARE)
        if chain.call("phase") == Phase.DECRYPTING:
            chain.end_late(state.workers[0])
        return Submitted(total, len(summands), {name: messages[name] for name in taken})

    def _dispute(
        self, state: State, world: World, chain: Contract, domains: Mapping[str, bytes], messages: Mapping[str, bytes]
    ) -> None:
        """Step 5: workers check the parts and show the contract those that are wrong, before t4."""
        task = {"key": state.key, "messages": messages, "domains": {name: domains[name] for name in messages}}
        check = Query("check", Kind.CONTROL, self.check, reply=Evidence)
        found = world.ask(state.workers, check, task, within=chain.left()).open()
        for worker, wrong in found.items():
            for name in (
                one for one in _named(chain, "submitted") if one in wrong
            ):  # another worker may have been first
                with suppress(Reverted):  # the proof holds, or no block has room for it
                    chain.send("dispute", name, *wrong[name], sender=worker)
        chain.send_each("approve", tuple(found))
        if chain.call("phase") == Phase.DISPUTING:
            chain.end_late(state.workers[0])

    def _opened(self, state: State, world: World, domains: Mapping[str, bytes], submitted: Submitted) -> Vector | None:
        """Step 6: W := W + sum / (N 2^f), by any t parts that are right: everybody sees for itself which are.

        None if fewer are, as where nobody disputed the others.
        """
        key, slots = Key.read(state.key, self.key_bits), self._slots(len(world.hospitals))
        count, ciphertexts = slots.count(len(state.weights)), split(submitted.total, key.width)
        places = {name: world.hospitals.index(name) + 1 for name in submitted.messages}
        told = {p: parts_of(key, p, ciphertexts, submitted.messages[n], domains[n]) for n, p in places.items()}
        right = {place: parts for place, parts in told.items() if parts is not None}
        flops = opening_check_flops(key, count) * len(told) + combining_flops(key, count, len(right))
        world.elapse("aggregation", world.speeds.compute(flops))
        some = list(right)[: self._threshold(len(world.hospitals))]
        if len(some) < self._threshold(len(world.hospitals)):
            return None
        plain = [opened(key.n, {place: right[place][j] for place in some}, key.factor) for j in range(count)]
        total = slots.unpacked(plain, len(state.weights), submitted.summands)
        return (state.weights + total / (slots.one * submitted.summands)).astype(np.float32)

    def deal(self, site: Site, memory: Memory, parties: int) -> tuple[bytes, Memory]:
        """Step 2 at the dealer: the public key; of the secret it keeps the shares alone."""
        key, shares = deal(self.key_bits, parties, self._threshold(parties), site.rng)
        site.work(dealing_flops(key))
        return key.written(), {"shares": tuple(joined([share], 2 * key.width) for share in shares)}

    def keep(self, site: Site, memory: Memory, given: tuple[bytes, bytes]) -> tuple[bool, Memory]:
        """Step 2 at a hospital: accept a share that fits what the key says of it."""
        written, share = given
        key, place = Key.read(written, self.key_bits), site.hospitals.index(site.name) + 1
        fits = share_fits(key, place, int.from_bytes(share, "big"))
        return fits, {"key": written, "share": share}

    def encrypt(self, site: Site, memory: Memory, update: Update) -> tuple[bytes, Memory]:
        """Step 3 at a hospital: publish the encrypted update with the proof that it is known here; its digest."""
        key, slots = Key.read(memory["key"], self.key_bits), self._slots(len(site.hospitals))
        values = slots.fixed(update.weights.astype(np.float64) - memory["model"])
        site.work(encryption_flops(key, slots.count(len(values))))
        message = encrypt(key, slots.packed(values), memory["domain"], site.rng)
        return digest(site.publish(message, Kind.SHARE)), memory

    def aggregate(self, site: Site, memory: Memory, task: Task) -> tuple[Claim, Memory]:
        """Step 4 at a worker: the product of those ciphertexts whose proofs are right."""
        key, count = Key.read(task["key"], self.key_bits), self._count(len(site.hospitals), site.network.parameters)
        read = site.read({name: content_id(one) for name, one in task["uploads"].items()}, bytes)
        site.work((encryption_check_flops(key, count) + count * product_flops(2 * key.bits)) * len(read))
        total, sound = self._sum(read, task["domains"], len(site.hospitals), site.network.parameters, key)
        return (keccak(total), sound), {"sum": total}

    def decrypt(self, site: Site, memory: Memory, task: Task) -> tuple[bytes, Memory]:
        """Step 5 at a hospital: its parts in opening the sum, once it saw that this is one, of t updates or more.

        It checks the proofs of encryption, too: else an upload made of others' could leave one update in the sum.
        """
        key, count = Key.read(memory["key"], self.key_bits), self._count(len(site.hospitals), site.network.parameters)
        read = site.read({name: content_id(one) for name, one in task["uploads"].items()}, bytes)
        site.work((encryption_check_flops(key, count) + count * product_flops(2 * key.bits)) * len(read))
        total, sound = self._sum(read, task["domains"], len(site.hospitals), site.network.parameters, key)
        if len(sound) < self._threshold(len(site.hospitals)) or keccak(total) != task["aggregate"]:
            return b"", memory
        site.work(opening_flops(key, count))
        place, share = site.hospitals.index(site.name) + 1, int.from_bytes(memory["share"], "big")
        return open_partly(key, place, share, split(total, key.width), memory["domain"], site.rng), memory

    def check(self, site: Site, memory: Memory, task: Task) -> tuple[Evidence, Memory]:
        """Step 5 at a worker: the parts whose proofs are wrong, with what shows the contract that they are."""
        key, total = Key.read(task["key"], self.key_bits), memory["sum"]
        ciphertexts, wrong = split(total, key.width), {}
        for name, message in task["messages"].items():
            place = site.hospitals.index(name) + 1
            site.work(opening_check_flops(key, len(ciphertexts)))
            if parts_of(key, place, ciphertexts, message, task["domains"][name]) is None:
                wrong[name] = (party_key(key, place), total, message)
        return wrong, memory

    def _threshold(self, hospitals: int) -> int:
        """t: more than half of the hospitals unless told otherwise."""
        return self.threshold or hospitals // 2 + 1

    def _slots(self, hospitals: int) -> Slots:
        return Slots(self.fraction_bits, self.value_bits, hospitals, self.key_bits - 1)

    def _count(self, hospitals: int, parameters: int) -> int:
        """Ciphertexts of an update."""
        return self._slots(hospitals).count(parameters)

    def _sum(
        self, uploads: Mapping[str, bytes], domains: Mapping[str, bytes], hospitals: int, parameters: int, key: Key
    ) -> tuple[bytes, tuple[str, ...]]:
        """The ciphertexts of the sum of those uploads whose proofs of encryption are right, and whose they are."""
        count = self._count(hospitals, parameters)
        found = {name: ciphertexts_of(key, one, count, domains[name]) for name, one in uploads.items()}
        sound = {name: ciphertexts for name, ciphertexts in found.items() if ciphertexts is not None}
        columns = zip(*sound.values(), strict=True)
        return joined((summed(key.n, column) for column in columns), key.width), tuple(sound)


def _named(chain: Contract, which: str) -> tuple[str, ...]:
    """The parties of a set that the contract keeps."""
    return tuple(chain.call("named", chain.call(which)))


def _uploads(chain: Contract, which: str) -> dict[str, bytes]:
    """The digests of what the parties of a set uploaded."""
    return {name: chain.call("uploadOf", name) for name in _named(chain, which)}


def _collected(chain: Contract, names: Iterable[str]) -> dict[str, int]:
    """Have everybody who is owed something take it home; how much."""
    owed = {name: chain.call("collectable", name) for name in names}
    return {name: owed[name] for name in chain.send_each("collect", tuple(name for name in owed if owed[name]))}


def _give(_: Site, memory: Memory, place: int) -> tuple[bytes, Memory]:
    return memory["shares"][place], memory


def _enter(_: Site, memory: Memory, task: tuple[Vector, bytes]) -> tuple[bool, Memory]:
    """At a hospital: keep the weights of this round, and what its proofs begin with."""
    return True, {**memory, "model": task[0], "domain": task[1]}


GIVE = Query("give", Kind.SHARE, _give, reply=bytes)
ENTER = Query("enter", Kind.CONTROL, _enter, reply=bool)
