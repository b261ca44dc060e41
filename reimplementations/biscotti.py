"""Peers drawn by stake noise, verify and add up updates that only their owners know. Shayan et al. 2021, Biscotti."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.lottery import others_drawn, outcome, prove, public_key
from chainward.methods.privacy import noise_multiplier
from chainward.methods.randomness import stream
from chainward.methods.secure_sum import Masked, Scheme, Whole
from chainward.methods.selection import krum_selected
from chainward.methods.sharing import Row, from_bytes, in_units, share, summed, to_bytes
from chainward.methods.vector_commitment import (
    FLOPS_A_FIELD_PRODUCT,
    FLOPS_A_GROUP_OPERATION,
    Claim,
    combined,
    commit,
    commitment_flops,
    opened_by,
    opening_flops,
)
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, Contract, Each, Held, Kind, Memory, Query, Replies, Site, Update, World

Points = tuple[bytes, ...]
Block = Mapping[str, Any]  # what everybody reads on chain: iteration, chance (the seed), stakes, keys, noises
MOST_UPDATES = 256  # of an iteration: the contract's votes are bits of a word
VALUE_BITS, CHANCE_BITS = 41, 128  # of numbers in units; of the random weights they are checked with
SIGNING, CHECKING = 254 * FLOPS_A_GROUP_OPERATION, 2 * 254 * FLOPS_A_GROUP_OPERATION


class Phase(IntEnum):
    """What the contract waits for."""

    REGISTERING, COLLECTING, VERIFYING, AGGREGATING = range(4)


class Counts(NamedTuple):
    """Noisers an update asks, seats of verifiers and aggregators, updates an iteration takes."""

    noisers: int
    verifiers: int
    aggregators: int
    wanted: int


class Shown(NamedTuple):
    """What verifiers see: delta + noises in units, what opens it, the noises' points, the draw's proof."""

    values: Whole
    blindings: bytes
    noises: Mapping[str, Points]
    proof: bytes


@dataclass(frozen=True)
class State:
    """The global model [P], the contract, and by hospital its stake and how many of its updates were taken or not.

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

    An iteration takes the earliest updates of a share `sampled` of the hospitals; `poisoners` is the share Krum
    tolerates. `epsilon` and `delta` are those of one noise of the paper's on an update that a patient moves by
    `sensitivity` at most; the mean of several, which verifiers see, is smaller than one.
    Updates are in units of 1 / `precision`. `packing` numbers of an update are the coefficients of one polynomial: 1 is
    Shamir's form, with random coefficients, 10 the code's. A switch that is off leaves its part out.
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
    )

    def open(self, world: World) -> State:
        """Step 1: the genesis. All who answer register a key and their first noise, and get the same stake."""
        counts, weights = self._counts(len(world.hospitals)), world.initial_weights()
        present = world.ask(world.hospitals, Query("begin", Kind.CONTROL, self.begin), {"iteration": 0})
        if len(present) <= counts.verifiers:
            world.need(present)
        first = next(iter(present))
        seats = (counts.verifiers, counts.aggregators, counts.wanted, self._scheme(len(world.hospitals)).terms)
        terms = (*seats, self.stake, self.stake_unit, self.phase_blocks)
        address = world.deploy("Biscotti", world.hospitals, *terms, sender=first)
        world.chain.settle()
        chain = world.at(address)
        for hospital, (key, _, noise) in present.open().items():
            chain.send("register", key, noise, sender=hospital)
        if present.missing:
            _close(world, chain, first)
        nothing = dict.fromkeys(world.hospitals, 0)
        return State(weights, address, _stakes(world, chain), nothing, nothing)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 7: one iteration of the contract. Whoever began it closes phases that others left open."""
        chain = world.at(state.contract)
        head, block = chain.call("head"), _block(world, chain)
        begin = Query("begin", Kind.CONTROL, self.begin)
        begun = world.ask(world.hospitals, begin, {**block, "model": state.weights}).open()
        if not begun:
            return replace(state, lost=state.lost + 1)
        updates = self._collect(world, chain, begun)
        trainers, _ = chain.call("submissions")
        if updates:
            self._verify(world, chain, block, updates, {trainer: begun[trainer][1] for trainer in updates})
        accepted = _names(chain.call("accepted"), trainers)
        weights = self._aggregate(world, chain, {name: updates[name] for name in accepted})
        if chain.call("iteration") == block["iteration"]:
            _close(world, chain, next(iter(begun)))
        if weights is None or chain.call("head") == head:
            return replace(state, lost=state.lost + 1)
        taken = _counted(state.accepted, accepted)
        refused = _counted(state.rejected, [trainer for trainer in trainers if trainer not in accepted])
        return State(weights, state.contract, _stakes(world, chain), taken, refused, state.blocks + 1, state.lost)

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Roles, updates taken, how many of them Krum tolerates, shares that recover, and a noise's deviation."""
        counts, terms = self._counts(hospitals), self._scheme(hospitals).terms
        krum = self._tolerated(counts.wanted, hospitals)
        return {**counts._asdict(), "tolerated": krum, "terms": terms, "sigma": self._sigma}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Stake, and updates accepted and rejected, of each hospital; iterations with a block and without."""
        iterations = {"sealed": state.blocks, "lost": state.lost}
        told = {"stake": state.stakes, "accepted": state.accepted, "rejected": state.rejected}
        return {**told, "iterations": iterations}

    def _collect(self, world: World, chain: Contract, begun: Mapping[str, Any]) -> dict[str, Points]:
        """Step 3: train and commit; the earliest are taken. The noise of the next iteration is fixed with them."""
        verifiers, _ = chain.call("roles")
        known = dict(zip(world.hospitals, chain.call("standing")[3], strict=True))
        for hospital in (hospital for hospital in begun if not known[hospital]):
            chain.send("register", begun[hospital][0], begun[hospital][2], sender=hospital)
        wanted, trainers = chain.call("wanted"), [hospital for hospital in begun if hospital not in verifiers]
        train = FIT.then(Query("commit", Kind.CONTROL, self.commit))
        replies = world.ask(trainers, train, Held("model"), first=wanted).open()
        updates = {trainer: points for trainer, points in replies.items() if points}
        for trainer, points in updates.items():
            chain.send("submit", keccak(b"".join(points)), sender=trainer)
        for hospital in (hospital for hospital in begun if self.noising and known[hospital]):
            chain.send("commitNoise", begun[hospital][2], sender=hospital)
        if len(updates) < wanted:
            _close(world, chain, next(iter(begun)))
        return updates

    def _verify(
        self,
        world: World,
        chain: Contract,
        block: Block,
        updates: Mapping[str, Points],
        noisers: Mapping[str, Sequence[str]],
    ) -> None:
        """Step 4: trainers show their updates, under noise, to the verifiers, who vote."""
        shown = self._show(world, block, noisers) if self.noising or self.verification else {}
        if not self.verification:
            return
        verifiers, _ = chain.call("roles")
        trainers, digests = chain.call("submissions")
        committed = {trainer: (digest, updates[trainer]) for trainer, digest in zip(trainers, digests, strict=True)}
        task = {**block, "committed": committed, "shown": dict(shown)}
        votes = world.ask(verifiers, Query("verify", Kind.CONTROL, self.verify), task).open()
        for verifier, names in votes.items():
            chain.send("vote", _bits(names, trainers), sender=verifier)
        if len(votes) < len(verifiers):
            _close(world, chain, next(iter(updates)))

    def _show(self, world: World, block: Block, noisers: Mapping[str, Sequence[str]]) -> Replies:
        """Step 3: noisers give their noise to the trainers that drew them, and these mask their updates."""
        if not self.noising:
            return world.ask(noisers, Query("mask", Kind.UPDATE, self.mask), {"given": {}})
        givers = [hospital for hospital in world.hospitals if any(hospital in names for names in noisers.values())]
        noise = world.ask(givers, Query("noise", Kind.CONTROL, self.noise), block["iteration"])
        facts = {"iteration": block["iteration"], "noises": block["noises"]}
        tasks = {
            trainer: {**facts, "given": {name: noise[name] for name in names if name in noise}}
            for trainer, names in noisers.items()
        }
        return world.ask(tasks, Query("mask", Kind.NOISED_UPDATE, self.mask), Each(tasks))

    def _aggregate(self, world: World, chain: Contract, updates: Mapping[str, Points]) -> Vector | None:
        """Step 5: aggregators add up the shares of accepted updates and recover the sum; None if they cannot."""
        if not updates:
            return None
        _, aggregators = chain.call("roles")
        scheme = self._scheme(len(world.hospitals))
        seats = {name: scheme.points(seat, len(aggregators)) for seat, name in enumerate(aggregators)}
        part = Query("share", Kind.UPDATE if scheme.reveals else Kind.SHARE, self.share)
        shares = {at: dict(world.ask(updates, part, at)) for at in dict.fromkeys(seats.values())}
        tasks = {name: {"at": at, "commitments": updates, "shares": shares[at]} for name, at in seats.items()}
        fitting = world.ask(aggregators, Query("collect", Kind.CONTROL, self.collect), Each(tasks)).open()
        included = tuple(name for name in updates if fitting and all(name in names for names in fitting.values()))
        if not included:
            return None
        sums = world.ask(fitting, Query("add", Kind.AGGREGATE, self.add), included)
        held = tuple((seats[name], sums[name]) for name in sums)
        task = {"sums": held, "commitments": tuple(updates[name] for name in included)}
        models = world.ask(sums, Query("recover", Kind.AGGREGATE, self.recover), task).open()
        found = {name: model for name, model in models.items() if len(model)}
        return self._propose(world, chain, found, {name: updates[name] for name in included}) if found else None

    def _propose(
        self, world: World, chain: Contract, models: Mapping[str, Vector], updates: Mapping[str, Points]
    ) -> Vector:
        """Step 6: the highest aggregator leads; if it is silent the next may propose after the deadline."""
        leader, (_, aggregators) = max(models, key=world.hospitals.index), chain.call("roles")
        if leader != chain.call("leader"):
            _wait(world, chain)
        digests = {name: hashlib.sha256(model.tobytes()).digest() for name, model in models.items()}
        block = digests[leader], _bits(tuple(updates), chain.call("submissions")[0])
        coordinates = tuple(number for points in updates.values() for number in from_bytes(b"".join(points)))
        chain.send("propose", *block, coordinates, sender=leader)
        world.chain.settle()  # who agrees must see the block
        agreeing = [name for name in models if name != leader and digests[name] == digests[leader]]
        for aggregator in agreeing[: len(aggregators) // 2]:
            chain.send("endorse", *block, sender=aggregator)
        return models[leader]

    def begin(self, site: Site, memory: Memory, block: Block) -> tuple[tuple[Any, ...], Memory]:
        """Step 2 at a hospital: read the block, draw one's own noisers, fix the next iteration's noise.

        Replies its public key, the noisers and the digest of the noise.
        """
        secret, iteration = memory.get("secret") or site.rng.bytes(32), block["iteration"]
        kept: dict[str, Any] = {"secret": secret, "model": block.get("model")}
        if not self.noising:
            return (public_key(secret), (), bytes(32)), kept
        noises = {number: seed for number, seed in memory.get("noises", {}).items() if number == iteration}
        noises[iteration + 1] = seed = site.rng.bytes(32)
        digest = _noise_digest(iteration + 1, self._noise_committed(seed, site))
        if not iteration:
            return (public_key(secret), (), digest), {**kept, "noises": noises}
        site.work(SIGNING)
        proof = prove(secret, _message(block))
        noisers = self._noisers(site, site.name, public_key(secret), proof, block)
        return (public_key(secret), noisers, digest), {**kept, "noises": noises, "proof": proof}

    def commit(self, site: Site, memory: Memory, update: Update) -> tuple[Points, Memory]:
        """Step 3 at a trainer: delta in units as polynomials, a point for each power; nothing if it does not fit."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = in_units(update.weights.astype(np.float64) - memory["model"], self.precision)
        if values is None:
            return (), memory
        scheme = self._scheme(len(site.hospitals))
        rows = scheme.polynomials(values, site.rng)
        points = _committed(site, rows[: scheme.packed]) + _committed(site, rows[scheme.packed :], 254)
        return points, {**memory, "rows": tuple(map(to_bytes, rows))}

    def noise(self, _: Site, memory: Memory, iteration: int) -> tuple[bytes, Memory]:
        """Step 3 at a noiser: the seed of the noise it fixed; nothing if it came too late for that."""
        return memory["noises"].get(iteration, b""), memory

    def mask(self, site: Site, memory: Memory, task: Mapping[str, Any]) -> tuple[Shown | None, Memory]:
        """Step 3 at a trainer: delta + those noises that are the committed ones; nothing if there are none."""
        given = {name: seed for name, seed in task["given"].items() if seed}
        points = {name: self._noise_committed(seed, site) for name, seed in given.items()}
        good = [name for name in given if _noise_digest(task["iteration"], points[name]) == task["noises"][name]]
        if self.noising and not good:
            return None, memory
        own = [from_bytes(row) for row in memory["rows"]]
        noises = [self.noise_rows(given[name], len(site.hospitals), site.network.parameters) for name in good]
        values, blindings = self._scheme(len(site.hospitals)).masked(own, noises, site.network.parameters)
        made = {name: points[name] for name in good}
        return Shown(values, to_bytes(blindings), made, memory.get("proof", b"")), memory

    def verify(self, site: Site, memory: Memory, task: Mapping[str, Any]) -> tuple[tuple[str, ...], Memory]:
        """Step 4 at a verifier: of the updates that open their commitments, those that Multi-Krum keeps."""
        shown = {name: Shown(*value) for name, value in task["shown"].items() if value is not None}
        claims = {name: self._claims(site, name, update, task) for name, update in shown.items()}
        site.work(opening_flops([claim for own in claims.values() for claim in own], VALUE_BITS + CHANCE_BITS))
        sound = opened_by(claims, site.rng)
        if len(sound) < 3:
            return tuple(sound), memory
        deltas = np.stack([shown[name].values for name in sound]) / self.precision
        site.work(2.0 * len(sound) * deltas.size)
        tolerated = self._tolerated(len(sound), len(site.hospitals))
        kept = krum_selected(deltas, tolerated, len(sound) - tolerated)
        return tuple(sound[number] for number in sorted(kept.tolist())), memory

    def share(self, site: Site, memory: Memory, at: tuple[int, ...]) -> tuple[tuple[bytes, ...], Memory]:
        """Step 5 at a trainer: the values of its polynomials at an aggregator's points."""
        rows = [from_bytes(row) for row in memory["rows"]]
        site.work(FLOPS_A_FIELD_PRODUCT * len(at) * (len(rows) - 1) * len(rows[0]))
        return tuple(to_bytes(share(rows, point)) for point in at), memory

    def collect(self, site: Site, memory: Memory, task: Mapping[str, Any]) -> tuple[tuple[str, ...], Memory]:
        """Step 5 at an aggregator: keep the shares that fit the commitments; replies whose do."""
        scheme, count = self._scheme(len(site.hospitals)), site.network.parameters
        claims = {
            name: scheme.share_claims(list(map(from_bytes, values)), task["at"], task["commitments"][name], count)
            for name, values in task["shares"].items()
        }
        site.work(opening_flops([claim for own in claims.values() for claim in own]))
        fitting = opened_by(claims, site.rng)
        return tuple(fitting), {**memory, "shares": {name: task["shares"][name] for name in fitting}}

    def add(self, site: Site, memory: Memory, names: tuple[str, ...]) -> tuple[tuple[bytes, ...], Memory]:
        """Step 5 at an aggregator: the sum of the shares it holds, at each of its points."""
        columns = zip(*(memory["shares"][name] for name in names), strict=True)
        sums = [summed([from_bytes(value) for value in column]) for column in columns]
        site.work(float(sum(map(len, sums)) * len(names)))
        return tuple(map(to_bytes, sums)), memory

    def recover(self, site: Site, memory: Memory, task: Mapping[str, Any]) -> tuple[Vector, Memory]:
        """Step 6 at an aggregator: the sum, from shares that fit the sum of commitments, and the model with the mean.

        Replies an empty vector if too few fit, or if they hold what is no number of units.
        """
        old, commitments, scheme = memory["model"], task["commitments"], self._scheme(len(site.hospitals))
        aggregate = [combined(column, [1] * len(column)) for column in zip(*commitments, strict=True)]
        sums = {x: from_bytes(value) for at, values in task["sums"] for x, value in zip(at, values, strict=False)}
        claims = {x: scheme.share_claims([row], [x], aggregate, len(old)) for x, row in sums.items()}
        site.work(opening_flops([claim for own in claims.values() for claim in own]))
        site.work(FLOPS_A_GROUP_OPERATION * len(commitments) * len(aggregate))
        fitting = opened_by(claims, site.rng)
        if len(fitting) < scheme.terms:
            return np.empty(0, np.float32), memory
        site.work(FLOPS_A_FIELD_PRODUCT * scheme.terms**2 * len(sums[fitting[0]]))
        try:
            whole = scheme.recovered({x: sums[x] for x in fitting}, len(old))
        except OverflowError:
            return np.empty(0, np.float32), memory
        return (old + whole / (self.precision * len(commitments))).astype(np.float32), memory

    def _claims(self, site: Site, name: str, shown: Shown, task: Mapping[str, Any]) -> list[Claim]:
        """What opens if this is the committed update under the committed noise of drawn noisers; else nothing."""
        digest, points = task["committed"][name]
        if keccak(b"".join(points)) != digest or len(shown.values) != site.network.parameters:
            return []
        if self.noising:
            site.work(CHECKING)
            drawn = self._noisers(site, name, task["keys"][name], shown.proof, task)
            fixed = {who for who in drawn if who in shown.noises}
            fixed &= {
                who
                for who, made in shown.noises.items()
                if task["noises"][who] == _noise_digest(task["iteration"], made)
            }
            if not fixed or fixed != set(shown.noises):
                return []
        masked = Masked(shown.values, from_bytes(shown.blindings))
        return self._scheme(len(site.hospitals)).mask_claims(masked, points, tuple(shown.noises.values()))

    def _noisers(self, site: Site, name: str, key: bytes, proof: bytes, block: Block) -> tuple[str, ...]:
        """Step 2: the noisers that a hospital's proof draws by stake, not itself; nobody if the proof is wrong."""
        chance = outcome(key, _message(block), proof)
        if chance is None:
            return ()
        seats = self._counts(len(site.hospitals)).noisers
        drawn = others_drawn(block["stakes"], site.hospitals.index(name), chance, seats)
        return tuple(site.hospitals[peer] for peer in drawn)

    def noise_rows(self, seed: bytes, hospitals: int, parameters: int) -> list[Row]:
        """A noiser's part [P] of the mean noise that a seed stands for, in units, laid out and blinded as an update."""
        rng = stream("noise", seed.hex())
        scale = self._sigma * self.precision / max(1, self._counts(hospitals).noisers)
        values = np.rint(scale * rng.standard_normal(parameters)).astype(np.int64)
        return self._scheme(hospitals).blinded(values, rng)

    def _noise_committed(self, seed: bytes, site: Site) -> Points:
        hospitals, parameters = len(site.hospitals), site.network.parameters
        rows = self._scheme(hospitals).packed
        site.work(sum([commitment_flops(1 + -(-parameters // rows), VALUE_BITS)] * rows))
        return _noise_points(self, seed, hospitals, parameters)

    def _scheme(self, hospitals: int) -> Scheme:
        """How updates are shared: more than half of the aggregators recover the sum."""
        if not self.secure_aggregation:
            return Scheme(1)
        return (
            Scheme(self.packing, self.packing)
            if self.packing > 1
            else Scheme(self._counts(hospitals).aggregators // 2 + 1)
        )

    def _tolerated(self, updates: int, hospitals: int) -> int:
        """Krum's f for so many updates."""
        return max(0, min(math.floor(self.poisoners * hospitals + 1e-9), (updates - 3) // 2))

    def _counts(self, hospitals: int) -> Counts:
        """2, 3, 3 and 70 % as published; fewer where there are few hospitals, or more than votes have bits for."""
        verifiers = (self.verifiers or max(1, min(3, hospitals // 3))) if self.verification else 0
        noisers, aggregators = self.noisers or min(2, hospitals - 1), self.aggregators or min(3, hospitals)
        wanted = min(math.ceil(self.sampled * hospitals - 1e-9), hospitals - verifiers, MOST_UPDATES)
        return Counts(noisers if self.noising else 0, verifiers, aggregators, wanted)

    @property
    def _sigma(self) -> float:
        """Standard deviation of the coordinates of one noise of the paper's."""
        return self.sensitivity * noise_multiplier(self.epsilon, 1, self.delta) if self.noising else 0.0


def _committed(site: Site, rows: Sequence[Row], bits: int = VALUE_BITS) -> Points:
    site.work(sum(commitment_flops(len(row), bits) for row in rows))
    return tuple(map(commit, rows))


@lru_cache(maxsize=1_024)
def _noise_points(strategy: Biscotti, seed: bytes, hospitals: int, parameters: int) -> Points:
    """What commits to the noise of a seed; the noiser and each trainer that drew it compute the same."""
    return tuple(map(commit, strategy.noise_rows(seed, hospitals, parameters)))


def _message(block: Block) -> bytes:
    """What a hospital signs to draw its noisers."""
    iteration, chance = int(block["iteration"]), bytes(block["chance"])
    return b"noisers" + iteration.to_bytes(8, "big") + chance


def _noise_digest(iteration: int, points: Sequence[bytes]) -> bytes:
    return keccak(iteration.to_bytes(32, "big") + b"".join(points))


def _bits(names: Sequence[str], order: Sequence[str]) -> int:
    return sum(1 << order.index(name) for name in names)


def _names(bits: int, order: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(order) if bits >> place & 1)


def _counted(counts: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    return {name: count + (name in names) for name, count in counts.items()}


def _block(world: World, chain: Contract) -> Block:
    """What everybody reads on chain when an iteration begins."""
    stakes, keys, noises, _ = chain.call("standing")
    facts = {"iteration": chain.call("iteration"), "chance": chain.call("seed"), "stakes": stakes}
    return {
        **facts,
        "keys": dict(zip(world.hospitals, keys, strict=True)),
        "noises": dict(zip(world.hospitals, noises, strict=True)),
    }


def _stakes(world: World, chain: Contract) -> dict[str, int]:
    return dict(zip(world.hospitals, chain.call("standing")[0], strict=True))


def _wait(world: World, chain: Contract) -> None:
    """Let the phase's deadline pass."""
    world.chain.wait(max(0, chain.call("deadline") - world.chain.block))


def _close(world: World, chain: Contract, sender: str) -> None:
    """Close the phase that somebody left open once its deadline has passed, and that of those who may propose late."""
    _wait(world, chain)
    if chain.call("phase") == Phase.AGGREGATING and not chain.call("agreed"):
        world.chain.wait(chain.call("window"))
    chain.send("close", sender=sender)
