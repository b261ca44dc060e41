"""Proof of work with the longest chain: miners extend the highest block they know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import ClassVar, NamedTuple

import numpy as np
import simpy

from chainward.ledgers.consensus import BlockTimes, Poisson, Spaced
from chainward.ledgers.consensus.messages import Process, validated
from chainward.methods.randomness import stream


class Grown(NamedTuple):
    """When the chain reached a height, and how many blocks had been found by then, forks among them."""

    time: float
    found: int


@dataclass(frozen=True)
class Work:
    """`miners` find a block every `mean_s` seconds together, and each hears of it `delay_s` later.

    A block found before that is a fork of equal height, which makes nothing higher. Races for one block, their forks
    and an attacker's chances are in `chainward.methods.mining`.
    """

    mean_s: float = 13.0
    miners: int = 10
    delay_s: float = 0.0
    confirmations: int = 6
    beacon: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validated(self.mean_s > 0, "mean_s must be above 0")
        validated(self.miners > 0, "there must be a miner")

    def slowest_gap(self) -> float:
        """Return 1 / Lambda + Delta, the mean gap if whoever finds a block, too, had to wait for it to spread."""
        return self.mean_s + self.delay_s

    def grown(self, rng: np.random.Generator) -> Iterator[Grown]:
        """Let the miners mine for ever; yield each height as it is first reached."""
        environment = simpy.Environment()
        known = [0] * self.miners
        reached = [Grown(0.0, 0)]
        news, found = [environment.event()], 0

        def mine(me: int) -> Process:
            nonlocal found
            while True:  # mining has no memory: it does not matter that the block below may change meanwhile
                yield environment.timeout(rng.exponential(self.mean_s * self.miners))
                known[me] += 1
                found += 1
                environment.process(spread(known[me]))
                if known[me] == len(reached):
                    reached.append(Grown(environment.now, found))
                    news.append(environment.event())
                    news.pop(0).succeed()

        def spread(height: int) -> Process:
            yield environment.timeout(self.delay_s)
            known[:] = [max(height, own) for own in known]

        for miner in range(self.miners):
            environment.process(mine(miner))
        while True:
            environment.run(until=news[0])
            yield reached[-1]

    def blocks(self, seed: int) -> BlockTimes:
        """Return when each height is first reached; without delay that is a Poisson process."""
        if not self.delay_s:
            return Poisson(self.mean_s, seed)
        times = (height.time for height in self.grown(stream(seed, "longest chain")))
        return Spaced(later - earlier for earlier, later in pairwise(chain([0.0], times)))
