"""Raft (Ongaro and Ousterhout 2014): an elected leader replicates; nodes may crash, but do not lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import simpy

from chainward.ledgers.consensus import BlockTimes, Spaced
from chainward.ledgers.consensus.messages import Messages, Process, validated
from chainward.methods.randomness import stream

APPEND, DONE, VOTE, GRANT = "append", "done", "vote", "grant"


class Replicated(NamedTuple):
    """Seconds until an entry was committed, and messages until all live nodes had answered."""

    committed: float
    messages: int


class Elected(NamedTuple):
    """Seconds from the leader's last word until another was elected, in which term, who, after how many candidates."""

    time: float
    term: int
    leader: int
    candidates: int


@dataclass(frozen=True)
class Raft:
    """`nodes`, of which the last `crashed` are down for good.

    A message takes `delay_s`, give or take a share `jitter`. Who hears nothing for `timeout_s` to twice that, drawn at
    random, stands for election. The leader crashes before a block with probability `leader_crashes`, and is back as a
    follower once there is another. A block is proposed `period_s` after the last.
    """

    nodes: int = 5
    crashed: int = 0
    delay_s: float = 0.05
    jitter: float = 0.1
    timeout_s: float = 1.0
    leader_crashes: float = 0.0
    period_s: float = 5.0
    confirmations: int = 0
    beacon: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validated(self.crashed + bool(self.leader_crashes) <= self.tolerated, f"{self.nodes} nodes lack a majority")
        validated(self.jitter <= 1 and self.leader_crashes <= 1, "jitter and leader_crashes are at most 1")
        validated(self.timeout_s > 4 * self.delay_s, "timeout_s must leave time for votes")

    @property
    def tolerated(self) -> int:
        """floor((n - 1) / 2): how many nodes may crash."""
        return (self.nodes - 1) // 2

    @property
    def majority(self) -> int:
        """So many nodes commit an entry or elect a leader."""
        return self.nodes // 2 + 1

    @property
    def expected_messages(self) -> int:
        """2 (n - 1) an entry, if all nodes work."""
        return 2 * (self.nodes - 1)

    @property
    def expected_election(self) -> float:
        """T + T / (m + 1) + 2 d: the first of m timeouts between T and 2 T, a vote and its answer; no split votes."""
        followers = self.nodes - 1 - self.crashed
        return self.timeout_s * (1 + 1 / (followers + 1)) + 2 * self.delay_s

    def replicate(self, rng: np.random.Generator) -> Replicated:
        """Let the leader replicate one entry; it is committed once a majority has it, the leader among them."""
        environment = simpy.Environment()
        net = Messages(environment, self.nodes, self.delay_s, self.jitter, rng)
        moments = [0.0]

        def follow(me: int) -> Process:
            yield net.inboxes[me].get()
            net.send((DONE, 0, me), [0])

        def lead() -> Process:
            net.broadcast((APPEND, 0, 0))
            while len(moments) < self.nodes - self.crashed:
                yield net.inboxes[0].get()
                moments.append(environment.now)

        for me in range(1, self.nodes - self.crashed):
            environment.process(follow(me))
        environment.run(until=environment.process(lead()))
        return Replicated(moments[self.majority - 1], net.sent)

    def elect(self, rng: np.random.Generator) -> Elected:
        """Let the followers of node 0, which has gone, elect another leader."""
        environment = simpy.Environment()
        net = Messages(environment, self.nodes, self.delay_s, self.jitter, rng)
        over, candidates = environment.event(), 0
        elected: list[Elected] = []

        def follow(me: int) -> Process:
            nonlocal candidates
            term, votes, mail = 0, {me}, net.inboxes[me].get()
            alarm = environment.timeout(rng.uniform(1, 2) * self.timeout_s)
            while True:
                yield mail | alarm
                if not mail.triggered:
                    term, votes = term + 1, {me}
                    candidates += 1
                    net.broadcast((VOTE, term, me))
                    alarm = environment.timeout(rng.uniform(1, 2) * self.timeout_s)
                    continue
                message: Any = mail.value
                what, number, sender = message
                mail = net.inboxes[me].get()
                if what == VOTE and number > term:  # one vote a term
                    term, votes = number, set()
                    net.send((GRANT, term, me), [sender])
                    alarm = environment.timeout(rng.uniform(1, 2) * self.timeout_s)
                elif what == GRANT and number == term:
                    votes.add(sender)
                    if len(votes) >= self.majority and not over.triggered:
                        elected.append(Elected(environment.now, term, me, candidates))
                        over.succeed()

        for me in range(1, self.nodes - self.crashed):
            environment.process(follow(me))
        environment.run(until=over)
        return elected[0]

    def blocks(self, seed: int) -> BlockTimes:
        """Return when blocks are committed."""
        return Spaced(self._gaps(stream(seed, "raft")))

    def _gaps(self, rng: np.random.Generator) -> Iterator[float]:
        while True:
            election = self.elect(rng).time if rng.random() < self.leader_crashes else 0.0
            yield self.period_s + election + self.replicate(rng).committed
