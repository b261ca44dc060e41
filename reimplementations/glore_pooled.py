"""Central maximum likelihood: one centre has all raw records and learns from them. Kuo et al. 2019's yardstick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import newton
from chainward.strategy import Audience, Card, Strategy
from chainward.world import KEEP_RECORDS, SHARE_RECORDS, Kind, Memory, Network, Query, Site, World

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class State:
    """The one place, coefficients [D] with the bias first, whether they were learned, and whether to convergence."""

    centre: str
    model: Floats
    learned: bool = False
    converged: bool = False


@dataclass(frozen=True)
class GlorePooled(Strategy[State]):
    """Unpenalised logistic regression on the records of all hospitals, until no coefficient moves by `tolerance`."""

    tolerance: float = 1e-10
    max_iterations: int = 100

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
        newton.need_few(features)
        return State(centre, np.zeros(features + 1))

    def round(self, state: State, world: World) -> State:
        form: Any = newton.form_of_coefficients(len(state.model))
        learn = Query("learn", Kind.AGGREGATE, self._learn, reply=tuple[form, bool])
        coefficients, converged = world.ask(state.centre, learn).open()[state.centre]
        return replace(state, model=coefficients, learned=True, converged=converged)

    def model(self, state: State) -> Floats:
        return state.model

    def predict(self, model: Floats, features: npt.NDArray[Any], network: Network) -> Floats:
        return newton.predict(model, features)

    def finished(self, state: State) -> bool:
        return state.learned

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """The coefficients, and whether there is a maximum of the likelihood."""
        return {"coefficients": newton.named(state.model), "learning": {"converged": int(state.converged)}}

    def _learn(self, site: Site, memory: Memory, _: Any) -> tuple[tuple[Floats, bool], Memory]:
        rows = memory["features"]
        fit = newton.maximum_likelihood(rows, memory["labels"], self.tolerance, self.max_iterations)
        site.work(newton.least_squares_flops(len(rows), len(fit.coefficients), fit.iterations))
        return (fit.coefficients, fit.converged), memory
