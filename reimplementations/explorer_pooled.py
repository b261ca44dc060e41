"""Central EXPLORER: one centre learns from all raw records, as if it were one site. Kuo et al. 2020's yardstick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import expectation_propagation as explorer
from chainward.methods.expectation_propagation import Gaussian
from chainward.strategy import Audience, Card, Strategy
from chainward.world import KEEP_RECORDS, SHARE_RECORDS, Kind, Memory, Network, Query, Site, World

Posterior = Mapping[str, npt.NDArray[np.float64]]  # mean [D] and covariance [D, D], the bias first


@dataclass(frozen=True)
class State:
    """The one place, the model, and whether it has been learned."""

    centre: str
    model: Posterior
    learned: bool


@dataclass(frozen=True)
class ExplorerPooled(Strategy[State]):
    """EXPLORER on the records of all hospitals, in the order of hospitals, as one site; it takes one round."""

    prior_variance: float = 5.0
    tolerance: float = 1e-8
    max_passes: int = 200
    exponent: float = 0.5

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="all",
        spends_gas=False,
        tolerates_absence=True,
        ends_by_itself=True,
        needs=("features <= 1000",),
    )

    def open(self, world: World) -> State:
        (centre,) = world.parties("centre", 1)
        records = world.need_some(world.ask(world.hospitals, SHARE_RECORDS))
        features = world.ask(centre, KEEP_RECORDS, records).open()[centre]
        return State(centre, explorer.prior(features, self.prior_variance)._asdict(), learned=False)

    def round(self, state: State, world: World) -> State:
        learned = world.ask(
            state.centre, Query("learn", Kind.AGGREGATE, self._learn, reply=dict[str, Any]), state.model
        )
        return State(state.centre, learned.open()[state.centre], learned=True)

    def model(self, state: State) -> Posterior:
        return state.model

    def predict(self, model: Posterior, features: npt.NDArray[Any], network: Network) -> npt.NDArray[np.float64]:
        return explorer.predict(Gaussian(**model), features, self.exponent)

    def finished(self, state: State) -> bool:
        return state.learned

    def _learn(self, site: Site, memory: Memory, before: Posterior) -> tuple[Posterior, Memory]:
        features, labels = memory["features"], memory["labels"]
        posterior, passes = explorer.fit(features, labels, Gaussian(**before), self.tolerance, self.max_passes)
        site.work(explorer.flops(features, passes))
        return posterior._asdict(), memory
