"""A committee of hospitals scores every update; the best are merged. Li et al. 2021, arXiv 2004.00773."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Interval, Len, Predicate

from chainward.methods.aggregation import weighted_mean
from chainward.methods.content import fingerprint
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, PUBLISH, Contract, Digest, Kind, Memory, Query, Site, Update, World

SCALE = 1_000_000  # the contract's score of a model that is right about every patient
DRAWING = 3  # the contract's phase in which an epoch is abandoned and free seats are to be drawn
Trained = Annotated[Update, Predicate(lambda update: update.samples > 0)]
Score = Annotated[int, Interval(ge=0, le=SCALE)]


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

    `lower_median` takes the lower of two middle scores, not their mean. Silence ends a phase after `phase_blocks`.
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
        needs=("1 <= committee", "committee <= wanted", "committee + wanted <= hospitals", "merged <= wanted"),
    )

    def open(self, world: World) -> State:
        """Step 1: the hospitals register, in an order that is drawn; the first to do so are the first committee."""
        counts = self._counts(len(world.hospitals))
        first, *_ = present = world.present(world.shuffled(), min(counts.committee + 1, len(world.hospitals)))
        chain = world.found("BFLC", world.hospitals, *counts, self.lower_median, self.phase_blocks, sender=first)
        chain.send_each("register", present)
        if len(present) < len(world.hospitals):
            chain.end_late(sender=first)
        return State(world.initial_weights(), chain.call("committee", 1), present, chain.address)

    def round(self, state: State, world: World) -> State:
        """Steps 2 to 6; a round without a majority of scores changes the committee only."""
        chain = world.at(state.contract)
        epoch = chain.call("epoch")
        state, keeper = self._collect(state, world, chain)
        # Step 3: the members read every update and score it on their own patients.
        published = dict(zip(*chain.call("updates", epoch), strict=True))
        asked = state.committee if published else ()
        scores = world.ask(asked, scoring(len(published)), published, within=chain.left()).open()
        chain.send_each("score", {member: (own,) for member, own in scores.items()})
        if len(scores) < len(asked):
            chain.end_late(sender=keeper)
        if chain.call("phase") == DRAWING:  # who scored stays; the other seats are drawn in a later block
            chain.end_late(sender=keeper)
        # Steps 4 to 6: the contract ranks the medians, selects the best and seats their trainers.
        state = replace(state, committee=chain.call("committee", epoch + 1))
        best = dict(zip(*chain.call("best", epoch), strict=True))
        updates = world.read(best, Trained)
        if not updates:
            return state
        confirmed = world.ask(scores, MERGE, best, within=chain.left() / 2).open()  # the other half is left to train
        chain.send_each("confirm", {member: (epoch, digest) for member, digest in confirmed.items()})
        return replace(state, weights=merged(updates.values()))

    def _collect(self, state: State, world: World, chain: Contract) -> tuple[State, str]:
        """Step 2: who is not on the committee trains, publishes, proposes; also return who can close a phase."""
        trainers = [hospital for hospital in world.shuffled() if hospital not in state.committee]
        wanted = self._counts(len(world.hospitals)).wanted
        updates = world.ask(trainers, TRAIN, state.weights, first=wanted, within=chain.left()).open()
        # The first `wanted` are taken. Who was away when the others registered does so now.
        newcomers = tuple(trainer for trainer in updates if trainer not in state.registered)
        chain.send_each("register", newcomers)
        keeper = next(iter(updates or world.present(state.committee)))
        if len(chain.send_each("propose", updates, unless="already proposed content")) < wanted:
            chain.end_late(sender=keeper)
        return replace(state, registered=state.registered + newcomers), keeper

    def model(self, state: State) -> Vector:
        return state.weights

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        return self._counts(hospitals)._asdict()

    def _counts(self, hospitals: int) -> Counts:
        """4, 10 and 6 from 20 hospitals on, as published; below, N / 5 (one at least), one a trainer, 60 %."""
        committee = self.committee_size or max(1, min(4, hospitals // 5))
        wanted = self.updates_wanted or min(10, hospitals - committee)
        return Counts(committee, wanted, self.updates_merged or -(-6 * wanted // 10))


def merged(updates: Iterable[Update]) -> Vector:
    """W - lr sum n_k delta_k / sum n_k with delta_k = (W - W_k) / lr, which is sum n_k W_k / sum n_k: [P]."""
    weights, samples, _ = zip(*updates, strict=True)
    return weighted_mean(weights, samples)


def _score(site: Site, memory: Memory, published: Mapping[str, str]) -> tuple[tuple[int, ...], Memory]:
    """Accuracy of each model on the member's own patients; what cannot be read scores 0."""
    scores, updates = dict.fromkeys(published, 0), site.read(published, Trained)
    if updates:
        right = site.accuracy(np.stack([update.weights for update in updates.values()]))
        scores |= zip(updates, np.rint(SCALE * right).astype(int).tolist(), strict=True)
    return tuple(site.scores(scores, 0, SCALE).values()), memory


def _merge(site: Site, memory: Memory, best: Mapping[str, str]) -> tuple[bytes, Memory]:
    """SHA-256 of the global model, merged by the member itself."""
    site.work(2.0 * site.network.parameters * len(best))
    return fingerprint(merged(site.read(best, Trained).values())), memory


TRAIN = FIT.then(PUBLISH)
MERGE = Query("merge", Kind.CONTROL, _merge, reply=Digest)


def scoring(updates: int) -> Query:
    """Score so many updates."""
    return Query("score", Kind.SCORES, _score, reply=Annotated[tuple[Score, ...], Len(updates, updates)])
