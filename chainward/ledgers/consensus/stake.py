"""Proof of stake as on Ethereum's layer 1: a slot of 12 s has one proposer, and now and then none shows up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import ClassVar

import numpy as np

from chainward.ledgers.consensus import BlockTimes, Periodic, Spaced
from chainward.ledgers.consensus.messages import validated
from chainward.methods.randomness import stream

MOST_MISSED = 0.99


@dataclass(frozen=True)
class Stake:
    """A block at each slot of `slot_s` seconds, but for a share `missed` of them, drawn at random."""

    slot_s: float = 12.0
    missed: float = 0.0
    confirmations: int = 0
    beacon: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validated(self.slot_s > 0, "slot_s must be above 0")
        validated(self.missed <= MOST_MISSED, f"missed may be {MOST_MISSED} at most")

    def expected_gap(self) -> float:
        """Return T / (1 - q), the mean gap where a share q of the slots is missed."""
        return self.slot_s / (1 - self.missed)

    def blocks(self, seed: int) -> BlockTimes:
        """Return when blocks are made; which slots are missed is drawn for the seed."""
        if not self.missed:
            return Periodic(self.slot_s)
        return Spaced(self._gaps(stream(seed, "proof of stake")))

    def _gaps(self, draws: np.random.Generator) -> Iterator[float]:
        return (self.slot_s * int(draws.geometric(1 - self.missed)) for _ in count())
