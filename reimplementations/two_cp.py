"""Tokens for what each update adds, by an evaluator or by one another. Cai et al. 2020, arXiv 2011.07516."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from eth_utils.crypto import keccak

from chainward.methods.aggregation import mean
from chainward.methods.content import content_id, digest
from chainward.methods.shapley import coalitions, drawn_orders, exact, prefixes, sampled
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Each, Kind, Memory, Query, Sealed, Site, Update, World

ONE = 10**18  # tokens of an update that takes a loss of 1 to 0
NOBODY = "0x" + 40 * "0"
BATCH = 128  # models evaluated at a time

Floats = npt.NDArray[np.float64]
Secret = tuple[int, bytes, bytes]  # run, salt, digest


class Phase(IntEnum):
    """What a run waits for."""

    COMMITTING, REVEALING = range(2)


@dataclass(frozen=True)
class State:
    """The global model [P] of each run, the main one first, and the contract.

    `evaluators` score the runs ("" where nobody does), `tokens` are what each hospital has on chain.
    """

    weights: tuple[Vector, ...]
    contract: str
    evaluators: tuple[str, ...]
    tokens: Mapping[str, int]


@dataclass(frozen=True)
class TwoCP(Strategy[State]):
    """Crowdsource, where Alice brings patients to evaluate on, or consortium, where hospitals score one another.

    `method` "step" gives an update the loss it took off the global model of its round; "shapley" its Shapley value,
    of up to `exact_players` updates exactly, of more by so many `orders` drawn at random. A phase of a round lasts
    `phase_blocks` at most, which must exceed the patience with hospitals that do not answer.
    """

    setting: Literal["crowdsource", "consortium"] = "crowdsource"
    method: Literal["step", "shapley"] = "step"
    exact_players: int = 8
    orders: int = 200
    phase_blocks: int = 150

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("TwoCP",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="validation",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Alice deploys; or the first hospital that answers does, and opens a run for each hospital to score."""
        if self.setting == "crowdsource":
            evaluators = founder, *_ = world.parties("evaluator", 1, records="validation")
        else:
            present = world.ask(world.hospitals, JOIN)
            founder = next(iter(present if present else world.need(present)))
            evaluators = ("", *world.hospitals) if len(world.hospitals) > 1 else ("",)
        address = world.deploy("TwoCP", evaluators[0] or NOBODY, world.hospitals, self.phase_blocks, sender=founder)
        world.chain.settle()
        for hospital in evaluators[1:]:
            world.at(address).send("addAux", hospital, sender=founder)
        weights = (world.initial_weights(),) * len(evaluators)
        return State(weights, address, evaluators, dict.fromkeys(world.hospitals, 0))

    def round(self, state: State, world: World) -> State:
        """One round of every run: train, commit, reveal; then merge, and have the updates scored."""
        contract = world.at(state.contract)
        rounds = contract.call("rounds")
        committed = self._commit(self._train(state, world), contract, world)
        if not committed:
            return state
        self._reveal(committed, contract, world)
        updates = [contract.call("updates", run, number)[1] for run, number in enumerate(rounds)]
        self._score(state, contract, world, updates)
        weights = [_merged(run, weights, world) for run, weights in zip(updates, state.weights, strict=True)]
        tokens = {hospital: contract.call("countTokens", hospital) for hospital in world.hospitals}
        return replace(state, weights=tuple(weights), tokens=tokens)

    def model(self, state: State) -> Vector:
        """The main run's."""
        return state.weights[0]

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """How many runs there are, how many hospitals train each of them that is scored, and Shapley's orders."""
        several = self.setting == "consortium"
        trainers = hospitals - several
        sample = 0 if self.method == "step" or trainers <= self.exact_players else self.orders
        return {"runs": 1 + several * (hospitals if hospitals > 1 else 0), "trainers": trainers, "orders": sample}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Each hospital's tokens on chain, in losses of 1, and its share of all."""
        whole = sum(state.tokens.values())
        return {
            "share": {hospital: tokens / whole if whole else 0.0 for hospital, tokens in state.tokens.items()},
            "tokens": {hospital: tokens / ONE for hospital, tokens in state.tokens.items()},
        }

    def score(self, site: Site, memory: Memory, task: tuple[Vector, tuple[bytes, ...]]) -> tuple[Any, Memory]:
        """At an evaluator: tokens_k = max(0, floor(1e18 s_k)) of the updates of a round that began from weights [P]."""
        weights, digests = task
        models = np.stack([Update(*site.fetch(content_id(each))).weights for each in digests])
        sound = np.isfinite(models).all(axis=1)
        scores = np.zeros(len(models))
        if sound.any():
            scores[sound] = self.values(site, weights, models[sound])
        return tuple(max(0, math.floor(ONE * value)) for value in scores.tolist()), memory

    def values(self, site: Site, weights: Vector, models: Vector) -> Floats:
        """s_k = L(global) - L(model_k) for models [n, P]: [n]; or Shapley's for v(C) = L(global) - L(mean of C)."""
        if self.method == "step":
            before, *after = losses(site, np.stack([weights, *models]))
            return before - np.array(after)
        players = len(models)
        few = players <= self.exact_players
        orders = [] if few else drawn_orders(players, self.orders, site.rng)
        asked = (coalitions(players) if few else prefixes(orders))[1:]
        means = [mean(models[list(coalition)]) for coalition in asked]
        site.work(2.0 * models.shape[1] * sum(map(len, asked)))
        before, *after = losses(site, np.stack([weights, *means]))
        worth = {(): 0.0, **{coalition: before - loss for coalition, loss in zip(asked, after, strict=True)}}
        return exact(worth.__getitem__, players) if few else sampled(worth.__getitem__, players, orders)

    def _train(self, state: State, world: World) -> dict[str, list[tuple[int, Sealed]]]:
        """Have everybody train each run but the one it scores; return their sealed content ids with the runs.

        Who does not answer about the main run is not asked about the others.
        """
        trained: dict[str, list[tuple[int, Sealed]]] = {}
        for run, (weights, evaluator) in enumerate(zip(state.weights, state.evaluators, strict=True)):
            present = tuple(trained) if run else world.hospitals
            trainers = tuple(hospital for hospital in present if hospital != evaluator)
            for hospital, reply in world.ask(trainers, FIT.then(PUBLISH), weights).items():
                trained.setdefault(hospital, []).append((run, reply))
        return trained

    def _commit(
        self, trained: Mapping[str, list[tuple[int, Sealed]]], contract: Contract, world: World
    ) -> tuple[str, ...]:
        """Have the trainers commit to what they published, under ids that nobody else knows; return who did."""
        tasks = {
            hospital: tuple((run, contract.call("domain", run, hospital), reply) for run, reply in replies)
            for hospital, replies in trained.items()
        }
        commitments = world.ask(tuple(tasks), SEAL, Each(tasks)).open()
        for hospital, pairs in commitments.items():
            contract.send("commit", *zip(*pairs, strict=True), sender=hospital)
        _close(Phase.COMMITTING, tuple(commitments), contract, world)
        return tuple(commitments)

    def _reveal(self, committed: tuple[str, ...], contract: Contract, world: World) -> None:
        """Have those who committed reveal their content ids."""
        _, deadlines = contract.call("waiting", Phase.REVEALING)
        revealed = world.ask(committed, REVEAL).open()
        fresh = _fresh(revealed, contract)
        if world.chain.block < min(deadlines):  # else it is too late for everybody
            for hospital, secrets in fresh.items():
                contract.send("reveal", *zip(*secrets, strict=True), sender=hospital)
        _close(Phase.REVEALING, committed, contract, world)

    def _score(self, state: State, contract: Contract, world: World, updates: Sequence[tuple[bytes, ...]]) -> None:
        """Have each evaluator score its run's updates, and set their tokens."""
        tasks = {
            evaluator: (weights, found)
            for evaluator, weights, found in zip(state.evaluators, state.weights, updates, strict=True)
            if evaluator and found
        }
        scores = world.ask(tuple(tasks), Query("score", Kind.SCORES, self.score), Each(tasks)).open()
        for evaluator, tokens in scores.items():
            run = state.evaluators.index(evaluator)
            contract.send("setTokens", run, updates[run], tokens, sender=evaluator)


def losses(site: Site, models: Vector) -> list[float]:
    """Return L of models [M, P]: the mean squared error of the probability on the evaluator's patients.

    A prediction that is not a number, as of weights that are finite but huge, is as wrong as can be.
    """
    batches = (models[start : start + BATCH] for start in range(0, len(models), BATCH))
    errors = (site.predict(batch, site.train.features) - site.train.labels for batch in batches)
    return [float(loss) for error in errors for loss in np.nan_to_num(error**2, nan=1.0).mean(axis=1)]


def sealed(domain: bytes, salt: bytes, hashed: bytes) -> bytes:
    """Return keccak256(domain || salt || digest), as the contract computes it."""
    return keccak(domain + salt + hashed)


def _join(_: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
    return True, memory


def _seal(site: Site, memory: Memory, tasks: Iterable[tuple[int, bytes, str]]) -> tuple[Any, Memory]:
    """At a trainer: commit to the content id of its update of each run, under a salt of its own."""
    secrets = tuple((run, site.rng.bytes(32), digest(cid)) for run, _, cid in tasks)
    domains = [domain for _, domain, _ in tasks]
    pairs = [(run, sealed(domain, *opened)) for domain, (run, *opened) in zip(domains, secrets, strict=True)]
    return tuple(pairs), {"secrets": secrets}


def _open(_: Site, memory: Memory, __: None) -> tuple[tuple[Secret, ...], Memory]:
    return memory["secrets"], memory


JOIN = Query("join", Kind.CONTROL, _join)
SEAL = Query("seal", Kind.CONTROL, _seal)
REVEAL = Query("reveal", Kind.CONTROL, _open)


def _fresh(revealed: Mapping[str, tuple[Secret, ...]], contract: Contract) -> dict[str, list[Secret]]:
    """What each hospital can reveal: content that nobody, itself included, revealed before it in that run."""
    taken: set[tuple[int, bytes]] = set()
    fresh: dict[str, list[Secret]] = {}
    for hospital, secrets in revealed.items():
        for run, salt, hashed in secrets:
            if (run, hashed) not in taken and contract.call("trainerOf", run, hashed) == NOBODY:
                fresh.setdefault(hospital, []).append((run, salt, hashed))
            taken.add((run, hashed))
    return fresh


def _close(phase: Phase, senders: tuple[str, ...], contract: Contract, world: World) -> None:
    """Let the deadline pass of runs that still wait for somebody in this phase, and close it."""
    which, deadlines = contract.call("waiting", phase)
    if which:
        world.chain.wait(max(0, max(deadlines) - world.chain.block))
        contract.send("close", which, sender=senders[0])


def _merged(digests: tuple[bytes, ...], weights: Vector, world: World) -> Vector:
    """The unweighted mean [P] of a round's updates; the model it began from if there is none."""
    models = [Update(*world.fetch(content_id(each))).weights for each in digests]
    finite = [model for model in models if np.isfinite(model).all()]
    return mean(finite) if finite else weights
