"""All raw records are brought to one place and trained there: what privacy costs is measured against this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import KEEP_RECORDS, SHARE_RECORDS, Kind, Memory, Query, Site, Weights, World


def _train(site: Site, memory: Memory, weights: Vector) -> tuple[Vector, Memory]:
    hospitals = len(site.hospitals)
    return site.train_network(memory["features"], memory["labels"], weights, batch_factor=hospitals), memory


TRAIN = Query("train", Kind.AGGREGATE, _train, reply=Weights)


@dataclass(frozen=True)
class State:
    """The one place, and the weights [P]."""

    centre: str
    weights: Vector


@dataclass(frozen=True)
class Pooled(Strategy[State]):
    """Centralised deep learning by a `pytorch_lightning.Trainer` on the records of all hospitals.

    A round takes as many gradient steps as a hospital of the federation does, on a batch as large as all hospitals'
    batches together, so that equal rounds touch equal numbers of records.
    """

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="all",
        spends_gas=False,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Collect the records of all hospitals at the centre."""
        (centre,) = world.parties("centre", 1)
        world.ask(centre, KEEP_RECORDS, world.need_some(world.ask(world.hospitals, SHARE_RECORDS)))
        return State(centre, world.initial_weights())

    def round(self, state: State, world: World) -> State:
        """Train on from the weights at the centre."""
        return State(state.centre, world.ask(state.centre, TRAIN, state.weights).open()[state.centre])

    def model(self, state: State) -> Vector:
        """The centre's weights."""
        return state.weights
