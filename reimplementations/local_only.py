"""Every hospital trains alone and shares nothing: the floor any collaboration must beat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from chainward.strategy import Audience, Card, Strategy
from chainward.world import FIT, Held, Kind, Memory, Query, Site, Update, World


def _keep(_: Site, memory: Memory, update: Update) -> tuple[None, Memory]:
    return None, {**memory, "weights": update.weights}


TRAIN_ALONE = FIT.then(Query("keep", Kind.CONTROL, _keep, reply=None))


@dataclass(frozen=True)
class State:
    """Every hospital of the federation; the weights are in their memories."""

    hospitals: tuple[str, ...]


@dataclass(frozen=True)
class LocalOnly(Strategy[State]):
    """No communication: a hospital's weights never leave its memory and are judged on its own patients."""

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="none",
        spends_gas=False,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Every hospital starts from the task's first weights."""
        return State(world.hospitals)

    def round(self, state: State, world: World) -> State:
        """Each hospital goes on from its own weights; who is absent keeps what it had."""
        world.ask(state.hospitals, TRAIN_ALONE, Held("weights"))
        return state

    def model(self, state: State) -> Mapping[str, Held]:
        """One model a hospital, in its memory."""
        return dict.fromkeys(state.hospitals, Held("weights"))
