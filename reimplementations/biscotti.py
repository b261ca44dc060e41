"""Peers drawn by stake noise, verify and add up updates that only their owners know. Shayan et al. 2021, Biscotti."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.clear_sum import Clear
from chainward.methods.committed_noise import Fixed, Noise, noise_digest
from chainward.methods.content import fingerprint
from chainward.methods.lottery import others_drawn
from chainward.methods.packing import bits, named
from chainward.methods.privacy import noise_multiplier
from chainward.methods.secure_sum import VALUE_BITS, Opening, Points, Scheme, Whole
from chainward.methods.selection import krum_names, tolerable
from chainward.methods.sharing import from_bytes, in_units, to_bytes
from chainward.methods.vector_commitment import numbers_of, points_of
from chainward.methods.verifiable_random import CHECKING_FLOPS, PROVING_FLOPS, outcome, prove, public_key
from chainward.methods.verifiable_sum import Added, Collected, Party, Share, Told, digest, enough, missing
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Digest, Each, Held, Kind, Memory, Query, Replies, Site, Update, World
from chainward.world.forms import ContentId, Weights, array

Phase = IntEnum("Phase", "REGISTERING COLLECTING VERIFYING AGGREGATING CHECKING", start=0)
Names = tuple[str, ...]
Task = Mapping[str, Any]
Units = Annotated[Whole, array((None,), "int64").__metadata__[0]]  # of any length
Block = Mapping[str, Any]  # what everybody reads on chain: iteration, chance (the seed), stakes, keys, noises
MOST_UPDATES = 256  # of an iteration: the contract's votes are bits of a word


class Counts(NamedTuple):
    """Noisers an update asks, seats of verifiers and aggregators, trainers an iteration draws."""

    noisers: int
    verifiers: int
    aggregators: int
    wanted: int


class Begun(NamedTuple):
    """A hospital's public key, the noisers it drew and the proof of that, the digest of its next iteration's noise."""

    key: Digest
    noisers: Names
    noise: Digest
    proof: bytes = b""


class Found(NamedTuple):
    """The digest of a model and whose updates are in it; the model [P], their sum in units [P], what opens it."""

    digest: bytes
    names: Names
    model: Vector
    values: Whole
    blindings: bytes


class Shown(NamedTuple):
    """What verifiers see: delta + noises in units [P], and what opens it."""

    values: Units
    blindings: bytes


@dataclass(frozen=True)
class State:
    """The global model [P], the contract, and by hospital its stake and how many of its updates were taken or refused.

    `lost` counts iterations without a block.
    """

    weights: Vector
    contract: str
    stakes: Mapping[str, int]
    accepted: Mapping[str, int]
    rejected: Mapping[str, int]
    blocks: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Biscotti(Strategy[State]):
    """Proof of Federation; an iteration a round. A count of 0 follows the rule for the number of hospitals.

    An iteration draws a share `sampled` of the hospitals to train; `poisoners` is the share Krum tolerates. `epsilon`
    and `delta` are those of one noise of the paper's on an update that a patient moves by `sensitivity` at most; the
    mean of several, which verifiers see, is smaller than one. Updates are in units of 1 / `precision`. `packing`
    numbers of an update are the coefficients of one polynomial: 1 is Shamir's form, with random coefficients, 10 the
    code's. A switch that is off leaves its part out.
    """

    noisers: int = 0
    verifiers: int = 0
    aggregators: int = 0
    sampled: float = 0.7
    poisoners: float = 0.3
    epsilon: float = 2.0
    delta: float = 1e-5
    sensitivity: float = 0.05
    precision: int = 10_000
    packing: int = 1
    stake: int = 10
    stake_unit: int = 5
    noising: bool = True
    verification: bool = True
    secure_aggregation: bool = True
    phase_blocks: int = 120

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("Biscotti",),
        sees_individual_updates=Audience.SOME_HOSPITALS,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        needs=("1 <= wanted", "1 + verifiers <= hospitals", "1 + aggregators <= hospitals", "noisers + 1 <= hospitals"),
    )

    def open(self, world: World) -> State:
        """Step 1: the genesis. All who answer register a key and their first noise, and get the same stake."""
        counts, begin = self._counts(len(world.hospitals)), self._steps["begin"]
        needed = min(len(world.hospitals), counts.verifiers + 1)
        begun = world.need_some(world.ask(world.hospitals, begin, {"iteration": 0}), needed).open()
        seats = (*counts[1:], self._scheme(len(world.hospitals)).points_on_chain)
        terms = (*seats, self.stake, self.stake_unit, self.phase_blocks)
        chain = world.found("Biscotti", world.hospitals, *terms, sender=next(iter(begun)))
        chain.send_each("register", {hospital: (own.key, own.noise) for hospital, own in begun.items()})
        if len(begun) < len(world.hospitals):
            chain.end_late(next(iter(begun)))
        nothing = dict.fromkeys(world.hospitals, 0)
        return State(world.initial_weights(), chain.address, _block(world, chain)["stakes"], nothing, nothing)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 7: one iteration of the contract. Whoever began it ends phases that others left open."""
        chain = world.at(state.contract)
        head, block, weights = chain.call("head"), _block(world, chain), None
        begun = self._ask(world, chain, world.hospitals, "begin", {**block, "model": state.weights}, 4).open()
        if not begun:
            return replace(state, lost=state.lost + 1)
        updates = self._collect(world, chain, begun)
        if chain.call("phase") == Phase.VERIFYING:
            self._verify(world, chain, updates, begun)
        trainers = chain.call("submissions")[0]
        accepted, rejected = (named(chain.call(view), trainers) for view in ("accepted", "rejected"))
        if chain.call("phase") == Phase.AGGREGATING:
            committed = {name: updates[name] for name in accepted}
            found = self._aggregate(world, chain, committed, begun)
            weights = self._propose(world, chain, committed, found, tuple(begun))
        while chain.call("iteration") == block["iteration"]:
            chain.end_late(next(iter(begun)))
        if weights is None or chain.call("head") == head:
            return replace(state, stakes=_block(world, chain)["stakes"], lost=state.lost + 1)
        taken = {name: count + (name in accepted) for name, count in state.accepted.items()}
        refused = {name: count + (name in rejected) for name, count in state.rejected.items()}
        stakes = _block(world, chain)["stakes"]
        return State(weights, state.contract, stakes, taken, refused, state.blocks + 1, state.lost)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Roles, trainers drawn, how many of them Krum tolerates, shares that recover, and a noise's deviation."""
        counts, terms = self._counts(hospitals), self._scheme(hospitals).terms
        krum = tolerable(counts.wanted, self.poisoners * hospitals)
        return {**counts._asdict(), "tolerated": krum, "terms": terms, "sigma": self._sigma}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Stake, and updates accepted and rejected, of each hospital; iterations with a block and without."""
        told = {"stake": state.stakes, "accepted": state.accepted, "rejected": state.rejected}
        return {**told, "iterations": {"sealed": state.blocks, "lost": state.lost}}

    def _collect(self, world: World, chain: Contract, begun: Mapping[str, Begun]) -> dict[str, Points]:
        """Step 3: the drawn train and commit. The noise of the next iteration is fixed with it."""
        present = _block(world, chain)["present"]
        newcomers = {name: (own.key, own.noise) for name, own in begun.items() if not present[name]}
        chain.send_each("register", newcomers)
        drawn = chain.call("trainers")
        train = FIT.then(self._steps["commit"])
        trainers = [hospital for hospital in begun if hospital in drawn]
        replies = world.ask(trainers, train, Held("model"), within=chain.left()).open()
        updates = {trainer: points for trainer, points in replies.items() if points}
        if self.noising:
            chain.send_each("commitNoise", {name: begun[name].noise for name in begun if name not in newcomers})
        chain.send_each("submit", {trainer: keccak(b"".join(points)) for trainer, points in updates.items()})
        if len(updates) < len(drawn):
            chain.end_late(next(iter(begun)))
        return updates

    def _verify(self, world: World, chain: Contract, updates: Mapping[str, Points], begun: Mapping[str, Begun]) -> None:
        """Step 4: trainers show their updates, under the noise of those they drew, to the verifiers, who vote."""
        block, verifiers, trainers = _block(world, chain), chain.call("roles")[0], chain.call("submissions")[0]
        proofs = {trainer: begun[trainer].proof for trainer in updates}
        by = {name: {one: proofs[one] for one in updates if name in begun[one].noisers} for name in begun}
        givers = Each({name: {**block, "proofs": own} for name, own in by.items() if own})
        seeds = self._ask(world, chain, givers, "noise", givers, 4).open() if givers else {}
        fixed = self._ask(world, chain, givers, "bound", block, 4) if givers else {}
        given = {name: {one: own[name] for one, own in seeds.items() if name in own} for name in updates}
        facts = {"iteration": block["iteration"], "noises": block["noises"]}
        tasks = Each({name: {**facts, "given": given[name]} for name in updates})
        shown = self._ask(world, chain, updates, "mask", tasks, 2)
        task = {**block, "committed": dict(updates), "fixed": dict(fixed), "shown": dict(shown), "proofs": proofs}
        votes = self._ask(world, chain, verifiers, "verify", task).open()
        told = {name: (approved, set(refused) - set(approved)) for name, (approved, refused) in votes.items()}
        chain.send_each("vote", {name: tuple(bits(names, trainers) for names in own) for name, own in told.items()})
        if len(votes) < len(verifiers):
            chain.end_late(next(iter(begun)))

    def _aggregate(
        self, world: World, chain: Contract, updates: Mapping[str, Points], begun: Collection[str]
    ) -> Mapping[str, Found]:
        """Step 5: aggregators add up the shares of accepted updates and recover the sum; what each of them found."""
        aggregators, scheme = chain.call("roles")[1], self._scheme(len(world.hospitals))
        seats = {name: scheme.points(seat, len(aggregators)) for seat, name in enumerate(aggregators)}
        given = self._ask(world, chain, updates, "share", seats, 3).open()
        own = {name: {one: told[name] for one, told in given.items() if name in told} for name in seats}
        tasks = {name: {"seats": seats, "commitments": updates, "given": own[name]} for name in seats if name in begun}
        held = self._ask(world, chain, tasks, "collect", Each(tasks), 3)
        lacking = missing(held.open(), given)
        asked = Each({one: {name: seats[name] for name in holders} for one, holders in lacking.items()})
        shown = self._ask(world, chain, asked, "show", asked, 3).open() if asked else {}
        sums = self._ask(world, chain, held, "add", {"held": dict(held), "tasks": tasks, "shown": shown}, 3)
        task = {"sums": dict(sums), "seats": seats, "commitments": updates}
        found = self._ask(world, chain, sums, "recover", task, 2).open()
        blocks = {name: Found(fingerprint(one[1]), *one) for name, one in found.items() if one is not None}
        fitting = {name for name in updates if scheme.committed(updates[name])}  # else the contract refuses the block
        return {n: one for n, one in blocks.items() if fitting >= set(one.names) and enough(set(one.names), updates)}

    def _propose(
        self, world: World, chain: Contract, updates: Mapping[str, Points], found: Mapping[str, Found], begun: Names
    ) -> Vector | None:
        """Step 6: aggregators lead in the order of their draw until most find what one proposes; the peers check it."""
        aggregators, trainers, leader = chain.call("roles")[1], chain.call("submissions")[0], ""
        blocks = {name: (one.digest, bits(one.names, trainers)) for name, one in found.items()}
        while chain.call("phase") == Phase.AGGREGATING:
            leader = chain.call("leader")
            if leader in found:
                points = [point for name in updates if name in found[leader].names for point in updates[name]]
                coordinates = numbers_of(points) if self.secure_aggregation else ()
                chain.send("propose", *blocks[leader], coordinates, sender=leader)
                world.chain.settle()  # who agrees must see the block
                agree = [name for name in found if blocks[name] == blocks[leader] and name != leader]
                differ = [name for name in found if blocks[name] != blocks[leader]]
                chain.send_each("endorse", agree[: len(aggregators) // 2], *blocks[leader])
                chain.send_each("refuse", differ[: -(-len(aggregators) // 2)], unless="not the phase")
            if chain.call("phase") == Phase.AGGREGATING and chain.call("leader") == leader:
                chain.end_late(begun[0])
        if chain.call("phase") == Phase.CHECKING:
            self._check(world, chain, found[leader], begun)
        return found[leader].model if leader in found else None

    def _check(self, world: World, chain: Contract, block: Found, begun: Names) -> None:
        """Step 7: before anybody trains on it, all check that the block opens the sum of the commitments in it."""
        model, included, points = chain.call("proposed")
        names = named(included, chain.call("submissions")[0])
        task = {"block": tuple(block), "model": model, "names": names, "commitment": points}
        told = self._ask(world, chain, begun, "check", task, 2).open()
        objecting = dict.fromkeys((name for name in told if not told[name]), False)
        opening = [name for name in told if told[name]][: chain.call("registered") // 2 + 1]  # enough to seal it
        chain.send_each("check", {**objecting, **dict.fromkeys(opening, True)}, unless="not the phase")

    def begin(self, site: Site, memory: Memory, block: Block) -> tuple[Begun, Memory]:
        """Step 2 at a hospital: read the block, draw one's own noisers, fix the next iteration's noise."""
        secret, iteration = memory.get("secret") or site.rng.bytes(32), block["iteration"]
        kept: dict[str, Any] = {"secret": secret, "model": block.get("model")}
        if not self.noising:
            return Begun(public_key(secret), (), bytes(32)), kept
        seeds = {number: seed for number, seed in memory.get("seeds", {}).items() if number == iteration}
        seeds[iteration + 1] = seed = site.rng.bytes(32)
        digest = noise_digest(iteration + 1, self._noise_points(site, seed))
        proof = prove(secret, _message(block)) if iteration else b""
        site.work(PROVING_FLOPS if iteration else 0.0)
        drawn = self._noisers(site, site.name, public_key(secret), proof, block) if iteration else ()
        return Begun(public_key(secret), drawn, digest, proof), {**kept, "seeds": seeds, "noisers": drawn}

    def commit(self, site: Site, memory: Memory, update: Update) -> tuple[Told, Memory]:
        """Step 3 at a trainer: delta in units as polynomials, a point for each power; nothing if it does not fit."""
        values = in_units(update.weights.astype(np.float64) - memory["model"], self.precision)
        if values is None:
            return (), memory
        rows, points = self._party(site).commit(values)
        return points, {**memory, "rows": rows}

    def noise(self, site: Site, memory: Memory, task: Task) -> tuple[dict[str, ContentId], Memory]:
        """Step 3 at a noiser: the seed of the noise it fixed, for those alone whose proofs draw it; nothing if late."""
        proofs, seed = task["proofs"], memory["seeds"].get(task["iteration"])
        drawn = {name: self._noisers(site, name, task["keys"][name], proof, task) for name, proof in proofs.items()}
        readers = tuple(name for name in proofs if site.name in drawn[name])
        if not seed or not readers:
            return {}, memory
        return dict.fromkeys(readers, site.publish(seed, Kind.CONTROL, readers=readers)), memory

    def bound(self, site: Site, memory: Memory, block: Block) -> tuple[Fixed | None, Memory]:
        """Step 3 at a noiser: what commits to that noise, and a proof, asked by the block's seed, that it is short."""
        seed, noise = memory["seeds"].get(block["iteration"]), self._noise(site)
        if seed is None:
            return None, memory
        site.work(noise.proving_flops())
        return noise.fixed(seed, block["chance"], site.rng), memory

    def mask(self, site: Site, memory: Memory, task: Task) -> tuple[Shown | None, Memory]:
        """Step 3 at a trainer: delta + the noise of all it drew; nothing if one of them did not give what it fixed."""
        drawn, noise = memory.get("noisers", ()), self._noise(site)
        given = site.read({name: cid for name, cid in task["given"].items() if name in drawn}, bytes, sealed=True)
        made = {name: noise_digest(task["iteration"], self._noise_points(site, seed)) for name, seed in given.items()}
        if self.noising and (not drawn or any(made.get(name) != task["noises"][name] for name in drawn)):
            return None, memory
        masked = self._party(site).masked(memory["rows"], [noise.rows(given[name]) for name in drawn])
        return Shown(masked.values, to_bytes(masked.blindings)), memory

    def verify(self, site: Site, memory: Memory, task: Task) -> tuple[tuple[Names, Names], Memory]:
        """Step 4 at a verifier: approve the updates that open their commitments and that Multi-Krum keeps.

        It refuses all others, but those whose noisers did not show that their noise is short: that is not their fault.
        """
        party, noise, claims = self._party(site), self._noise(site), {}
        fixed = {name: Fixed(*own) for name, own in task["fixed"].items() if own is not None}
        short = party.true(noise.claims_of(fixed, task["noises"], task["iteration"], task["chance"]))
        shown = {name: Shown(*value) for name, value in task["shown"].items() if value is not None}
        for name, (values, blindings) in shown.items():
            drawn = self._noisers(site, name, task["keys"][name], task["proofs"][name], task) if self.noising else ()
            if set(short) >= set(drawn):
                opening, points = Opening(values, from_bytes(blindings)), [fixed[noiser].points for noiser in drawn]
                odd = self.noising and not drawn
                claims[name] = [] if odd else party.mask_claims(opening, task["committed"][name], points)
        sound = {name: shown[name].values / self.precision for name in party.true(claims, VALUE_BITS)}
        site.work(2.0 * len(sound) ** 2 * site.network.parameters)
        kept = krum_names(sound, tolerable(len(sound), self.poisoners * len(site.hospitals)))
        scores = site.scores({name: float(name in kept) for name in claims}, 0.0, 1.0)
        approved = tuple(name for name in scores if scores[name] > 0.5)
        return (approved, tuple(name for name in scores if name not in approved)), memory

    def share(self, site: Site, memory: Memory, seats: Mapping[str, Sequence[int]]) -> tuple[dict[str, Any], Memory]:
        """Step 5 at a trainer: for each aggregator the values of its polynomials at its points, and their hash."""
        party, kind = self._party(site), Kind.UPDATE if self._scheme(len(site.hospitals)).reveals else Kind.SHARE
        shares = {name: party.shares(memory["rows"], at) for name, at in seats.items()}
        return {name: (site.publish(own, kind, readers=(name,)), digest(own)) for name, own in shares.items()}, memory

    def show(self, site: Site, memory: Memory, seats: Mapping[str, Sequence[int]]) -> tuple[dict[str, Told], Memory]:
        """Step 5 at a trainer: to all aggregators, the shares that some say did not come; nothing if they are it."""
        scheme = self._scheme(len(site.hospitals))
        told = scheme.reveals or sum(map(len, seats.values())) < scheme.terms
        return {name: self._party(site).shares(memory["rows"], at) for name, at in seats.items() if told}, memory

    def collect(self, site: Site, memory: Memory, task: Task) -> tuple[Collected, Memory]:
        """Step 5 at an aggregator: keep the shares that fit the commitments, show those that do not."""
        given, at = task["given"], task["seats"][site.name]
        read = site.read({name: cid for name, (cid, _) in given.items()}, Told, sealed=True)
        sent = {name: values for name, values in read.items() if digest(values) == given[name][1]}
        fit = self._party(site).fitting({n: Share(v, at, task["commitments"][n]) for n, v in sent.items()})
        bad = {name: values for name, values in sent.items() if name not in fit}
        return Collected(tuple(fit), bad), {**memory, "shares": {name: sent[name] for name in fit}}

    def add(self, site: Site, memory: Memory, task: Task) -> tuple[Added, Memory]:
        """Step 5 at an aggregator: add up the shares it holds, once, of no fewer than hide each of them.

        Who sent or shows one that does not fit is left out; who complains of one that fits, or was not sent, is too.
        """
        held, tasks = {name: Collected(*value) for name, value in task["held"].items()}, task["tasks"]
        own, party = tasks[site.name], self._party(site)
        held, came, sound = party.answered(held, task["shown"], own["seats"], own["commitments"])
        shares = {**memory["shares"], **came[site.name]}
        given = {holder: {name: hashed for name, (_, hashed) in tasks[holder]["given"].items()} for holder in held}
        names = party.included(held, given, own["seats"], sound)
        kept = {**memory, "names": names, "shares": {}}
        if not enough(names, own["commitments"]) or not shares.keys() >= set(names):
            return Added((), ()), kept
        return Added(names, party.added([shares[name] for name in names])), kept

    def recover(self, site: Site, memory: Memory, task: Task) -> tuple[tuple[Any, ...] | None, Memory]:
        """Step 6 at an aggregator: the names, the model, the sum and what opens it; nothing if too few sums fit."""
        names, commitments = memory["names"], task["commitments"]
        told = {name: Added(*value) for name, value in task["sums"].items()}
        order = sorted(told, key=lambda name: name != site.name)  # one's own first
        sums = [(task["seats"][name], told[name].values) for name in order if told[name].names == names]
        whole = self._party(site).recovered(sums, [commitments[name] for name in names]) if names else None
        if whole is None:
            return None, memory
        model = self._updated(memory["model"], whole.values, len(names))
        return (names, model, whole.values, to_bytes(whole.blindings)), memory

    def check(self, site: Site, memory: Memory, task: Task) -> tuple[bool, Memory]:
        """Step 7 at a hospital: whether the sum opens the commitment, of those named on chain, and gives the model."""
        block, names, points = Found(*task["block"]), task["names"], points_of(task["commitment"])
        opening = Opening(block.values, from_bytes(block.blindings))
        if sorted(block.names) != sorted(names) or not self._party(site).opens(opening, points):
            return False, memory
        return fingerprint(self._updated(memory["model"], block.values, len(names))) == task["model"], memory

    def _noisers(self, site: Site, name: str, key: bytes, proof: bytes, block: Block) -> Names:
        """Step 2: whom a hospital's proof draws by stake of those who fixed noise; nobody if the proof is wrong."""
        site.work(CHECKING_FLOPS)
        able = [block["noises"][hospital] != bytes(32) for hospital in site.hospitals]
        stakes, seats = [block["stakes"][one] for one in site.hospitals], self._counts(len(site.hospitals)).noisers
        chance = outcome(key, _message(block), proof)
        drawn = others_drawn(stakes, able, site.hospitals.index(name), chance, seats) if chance else ()
        return tuple(site.hospitals[place] for place in drawn)

    def _updated(self, model: Vector, values: Whole, count: int) -> Vector:
        """Step 6: the model with the mean of updates added, of which `values` are the sum in units."""
        return (model + values / (self.precision * count)).astype(np.float32)

    def _party(self, site: Site) -> Party:
        return Party(self._scheme(len(site.hospitals)), site.network.parameters, site.rng, site.work)

    def _noise(self, site: Site) -> Noise:
        """Each of m noises is a part of their mean."""
        deviation = self._sigma * self.precision / max(1, self._counts(len(site.hospitals)).noisers)
        return Noise(self._scheme(len(site.hospitals)), deviation, site.network.parameters)

    def _noise_points(self, site: Site, seed: bytes) -> Points:
        noise = self._noise(site)
        site.work(noise.flops())
        return noise.points(seed)

    def _scheme(self, hospitals: int) -> Scheme:
        """How updates are shared: more than half of the aggregators recover the sum."""
        if not self.secure_aggregation:
            return Clear()
        threshold = self._counts(hospitals).aggregators // 2 + 1
        return Scheme(self.packing, self.packing) if self.packing > 1 else Scheme(threshold)

    def _counts(self, hospitals: int) -> Counts:
        """2, 3, 3 and 70 % as published; fewer where there are few hospitals, or more than votes have bits for."""
        verifiers = (self.verifiers or max(1, min(3, hospitals // 3))) if self.verification else 0
        noisers, aggregators = self.noisers or min(2, hospitals - 1), self.aggregators or max(1, min(3, hospitals - 1))
        wanted = min(math.ceil(self.sampled * hospitals - 1e-9), hospitals - verifiers, MOST_UPDATES)
        return Counts(noisers if self.noising else 0, verifiers, aggregators, wanted)

    @property
    def _sigma(self) -> float:
        """Standard deviation of the coordinates of one noise of the paper's."""
        return self.sensitivity * noise_multiplier(self.epsilon, 1, self.delta) if self.noising else 0.0

    @property
    def _steps(self) -> Mapping[str, Query]:
        """What hospitals do, and the form of what they reply."""
        masked, found = Kind.NOISED_UPDATE if self.noising else Kind.UPDATE, tuple[Names, Weights, Units, bytes] | None
        shown = Kind.SHARE if self.secure_aggregation and self.packing == 1 else Kind.UPDATE
        steps = (
            Query("begin", Kind.CONTROL, self.begin, reply=Begun),
            Query("commit", Kind.CONTROL, self.commit, reply=Told),
            Query("noise", Kind.CONTROL, self.noise, reply=dict[str, ContentId]),
            Query("bound", Kind.CONTROL, self.bound, reply=Fixed | None),
            Query("mask", masked, self.mask, reply=Shown | None),
            Query("verify", Kind.CONTROL, self.verify, reply=tuple[Names, Names]),
            Query("share", Kind.CONTROL, self.share, reply=dict[str, tuple[ContentId, Digest]]),
            Query("show", shown, self.show, reply=dict[str, Told]),
            Query("collect", Kind.CONTROL, self.collect, reply=Collected),
            Query("add", Kind.AGGREGATE, self.add, reply=Added),
            Query("recover", Kind.AGGREGATE, self.recover, reply=found),
            Query("check", Kind.CONTROL, self.check, reply=bool),
        )
        return {step.name: step for step in steps}

    def _ask(self, world: World, chain: Contract, who: Iterable[str], name: str, task: Any, steps: int = 1) -> Replies:
        """Have hospitals take a step; it may last a part of what is left of the phase, as so many have to fit in."""
        return world.ask(who, self._steps[name], task, within=chain.left() / steps)


def _message(block: Block) -> bytes:
    """What a hospital's draw of noisers is a function of."""
    return b"noisers" + int(block["iteration"]).to_bytes(8, "big") + bytes(block["chance"])


def _block(world: World, chain: Contract) -> Block:
    """What everybody reads on chain when an iteration begins."""
    columns = zip(("stakes", "keys", "noises", "present"), chain.call("standing"), strict=True)
    standing = {name: dict(zip(world.hospitals, column, strict=True)) for name, column in columns}
    return {**standing, "iteration": chain.call("iteration"), "chance": chain.call("seed")}
