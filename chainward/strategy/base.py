"""What a paper is: a `Card` of facts, and a `Strategy` that is its algorithm box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from chainward.world import Audience, Network, World

Model = Any
State = TypeVar("State")


@dataclass(frozen=True)
class Card:
    """Facts about a paper. What can be metered is confirmed by the conformance suite.

    `tier` is the evidence behind our reading: T1 the authors' code or text, T1x also recomputed, T2 documentation or an
    abstract, T3 recall only. `interpretation` marks papers known by their abstract alone.
    """

    key: str
    title: str
    authors: str
    where: str
    year: int
    family: str
    tier: str
    summary: str
    consensus: str
    sees_individual_updates: Audience
    raw_records_shared: str
    spends_gas: bool
    tolerates_absence: bool
    ends_by_itself: bool = False
    interpretation: bool = False
    own_learner: bool = False
    reference: bool = False
    names: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    published: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Strategy(ABC, Generic[State]):
    """One published way of training a model together; subclasses are frozen dataclasses of hyper-parameters.

    `State` is a frozen dataclass of arrays, numbers, text, tuples and mappings, so that a trial can be saved after any
    round. `open` and `round` are functions of the state and of what the world answers; nothing is kept on `self`.
    """

    card: ClassVar[Card]

    @abstractmethod
    def open(self, world: World) -> State:
        """Deploy, register every hospital and return the state before the first round."""

    @abstractmethod
    def round(self, state: State, world: World) -> State:
        """Do one round of the paper's algorithm."""

    @abstractmethod
    def model(self, state: State) -> Model:
        """Return the model to judge: one for all, or a mapping from hospital to its own."""

    def predict(self, model: Model, features: npt.NDArray[Any], network: Network) -> npt.NDArray[np.float64]:
        """Return the probability of the outcome for each row of `features` [n, d]; by default the task's network."""
        return network.predict(model, features)

    def finished(self, state: State) -> bool:
        """Tell whether the algorithm has ended by itself."""
        return False

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Return the counts this strategy uses for a federation of so many hospitals, for the record."""
        return {}

    def outcomes(self, state: State) -> Mapping[str, Mapping[str, float]]:
        """Return what the protocol decided about each party in the end, for the record.

        By the name of the quantity ("share", "score", "paid", ...), then by party or part.
        """
        return {}

    @classmethod
    def state_type(cls) -> type[Any]:
        """Return the dataclass this strategy keeps its progress in."""
        for base in getattr(cls, "__orig_bases__", ()):
            arguments = get_args(base)
            if arguments:
                return arguments[0]  # type: ignore[no-any-return]
        raise TypeError(f"{cls.__name__} must name its state: class {cls.__name__}(Strategy[State])")
