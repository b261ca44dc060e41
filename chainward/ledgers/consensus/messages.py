"""Messages between the nodes of a simulated consensus."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any, TypeAlias

import numpy as np
import simpy

from chainward.errors import ChainwardError

Message: TypeAlias = tuple[str, int, int]
"""What is said, in which view or term, by whom."""

Process: TypeAlias = Generator[simpy.Event, Any, None]


class Messages:
    """An inbox a node; what is sent arrives `delay_s` later, give or take a share `jitter`. Counts what is sent."""

    def __init__(
        self, environment: simpy.Environment, nodes: int, delay_s: float, jitter: float, rng: np.random.Generator
    ) -> None:
        self.environment = environment
        self.inboxes = [simpy.Store(environment) for _ in range(nodes)]
        self.sent = 0
        self._delay_s, self._jitter, self._rng = delay_s, jitter, rng

    def send(self, message: Message, receivers: Iterable[int]) -> None:
        """Send to all `receivers` but oneself."""
        for receiver in receivers:
            if receiver != message[2]:
                self.sent += 1
                self.environment.process(self._deliver(message, receiver))

    def broadcast(self, message: Message) -> None:
        """Send to all others."""
        self.send(message, range(len(self.inboxes)))

    def _deliver(self, message: Message, receiver: int) -> Process:
        yield self.environment.timeout(self._delay_s * (1 + self._jitter * self._rng.uniform(-1, 1)))
        yield self.inboxes[receiver].put(message)


def validated(condition: bool, complaint: str) -> None:
    """Refuse parameters with which a chain would stand still or make no sense."""
    if not condition:
        raise ChainwardError(f"ledger: {complaint}")
