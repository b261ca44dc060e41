"""A committee of hospitals scores every update; the best are merged. Li et al. 2021, arXiv 2004.00773."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from chainward.methods.aggregation import weighted_mean
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Kind, Memory, Query, Reverted, Site, Update, World

SCALE = 1_000_000  # the contract's score of a model that is right about every patient


def merged(updates: Iterable[Update]) -> Vector:
    """Return the global model [P] of the selected updates, weighted by patients.

    The paper sends delta_k = (W - W_k) / lr and merges W - lr * sum n_k delta_k / sum n_k. The learning rate and W
    cancel, which leaves sum n_k W_k / sum n_k.
    """
    weights, samples, _ = zip(*updates, strict=True)
    return weighted_mean(weights, samples)


def _join(_: Site, memory: Memory, __: None) -> tuple[bool, Memory]:
    """A hospital that answers takes part."""
    return True, memory


def _score(site: Site, memory: Memory, cids: tuple[str, ...]) -> tuple[tuple[int, ...], Memory]:
    """Accuracy of each published model on the member's own patients; one that is not finite scores 0."""
    models = np.stack([Update(*site.fetch(cid)).weights for cid in cids])
    right = (site.predict(models, site.train.features) >= 0.5) == (site.train.labels > 0.5)
    accuracy = np.where(np.isfinite(models).all(axis=1), right.mean(axis=1), 0.0)
    return tuple(int(value) for value in np.rint(SCALE * accuracy)), memory


def _merge(site: Site, memory: Memory, cids: tuple[str, ...]) -> tuple[bytes, Memory]:
    """SHA-256 of the global model, merged by the member itself."""
    site.work(2.0 * site.network.parameters * len(cids))
    model = merged(Update(*site.fetch(cid)) for cid in cids)
    return hashlib.sha256(model.tobytes()).digest(), memory


JOIN = Query("join", Kind.CONTROL, _join)
TRAIN = FIT.then(PUBLISH)
SCORE = Query("score", Kind.SCORES, _score)
MERGE = Query("merge", Kind.CONTROL, _merge)


class Counts(NamedTuple):
    """Seats on the committee, models an epoch takes, models it merges."""

    committee: int
    wanted: int
    merged: int


@dataclass(frozen=True)
class State:
    """The global model [P], the committee in order of election, who registered, the contract."""

    weights: Vector
    committee: tuple[str, ...]
    registered: tuple[str, ...]
    contract: str


@dataclass(frozen=True)
class BFLC(Strategy[State]):
    """Committee consensus as in the authors' demo; a count of 0 follows the rule for the number of hospitals.

    `lower_median` takes the lower of two middle scores instead of their mean. `phase_blocks` pass before a phase of
    the contract can be closed without those who are silent.
    """

    committee_size: int = 0
    updates_wanted: int = 0
    updates_merged: int = 0
    lower_median: bool = False
    phase_blocks: int = 120

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("BFLC",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Step 1: the hospitals register, in an order that is drawn; the first to do so are the first committee."""
        counts = self._counts(len(world.hospitals))
        present = world.ask(_shuffled(world), JOIN)
        if len(present) <= counts.committee:
            world.need(present)
        first = next(iter(present))
        contract = world.deploy("BFLC", world.hospitals, *counts, self.lower_median, self.phase_blocks, sender=first)
        world.chain.settle()
        chain = world.at(contract)
        for hospital in present:
            chain.send("register", sender=hospital)
        if present.missing:
            _close(world, chain, first)
        return State(world.initial_weights(), chain.call("committee", 1), tuple(present), contract)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 6; a round without a majority of scores changes the committee only."""
        chain = world.at(state.contract)
        epoch = chain.call("epoch")
        state = self._collect(state, world, chain)
        members = self._score(state, world, chain, epoch)
        state = replace(state, committee=chain.call("committee", epoch + 1))  # step 6: the best trainers
        _, cids = chain.call("best", epoch)  # steps 4 and 5: the contract ranks the medians and selects
        if not cids:
            return state
        for member, digest in world.ask(members, MERGE, cids).open().items():
            chain.send("confirm", epoch, digest, sender=member)
        return replace(state, weights=merged(Update(*world.fetch(cid)) for cid in cids))

    def _collect(self, state: State, world: World, chain: Contract) -> State:
        """Step 2: those who are not on the committee train, publish and propose; the first `wanted` are taken.

        Who was away when the others registered does so now.
        """
        trainers = [hospital for hospital in _shuffled(world) if hospital not in state.committee]
        wanted = self._counts(len(world.hospitals)).wanted
        updates = world.ask(trainers, TRAIN, state.weights, first=wanted)
        if not updates:
            world.need(updates)
        newcomers = tuple(trainer for trainer in updates if trainer not in state.registered)
        for trainer in newcomers:
            chain.send("register", sender=trainer)
        if sum(_proposed(chain, trainer, cid) for trainer, cid in updates.open().items()) < wanted:
            _close(world, chain, next(iter(updates)))
        return replace(state, registered=state.registered + newcomers)

    def _score(self, state: State, world: World, chain: Contract, epoch: int) -> tuple[str, ...]:
        """Step 3: the members read every update and score it; returns those who did."""
        trainers, cids = chain.call("updates", epoch)
        scores = world.ask(state.committee, SCORE, cids)
        for member, values in scores.open().items():
            chain.send("score", values, sender=member)
        if len(scores) < len(state.committee):
            _close(world, chain, trainers[0])
        return tuple(scores)

    def model(self, state: State) -> Vector:
        """The global model."""
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Seats, models wanted and models merged an epoch."""
        return self._counts(hospitals)._asdict()

    def _counts(self, hospitals: int) -> Counts:
        """4, 10 and 6 from 20 hospitals on, as published; below, N / 5 (one at least), one a trainer, 60 %."""
        committee = self.committee_size or max(1, min(4, hospitals // 5))
        wanted = self.updates_wanted or min(10, hospitals - committee)
        return Counts(committee, wanted, self.updates_merged or -(-6 * wanted // 10))


def _shuffled(world: World) -> tuple[str, ...]:
    """The hospitals in an order drawn for this round, so that none comes first because of its number."""
    return tuple(world.hospitals[place] for place in world.rng.permutation(len(world.hospitals)))


def _proposed(chain: Contract, trainer: str, cid: str) -> bool:
    """Propose a model; return whether it was taken, which one that somebody proposed before is not."""
    try:
        chain.send("propose", cid, sender=trainer)
    except Reverted as refusal:
        if refusal.reason != "already proposed content":
            raise
        return False
    return True


def _close(world: World, chain: Contract, sender: str) -> None:
    """Let the deadline pass, then close the phase that somebody left open."""
    world.chain.wait(max(0, chain.call("deadline") - world.chain.block))
    chain.send("close", sender=sender)
