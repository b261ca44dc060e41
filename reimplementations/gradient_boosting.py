"""All raw records are brought to one place and boosted trees learned there: the usual best on tables of records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainward.methods import boosting
from chainward.methods.boosting import Trees
from chainward.strategy import Audience, Card, Strategy
from chainward.world import KEEP_RECORDS, SHARE_RECORDS, Kind, Memory, Network, Query, Site, World


@dataclass(frozen=True)
class State:
    """The one place, the trees, and whether they have been learned."""

    centre: str
    trees: Trees
    learned: bool


@dataclass(frozen=True)
class GradientBoosting(Strategy[State]):
    """Friedman 2001 on the records of all hospitals; it takes one round.

    Part of the training patients tell when to stop, see `chainward.methods.boosting.fit`; the rest is scikit-learn's
    own default.
    """

    most_trees: int = 1_000
    depth: int = 3
    learning_rate: float = 0.1

    card: ClassVar[Card] = Card.beside(
        __file__,
        sees_individual_updates=Audience.NOBODY,
        raw_records_shared="all",
        spends_gas=False,
        tolerates_absence=True,
        ends_by_itself=True,
    )

    def open(self, world: World) -> State:
        (centre,) = world.parties("centre", 1)
        world.ask(centre, KEEP_RECORDS, world.need_some(world.ask(world.hospitals, SHARE_RECORDS)))
        return State(centre, boosting.none(), learned=False)

    def round(self, state: State, world: World) -> State:
        learned = world.ask(state.centre, Query("learn", Kind.AGGREGATE, self._learn, reply=dict[str, Any]))
        return State(state.centre, learned.open()[state.centre], learned=True)

    def model(self, state: State) -> Trees:
        return state.trees

    def predict(self, model: Trees, features: npt.NDArray[Any], network: Network) -> npt.NDArray[np.float64]:
        return boosting.predict(model, features, self.depth)

    def finished(self, state: State) -> bool:
        return state.learned

    def _learn(self, site: Site, memory: Memory, _: None) -> tuple[Trees, Memory]:
        features, labels, seed = memory["features"], memory["labels"], int(site.rng.integers(2**31))
        trees = boosting.fit(features, labels, seed, self.most_trees, self.depth, self.learning_rate)
        site.work(boosting.flops(features, trees, self.depth))
        return trees, memory
