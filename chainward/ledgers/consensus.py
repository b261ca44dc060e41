"""When blocks are made: the time model of consensus behind a ledger."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from chainward.errors import UnknownName
from chainward.methods.randomness import stream


class BlockTimes(Protocol):
    """Block n is made at `time(n)` seconds; block 0 is the genesis at 0."""

    def time(self, number: int) -> float:
        """Return when block `number` is made."""

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""


@dataclass(frozen=True)
class Periodic:
    """Proof of authority (Clique): one signer a block, every `period_s` seconds."""

    period_s: float = 5.0

    def time(self, number: int) -> float:
        """Return when block `number` is made."""
        return number * self.period_s

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""
        number = math.floor(at / self.period_s)
        return number + 1 if self.time(number + 1) <= at else number


class Poisson:
    """Proof of work: exponential gaps between blocks with mean `mean_s`, drawn from the trial's seed."""

    def __init__(self, mean_s: float = 13.0, seed: int = 0) -> None:
        self._rng = stream(seed, "proof of work")
        self._mean_s = mean_s
        self._times = [0.0]

    def time(self, number: int) -> float:
        """Return when block `number` is made."""
        while len(self._times) <= number:
            self._times.append(self._times[-1] + float(self._rng.exponential(self._mean_s)))
        return self._times[number]

    def newest(self, at: float) -> int:
        """Return the number of the newest block at a moment."""
        while self._times[-1] <= at:
            self.time(len(self._times))
        return next(number for number in reversed(range(len(self._times))) if self._times[number] <= at)


MODELS = ("poa", "pow")


def block_times(name: str, seed: int) -> BlockTimes:
    """Return the model called `name`: "poa" (5 s) or "pow" (13 s on average, drawn for the seed).

    Raises:
        UnknownName: there is no such model.
    """
    if name not in MODELS:
        raise UnknownName(f"no consensus model is called {name!r}; there is {', '.join(MODELS)}")
    return Periodic() if name == "poa" else Poisson(seed=seed)
