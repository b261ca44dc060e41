"""Proof of authority as in Clique (EIP-225): signers take turns, and each rests after it has signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import ClassVar, NamedTuple

import numpy as np
import simpy

from chainward.ledgers.consensus import BlockTimes, Periodic, Spaced
from chainward.ledgers.consensus.messages import Process, validated
from chainward.methods.randomness import stream

WIGGLE_S = 0.5
"""Seconds a signer by which those who are not in turn hold back at most, as in Clique."""


class Signed(NamedTuple):
    """A block: when it was signed, by whom."""

    time: float
    signer: int


@dataclass(frozen=True)
class Authority:
    """Block n is the turn of signer n mod `signers`; the first `silent` of them never sign.

    A signer may sign once in floor(n / 2) + 1 blocks. Who is in turn signs at the period; who is not holds back up to
    half a second a signer of that majority, at random.
    """

    period_s: float = 5.0
    signers: int = 4
    silent: int = 0
    confirmations: int = 0
    beacon: ClassVar[bool] = False

    def __post_init__(self) -> None:
        validated(self.period_s > 0, "period_s must be above 0")
        validated(self.signers - self.silent >= self.rest, f"fewer than {self.rest} of {self.signers} signers sign")

    @property
    def rest(self) -> int:
        """In so many blocks one after another a signer may sign once: floor(n / 2) + 1."""
        return self.signers // 2 + 1

    @property
    def wiggle_s(self) -> float:
        """How long a signer who is not in turn holds back at most."""
        return WIGGLE_S * self.rest

    def expected_wait(self, confirmations: int = 0) -> float:
        """Return T / 2 + confirmations T: seconds from a random moment to the next block and so many more."""
        return self.period_s / 2 + confirmations * self.period_s

    def expected_gap(self) -> float:
        """Return T + W / (m + 1), the mean gap where nobody is in turn: m others draw up to W seconds each."""
        able = self.signers - self.silent - (self.rest - 1)
        return self.period_s + self.wiggle_s / (able + 1)

    def signed(self, rng: np.random.Generator) -> Iterator[Signed]:
        """Let the signers sign for ever; yield each block as it is made."""
        environment = simpy.Environment()
        made: list[Signed] = [Signed(0.0, -1)]
        news = [environment.event()]

        def sign(me: int) -> Process:
            while True:
                number, heard = len(made), news[0]
                if me in {block.signer for block in made[max(0, number - self.rest + 1) :]}:
                    yield heard
                    continue
                held_back = 0.0 if number % self.signers == me else rng.uniform(0, self.wiggle_s)
                yield environment.timeout(made[-1].time + self.period_s + held_back - environment.now) | heard
                if len(made) == number:
                    made.append(Signed(environment.now, me))
                    news[0] = environment.event()
                    heard.succeed()

        for signer in range(self.silent, self.signers):
            environment.process(sign(signer))
        while True:
            environment.run(until=news[0])
            yield made[-1]

    def blocks(self, seed: int) -> BlockTimes:
        """Return a block every period; where signers are silent, what the others make of it."""
        if not self.silent:
            return Periodic(self.period_s)
        times = (block.time for block in self.signed(stream(seed, "proof of authority")))
        return Spaced(later - earlier for earlier, later in pairwise(chain([0.0], times)))
