"""What a paper is: a `Strategy`, its algorithm box, with a card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, get_args

import numpy as np
import numpy.typing as npt

from chainward.strategy.card import Card
from chainward.world import Network, World

Model = Any
State = TypeVar("State")


@dataclass(frozen=True)
class Strategy(ABC, Generic[State]):
    """One published way of training a model together; subclasses are frozen dataclasses of hyper-parameters.

    `State` is a frozen dataclass of arrays, numbers, text, tuples and mappings, so that a trial can be saved after any
    round. `open` and `round` are functions of the state and of what the world answers; nothing is kept on `self`.
    """

    card: ClassVar[Card]
    quick: ClassVar[Mapping[str, Any]] = {}
    """Hyper-parameters of small trials, where those that a paper needs cost minutes, as a key of a secure size does."""

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

    def is_model(self, held: npt.NDArray[Any], network: Network) -> bool:
        """Tell whether an array that a hospital keeps is a model of this strategy's, which may leave it to be judged.

        Secrets and records may not. By default a model is weights [P] of the task's network.
        """
        return held.shape == (network.parameters,)

    def finished(self, state: State) -> bool:
        """Tell whether the algorithm has ended by itself."""
        return False

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """Return the counts this strategy uses for a federation of so many hospitals, for the record."""
        return {}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """Return what the protocol decided about each party in the end, for the record.

        By the name of the quantity ("share", "score", "paid", ...), then by party or part. What stands on chain
        can be called from `world`, so that no state need have a copy of it; a trial that asks or sends here fails.
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
