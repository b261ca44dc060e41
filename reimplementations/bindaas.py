"""All authorities sign records and requests; a provider trains on all records. Bhattacharya et al. 2021, BinDaaS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Len
from eth_utils.crypto import keccak

from chainward.methods.content import content_id, digest, fingerprint
from chainward.methods.encryption import locked, locked_between, unlocked, unlocked_between
from chainward.methods.lattice_signature import SCHEMES, Scheme
from chainward.methods.packing import bits, joined
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import ContentId, Contract, Digest, Kind, Memory, Query, Records, Site, Weights, World

KEY_BYTES = 32
LARGEST = 1e6  # most tasks standardise, none comes near: a larger one is a mistake, or made to spoil the training
REQUEST = "request"  # the name under which authorities sign one
Names = tuple[str, ...]
Parts = dict[str, bytes]  # of everything that is signed, what one authority says of it
Registered = Mapping[str, tuple[int, bytes]]  # places and digests of records by hospital


class Phase(IntEnum):
    """What the contract waits for."""

    KEYS, REGISTERING, SIGNING, VERIFYING, ENDORSING, GRANTING, TRAINING, IDLE = range(8)


@dataclass(frozen=True)
class State:
    """The provider's model [P], the contract and the provider.

    `records` are the content ids of accepted records by hospital, `used` counts the requests in which each hospital's
    were trained on, `served` and `refused` count requests.
    """

    weights: Vector
    contract: str
    provider: str
    records: Mapping[str, str]
    used: Mapping[str, int]
    served: int = 0
    refused: int = 0


@dataclass(frozen=True)
class BinDaaS(Strategy[State]):
    """Records and requests need the signatures of all `authorities`; a round is a request and what is learned by it.

    `signature` is "ml_dsa", a standard signature of each authority, or "additive", the paper's own form, in which they
    make one together; see `chainward.methods.lattice_signature`. A phase lasts `phase_blocks` at most.
    """

    authorities: int = 3
    signature: Literal["ml_dsa", "additive"] = "ml_dsa"
    phase_blocks: int = 150

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("BinDaaS",),
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="all",
        spends_gas=True,
        tolerates_absence=True,
    )

    @property
    def scheme(self) -> Scheme:
        """The form of signature."""
        return SCHEMES[self.signature]

    def open(self, world: World) -> State:
        """Phases 0 and 1: the authorities have keys; hospitals' records are encrypted, registered, signed, verified."""
        authorities, (provider,) = world.parties("authority", self.authorities), world.parties("provider", 1)
        terms = (authorities, world.hospitals, provider, self.phase_blocks)
        chain = world.found("BinDaaS", *terms, sender=provider)
        # Phase 0: every authority fixes its public key before any shows its own.
        make = Query("make_key", Kind.CONTROL, self.make_key, reply=Digest)
        chain.offer_each("registerKey", world.ask(authorities, make, within=chain.left()).open())
        _go_on(Phase.KEYS, chain, provider)
        show = Query("show_key", Kind.CONTROL, self.show_key, reply=ContentId)
        keys = (world.ask(_having(chain, "keys"), show).open(), _by_name(chain, "keys"))
        world.ask(world.hospitals, Query("keep_keys", Kind.CONTROL, self.keep_keys, reply=bool), keys)
        # Phase 1, registration.
        enrol = Query("enrol", Kind.CONTROL, self.enrol, reply=Digest)
        digests = world.ask(world.hospitals, enrol, within=chain.left()).open()
        chain.offer_each("register", {hospital: (one, True) for hospital, one in digests.items()})
        _go_on(Phase.REGISTERING, chain, provider)
        records = self._signed_records(provider, chain, world)
        nothing = dict.fromkeys(world.hospitals, 0)
        return State(world.initial_weights(), chain.address, provider, records, nothing)

    def round(self, state: State, world: World) -> State:
        """Phases 2 and 3; a request that is refused leaves the model as it is, and a silent provider makes none."""
        chain, refused = world.at(state.contract), replace(state, refused=state.refused + 1)
        # Phase 2: the provider asks; all authorities sign what for, and who will read.
        asked = world.ask(state.provider, ASK_FOR, state.weights).open()
        if not asked:
            return state
        request = self._request(asked[state.provider], state, chain, world)
        if _go_on(Phase.ENDORSING, chain, state.provider):
            return refused
        chain.send("redeem", request[1], sender=state.provider)
        # Hospitals that consent verify the signatures, each for itself, and give the provider their records' keys.
        sure = self._checked(request, chain, world)
        if chain.call("phase") != Phase.TRAINING:
            return refused
        keys = world.ask(sure, RELEASE, request[1], within=chain.left())
        # Phase 3: the provider decrypts their records and trains.
        cids = {hospital: state.records[hospital] for hospital in keys}
        learned = world.ask(state.provider, TRAIN, (state.weights, cids, keys)).open()
        for used, weights in learned.values():
            if not used:
                break
            chain.send("publishResult", fingerprint(weights), sender=state.provider)
            counts = {hospital: count + (hospital in used) for hospital, count in state.used.items()}
            return replace(state, weights=weights, used=counts, served=state.served + 1)
        chain.end_late(state.provider)
        return refused

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        return {"authorities": self.authorities}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Whose records were accepted; in how many requests each hospital's were used; what became of the requests."""
        return {
            "accepted": {hospital: float(hospital in state.records) for hospital in state.used},
            "used": state.used,
            "requests": {"served": state.served, "refused": state.refused},
        }

    # --- phases 1 and 2, as seen from outside ----------------------------------------------------

    def _signed_records(self, provider: str, chain: Contract, world: World) -> dict[str, str]:
        """Have records signed by all authorities and verified by all hospitals; return what the contract accepts."""
        digests = _by_name(chain, "records")
        places = {name: (place, one) for place, (name, one) in enumerate(digests.items(), 1) if any(one)}
        said = self._sign(Query("vet", Kind.CONTROL, _vet), (chain.address, places), chain, world)
        attested = {authority: (_words(names, world.hospitals), at) for authority, (names, at) in said.items()}
        chain.offer_each("attest", attested)
        _go_on(Phase.SIGNING, chain, provider)
        if chain.call("phase") == Phase.VERIFYING:
            task = (chain.address, places, _contents(chain, "signatures"))
            verify = Query("verify", Kind.CONTROL, self.verify, reply=Names)
            found = world.ask(world.hospitals, verify, task, within=chain.left()).open()
            verdicts = {hospital: _words(names, world.hospitals) for hospital, names in found.items()}
            chain.offer_each("vote", {hospital: keccak(joined(words)) for hospital, words in verdicts.items()})
            for words, _ in Counter(verdicts.values()).most_common(1):
                chain.offer_each("accept", {provider: (words,)})
            _go_on(Phase.VERIFYING, chain, provider)
        who, accepted, _ = chain.call("standing")
        return {name: content_id(digests[name]) for name, fine in zip(who, accepted, strict=True) if fine}

    def _sign(self, vet: Query, task: Any, chain: Contract, world: World) -> dict[str, tuple[Names, bytes]]:
        """Have all authorities sign what `vet` makes of the task at each; return what each signed, and where it is."""
        authorities = _having(chain, "keys")
        begin = vet.then(Query("begin", Kind.CONTROL, self.begin, reply=Parts))
        answer = Query("answer", Kind.CONTROL, self.answer, reply=Parts)
        *steps, last = [begin, *[answer] * self.scheme.exchanges]
        for step in steps:
            task = world.ask(authorities, step, task, within=chain.left())
        return world.ask(authorities, last.then(POST), task, within=chain.left()).open()

    def _ask_consent(self, state: State, chain: Contract, world: World) -> None:
        """Whoever changes its mind tells the contract."""
        who, _, consenting = chain.call("standing")
        before = dict(zip(who, consenting, strict=True))
        consent = Query("consent", Kind.CONTROL, self.consent, reply=bool)
        now = world.ask(state.records, consent, within=chain.left() / 2).open()
        chain.offer_each("setConsent", {name: mind for name, mind in now.items() if mind != before[name]})

    def _request(
        self, asked: tuple[bytes, bytes], state: State, chain: Contract, world: World
    ) -> tuple[str, int, bytes, bytes, str]:
        """Send a request; hospitals may change their minds now, and all authorities sign, or it is not granted.

        Returns contract, token, the reader's key, the purpose, and the one who may read.
        """
        chain.send("request", keccak(b"".join(asked)), sender=state.provider)
        request = (chain.address, chain.call("round"), *asked, chain.call("provider"))
        self._ask_consent(state, chain, world)
        vet = Query("vet_request", Kind.CONTROL, _vet_request)
        signed = self._sign(vet, request, chain, world)
        chain.offer_each("endorse", {authority: at for authority, (names, at) in signed.items() if names})
        return request

    def _checked(self, request: tuple[Any, ...], chain: Contract, world: World) -> Names:
        """Return which of the hospitals whose records may be used find all signatures right; the others object."""
        granted = [name for name, *fine in zip(*chain.call("standing"), strict=True) if all(fine)]
        check = Query("check", Kind.CONTROL, self.check, reply=bool)
        task = (request, _contents(chain, "endorsements"))
        found = world.ask(granted, check, task, within=chain.left() / 2).open()
        chain.offer_each("object", {name: () for name, fine in found.items() if not fine})
        return tuple(name for name, fine in found.items() if fine)

    # --- at an authority -------------------------------------------------------------------------

    def make_key(self, site: Site, memory: Memory, _: None) -> tuple[bytes, Memory]:
        """Draw a secret; tell the hash of the public key."""
        seed = site.rng.bytes(KEY_BYTES)
        return keccak(self.scheme.public(seed)), {"seed": seed}

    def show_key(self, site: Site, memory: Memory, _: None) -> tuple[str, Memory]:
        """Publish the public key."""
        return site.publish(self.scheme.public(memory["seed"]), Kind.CONTROL), memory

    def begin(self, site: Site, memory: Memory, messages: Mapping[str, bytes]) -> tuple[Parts, Memory]:
        """Begin to sign messages, by name."""
        site.work(self.scheme.sign_flops * len(messages))
        seed = memory["seed"]
        return _said({name: self.scheme.begin(seed, one, site.rng) for name, one in messages.items()}, memory)

    def answer(self, site: Site, memory: Memory, heard: Mapping[str, Parts]) -> tuple[Parts, Memory]:
        """Go on with the signatures in which all authorities take part."""
        kept = memory["kept"] if len(heard) == self.authorities else {}
        whole = [name for name in kept if all(name in said for said in heard.values())]
        voices = {name: [said[name] for said in heard.values()] for name in whole}
        return _said({name: self.scheme.answer(memory["seed"], kept[name], voices[name]) for name in whole}, memory)

    # --- at a hospital ---------------------------------------------------------------------------

    def keep_keys(self, site: Site, memory: Memory, task: Any) -> tuple[bool, Memory]:
        """Keep the authorities' joint key, if all showed the keys that they had fixed before."""
        shown, hashes = site.read(task[0], bytes), task[1]
        right = [shown[name] for name, fixed in hashes.items() if name in shown and keccak(shown[name]) == fixed]
        with suppress(ValueError):
            joint = self.scheme.joint(right) if len(right) == len(hashes) else b""
            return bool(joint), {**memory, "joint": joint}
        return False, memory

    def enrol(self, site: Site, memory: Memory, _: None) -> tuple[bytes, Memory]:
        """Publish the records, encrypted under a key that stays here; tell their digest."""
        key, kind = site.rng.bytes(KEY_BYTES), site.train.features.dtype
        rows = np.column_stack([site.train.features, site.train.labels]).astype(kind)
        closed = locked(rows.tobytes(), key, site.name.encode(), site.rng)
        return digest(site.publish(closed, Kind.CONTROL)), {**memory, "key": key}

    def verify(
        self, site: Site, memory: Memory, task: tuple[str, Registered, Mapping[str, str]]
    ) -> tuple[Names, Memory]:
        """Tell whose records have a valid signature of every authority."""
        contract, records, contents = task
        said = site.read(contents, Parts)
        messages = {name: _message("record", contract, *one) for name, one in records.items()}
        return tuple(name for name, one in messages.items() if self._valid(site, memory, said, name, one)), memory

    def consents(self, site: Site, memory: Memory, _: None) -> tuple[bool, Memory]:
        """Whether the hospital consents to the use of its records from now on."""
        return True, memory

    def consent(self, site: Site, memory: Memory, _: None) -> tuple[bool, Memory]:
        """Tell whether it consents; it goes by that also where the contract is passed by."""
        mind, memory = self.consents(site, memory, None)
        return mind, {**memory, "consents": mind}

    def check(self, site: Site, memory: Memory, task: Any) -> tuple[bool, Memory]:
        """Encrypt the records' key for the provider, if it consents to a request that is new and signed by all."""
        request, contents = task
        _, token, reader, *_ = request
        said, wanted = site.read(contents, Parts), _vet_request(site, memory, request)[0]
        willing = memory.get("consents", True) and token > memory.get("answered", 0) and "key" in memory
        kept = {name: value for name, value in memory.items() if name != "release"}
        if wanted and willing and self._valid(site, memory, said, REQUEST, wanted[REQUEST]):
            sealed = locked_between(memory["key"], site.key, reader, site.rng)
            return True, {**kept, "answered": token, "release": {"token": token, "key": sealed}}
        return False, kept

    def _valid(self, site: Site, memory: Memory, said: Mapping[str, Parts], name: str, message: bytes) -> bool:
        """Whether what the authorities said of something is a signature of them all."""
        site.work(self.scheme.verify_flops)
        parts = [own[name] for own in said.values() if name in own]
        whole = len(parts) == self.authorities and "joint" in memory
        return whole and self.scheme.verifies(memory["joint"], message, parts)


def _go_on(phase: Phase, chain: Contract, sender: str) -> bool:
    """Have a phase ended that waits for somebody who is late; tell whether it did."""
    if waits := bool(chain.call("phase") == phase):
        chain.end_late(sender)
    return waits


def _by_name(chain: Contract, view: str) -> dict[str, bytes]:
    """A hash of each party."""
    return dict(zip(*chain.call(view), strict=True))


def _having(chain: Contract, view: str) -> dict[str, bytes]:
    """A hash of each party that has one."""
    return {name: one for name, one in _by_name(chain, view).items() if any(one)}


def _contents(chain: Contract, view: str) -> dict[str, str]:
    """A content id of each party that has one."""
    return {name: content_id(one) for name, one in _having(chain, view).items()}


def _words(names: Sequence[str], order: Sequence[str]) -> tuple[int, ...]:
    """Names as a bit map in words of 256 bits."""
    mask = bits(names, order)
    return tuple(mask >> start & 2**256 - 1 for start in range(0, len(order), 256))


def _message(what: str, contract: str, number: int, content: bytes) -> bytes:
    """What is signed: a record at a hospital's place, or the request with a token, of one contract."""
    return keccak(what.encode() + contract.encode() + number.to_bytes(8, "big") + content)


def _vet(site: Site, memory: Memory, task: tuple[str, Registered]) -> tuple[dict[str, bytes], Memory]:
    """At an authority: what to sign of the records that are registered, if they are there."""
    contract, records = task
    there = site.read({name: content_id(content) for name, (_, content) in records.items()}, bytes)
    return {name: _message("record", contract, *records[name]) for name in there}, memory


def _vet_request(
    site: Site, memory: Memory, request: tuple[str, int, bytes, bytes, str]
) -> tuple[dict[str, bytes], Memory]:
    """At an authority: what to sign of a request; nothing of one by which another than the provider would read."""
    contract, token, reader, purpose, provider = request
    if reader != site.keys[provider]:
        return {}, memory
    return {REQUEST: _message(REQUEST, contract, token, keccak(reader + purpose))}, memory


def _said(turns: Mapping[str, tuple[bytes, Any]], memory: Memory) -> tuple[Parts, Memory]:
    """What an authority says about everything in a turn; it keeps the rest."""
    said, kept = ({name: turn[place] for name, turn in turns.items()} for place in (0, 1))
    return said, {**memory, "kept": kept}


def _post(site: Site, memory: Memory, said: Parts) -> tuple[tuple[Names, bytes], Memory]:
    """At an authority: publish what it said last; tell what it signed, and where that is."""
    parts = {name: part for name, part in said.items() if part}
    return (tuple(parts), digest(site.publish(parts, Kind.CONTROL))), {**memory, "kept": {}}


def _ask_for(site: Site, memory: Memory, weights: Vector) -> tuple[tuple[bytes, bytes], Memory]:
    """At the provider: who will read, and what for: to train on from these weights."""
    return (site.key.public, fingerprint(weights)), memory


def _release(_: Site, memory: Memory, token: int) -> tuple[bytes, Memory]:
    """At a hospital: the key of its records, for the reader of the request that it checked; once."""
    release = memory.get("release", {})
    kept = {name: value for name, value in memory.items() if name != "release"}
    return release["key"] if release.get("token") == token else b"", kept


def _train(site: Site, memory: Memory, task: Any) -> tuple[tuple[Names, Vector], Memory]:
    """At the provider: decrypt the records it has keys for, and train on all of them; nothing of them is kept."""
    weights, contents, keys = task
    opened = {name: _opened(site, name, data, keys[name]) for name, data in site.read(contents, bytes).items()}
    found = site.checked(opened, Records)
    if not found:
        return ((), weights), memory
    features, labels = (np.concatenate([part[name] for part in found.values()]) for name in ("features", "labels"))
    return (tuple(found), site.train_network(features, labels, weights, batch_factor=len(found))), memory


def _opened(site: Site, hospital: str, data: bytes, key: bytes) -> Any:
    """A hospital's records; nothing where key or content is another's or made up, or a feature is beyond all sense."""
    with suppress(ValueError):
        plain = unlocked(data, unlocked_between(key, site.key, site.keys[hospital]), hospital.encode())
        kind, columns = site.train.features.dtype, site.train.features.shape[1] + 1
        rows = np.frombuffer(plain, kind).reshape(-1, columns)
        if len(rows) and np.all(np.abs(rows) <= LARGEST):
            return {"features": rows[:, :-1].copy(), "labels": rows[:, -1].copy()}
    return None


POST = Query("post", Kind.CONTROL, _post, reply=tuple[Names, Digest])
ASK_FOR = Query("ask_for", Kind.CONTROL, _ask_for, reply=tuple[Annotated[bytes, Len(65, 65)], Digest])
RELEASE = Query("release", Kind.RECORDS, _release, reply=Annotated[bytes, Len(1, 100)])
TRAIN = Query("train", Kind.AGGREGATE, _train, reply=tuple[Names, Weights])
