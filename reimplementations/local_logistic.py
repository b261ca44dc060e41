"""Every hospital fits a logistic regression alone and shares nothing: what a hospital has without any deep learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import logistic
from chainward.strategy import Audience, Card, Strategy
from chainward.world import Held, Kind, Memory, Network, Query, Site, World

NOTHING = np.zeros(0)
"""The model of a hospital that has not answered: everybody's outcome is as likely as not."""


def _learn(site: Site, memory: Memory, _: None) -> tuple[None, Memory]:
    features, labels = site.train.features, site.train.labels
    site.work(logistic.flops(features))
    return None, {**memory, "coefficients": logistic.fit(features, labels, int(site.rng.integers(2**31)))}


LEARN = Query("learn", Kind.CONTROL, _learn, reply=None)


@dataclass(frozen=True)
class State:
    """Hospitals that have learned, their coefficients [d + 1] in their memories, and those that have yet to."""

    learned: tuple[str, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class LocalLogistic(Strategy[State]):
    """No communication: an L2-penalised logistic regression a hospital, its penalty chosen on its own patients."""

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="none",
        spends_gas=False,
        tolerates_absence=True,
        ends_by_itself=True,
    )

    def open(self, world: World) -> State:
        return State((), world.hospitals)

    def round(self, state: State, world: World) -> State:
        """It takes one round, and another for whom was absent."""
        missing = world.ask(state.waiting, LEARN).missing
        learned = tuple(name for name in state.waiting if name not in missing)
        return State((*state.learned, *learned), missing)

    def model(self, state: State) -> Mapping[str, Any]:
        return dict.fromkeys(state.learned, Held("coefficients")) | dict.fromkeys(state.waiting, NOTHING)

    def predict(
        self, model: npt.NDArray[np.float64], features: npt.NDArray[Any], network: Network
    ) -> npt.NDArray[np.float64]:
        return logistic.predict(model, features) if len(model) else np.full(len(features), 0.5)

    def is_model(self, held: npt.NDArray[Any], network: Network) -> bool:
        return held.ndim == 1 and held.dtype == np.float64

    def finished(self, state: State) -> bool:
        return not state.waiting
