"""A committee drawn from all nodes decides each block; bad members say nothing, and too many of them make it fail."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import simpy

from chainward.ledgers.consensus import BlockTimes, Spaced
from chainward.ledgers.consensus.messages import Messages, Process, validated
from chainward.methods.randomness import stream


class Decision(NamedTuple):
    """Seconds until a committee's quorum had voted, and how many committees before it failed."""

    time: float
    failed: int


@dataclass(frozen=True)
class Committee:
    """`members` of `nodes` are drawn for each block, of which `bad` nodes are bad; `quorum` votes decide.

    A member checks the block for an exponential time of mean `check_s`; a message takes `delay_s`. A committee without
    a quorum of good members is replaced after `timeout_s`. A block is proposed `period_s` after the last.
    """

    nodes: int = 20
    bad: int = 0
    members: int = 4
    quorum: int = 3
    check_s: float = 0.5
    delay_s: float = 0.05
    timeout_s: float = 10.0
    period_s: float = 5.0
    confirmations: int = 0
    beacon: ClassVar[bool] = True

    def __post_init__(self) -> None:
        validated(0 < self.quorum <= self.members <= self.nodes, "quorum, members and nodes must not fall")
        validated(self.nodes - self.bad >= self.quorum, "no committee has a quorum of good members")

    def chance(self, bad: int) -> float:
        """Return the hypergeometric probability that so many members are bad."""
        good = self.members - bad
        ways = math.comb(self.bad, bad) * math.comb(self.nodes - self.bad, good) if good >= 0 else 0
        return ways / math.comb(self.nodes, self.members)

    @property
    def failure(self) -> float:
        """Probability that a committee fails: more than members - quorum of it are bad."""
        return math.fsum(self.chance(bad) for bad in range(self.members - self.quorum + 1, self.members + 1))

    @property
    def expected_time(self) -> float:
        """Mean seconds to a decision: failing committees, two messages, the check of the last vote that is needed.

        The q-th of g exponential checks takes mean * (1/g + ... + 1/(g - q + 1)).
        """
        checks = sum(
            self.chance(bad) * self._check(self.members - bad) for bad in range(self.members - self.quorum + 1)
        )
        alive = 1 - self.failure
        return self.timeout_s * self.failure / alive + 2 * self.delay_s + checks / alive

    def _check(self, good: int) -> float:
        return self.check_s * sum(1 / voters for voters in range(good - self.quorum + 1, good + 1))

    def draw(self, rng: np.random.Generator) -> int:
        """Draw a committee and return how many of it are bad."""
        return int(np.count_nonzero(rng.choice(self.nodes, self.members, replace=False) < self.bad))

    def decide(self, rng: np.random.Generator) -> Decision:
        """Let committees be drawn until one decides."""
        environment = simpy.Environment()
        failed = 0

        def check(net: Messages, me: int) -> Process:
            yield net.inboxes[me].get()
            yield environment.timeout(rng.exponential(self.check_s))
            net.send(("vote", 0, me), [self.members])

        def propose() -> Process:
            nonlocal failed
            while (bad := self.draw(rng)) > self.members - self.quorum:
                failed += 1
                yield environment.timeout(self.timeout_s)
            net = Messages(environment, self.members + 1, self.delay_s, 0.0, rng)
            for member in range(bad, self.members):
                environment.process(check(net, member))
            net.broadcast(("block", 0, self.members))
            for _ in range(self.quorum):
                yield net.inboxes[self.members].get()

        environment.run(until=environment.process(propose()))
        return Decision(environment.now, failed)

    def blocks(self, seed: int) -> BlockTimes:
        """Return when blocks are decided."""
        return Spaced(self._gaps(stream(seed, "committee")))

    def _gaps(self, rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield self.period_s + self.decide(rng).time
