"""A server averages what hospitals train, weighted by patients. McMahan et al. 2017, arXiv 1602.05629."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from chainward.methods.aggregation import mean, weighted_mean
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.world import FIT, World


@dataclass(frozen=True)
class State:
    """The global weights [P]."""

    weights: Vector


@dataclass(frozen=True)
class FedAvg(Strategy[State]):
    """Algorithm 1 with every hospital in every round; `weighted=False` drops the weights n_k."""

    weighted: bool = True

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.COORDINATOR,
        raw_records_shared="none",
        spends_gas=False,
        tolerates_absence=True,
    )

    def open(self, world: World) -> State:
        """Draw the first weights w_0."""
        return State(world.initial_weights())

    def round(self, state: State, world: World) -> State:
        """w_{t+1} = sum_k n_k w_k / sum_k n_k over the hospitals that answered; nobody answering leaves w_t."""
        updates = world.ask(world.hospitals, FIT, state.weights).open().values()
        if not updates:
            return state
        weights = [update.weights for update in updates]
        return State(weighted_mean(weights, [update.samples for update in updates]) if self.weighted else mean(weights))

    def model(self, state: State) -> Vector:
        """The global weights."""
        return state.weights
