"""Practical Byzantine fault tolerance (Castro and Liskov 1999): three phases, and another leader for a silent one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np
import simpy

from chainward.ledgers.consensus import BlockTimes, Spaced
from chainward.ledgers.consensus.messages import Messages, Process, validated
from chainward.methods.randomness import stream

REQUEST, PROPOSE, PREPARE, COMMIT, CHANGE = "request", "pre-prepare", "prepare", "commit", "view change"


class Agreement(NamedTuple):
    """Seconds from the request until f + 1 replicas committed, and until their replies; messages; the last view."""

    committed: float
    replied: float
    messages: int
    view: int


@dataclass(frozen=True)
class PBFT:
    """n = 3 f + 1 `replicas`, of which the first `silent` say nothing; block b is led by (b + v) mod n in view v.

    A message takes `delay_s`, give or take a share `jitter`. Who has not committed `timeout_s` after the request asks
    for the next view, and waits twice as long for that. A block is asked for `period_s` after the last.
    """

    replicas: int = 4
    silent: int = 0
    delay_s: float = 0.05
    jitter: float = 0.1
    timeout_s: float = 2.0
    period_s: float = 5.0
    confirmations: int = 0
    beacon: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validated(self.replicas > 1 and self.replicas % 3 == 1, "replicas must be 3 f + 1, and f at least 1")
        validated(self.silent <= self.faulty, f"{self.replicas} replicas bear {self.faulty} silent ones")
        validated(self.jitter <= 1, "jitter is at most 1")
        validated(self.timeout_s > 8 * self.delay_s, "timeout_s must leave time for a request to be committed")

    @property
    def faulty(self) -> int:
        """f: how many replicas may fail."""
        return (self.replicas - 1) // 3

    @property
    def quorum(self) -> int:
        """2 f + 1: so many replicas decide, the one that counts among them."""
        return 2 * self.faulty + 1

    @property
    def expected_messages(self) -> int:
        """2 n (n - 1) between replicas that all work: (n - 1) + (n - 1)^2 + n (n - 1)."""
        return 2 * self.replicas * (self.replicas - 1)

    def expected_commit(self, silent_leaders: int = 0) -> float:
        """Return 4 d, and after k silent leaders d + (2^k - 1) timeouts more; the reply takes another d."""
        changes = self.delay_s + self.timeout_s * (2**silent_leaders - 1) if silent_leaders else 0.0
        return 4 * self.delay_s + changes

    def agree(self, block: int, rng: np.random.Generator) -> Agreement:
        """Let the replicas agree on one block."""
        environment = simpy.Environment()
        net = Messages(environment, self.replicas, self.delay_s, self.jitter, rng)
        client = Messages(environment, self.replicas + 1, self.delay_s, self.jitter, rng)
        commits: list[float] = []
        views: list[int] = []

        def replica(me: int) -> Process:
            yield client.inboxes[me].get()
            view, mail = 0, net.inboxes[me].get()
            votes: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
            alarm = environment.timeout(self.timeout_s)

            def say(what: str) -> None:
                votes[what, view].add(me)
                net.broadcast((what, view, me))

            def has(what: str) -> bool:
                return me in votes[what, view]

            if self._leader(block, 0) == me:
                say(PROPOSE)
            while True:
                yield mail | alarm
                if mail.triggered:
                    message: Any = mail.value
                    what, number, sender = message
                    votes[what, number].add(sender)
                    mail = net.inboxes[me].get()
                    if what == PROPOSE and number >= view:
                        view = number
                        say(PREPARE)
                else:
                    view += 1
                    alarm = environment.timeout(self.timeout_s * 2**view)
                    say(CHANGE)
                leads = self._leader(block, view) == me
                if view and leads and has(CHANGE) and not has(PROPOSE) and len(votes[CHANGE, view]) >= self.quorum:
                    say(PROPOSE)
                prepared = len(votes[PREPARE, view] | votes[PROPOSE, view]) >= self.quorum
                if prepared and (has(PREPARE) or has(PROPOSE)) and not has(COMMIT):
                    say(COMMIT)
                if has(COMMIT) and len(votes[COMMIT, view]) >= self.quorum:
                    commits.append(environment.now)
                    views.append(view)
                    client.send(("reply", view, me), [self.replicas])
                    return

        def ask() -> Process:
            client.broadcast((REQUEST, 0, self.replicas))
            for _ in range(self.faulty + 1):
                yield client.inboxes[self.replicas].get()

        for me in range(self.silent, self.replicas):
            environment.process(replica(me))
        environment.run(until=environment.process(ask()))
        return Agreement(sorted(commits)[self.faulty], environment.now, net.sent, max(views))

    def blocks(self, seed: int) -> BlockTimes:
        """Return when blocks are committed."""
        return Spaced(self._gaps(stream(seed, "pbft")))

    def _gaps(self, rng: np.random.Generator) -> Iterator[float]:
        for block in count(1):
            yield self.period_s + self.agree(block, rng).committed

    def _leader(self, block: int, view: int) -> int:
        return (block + view) % self.replicas
