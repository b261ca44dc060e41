"""Biscotti's contract with peers that register, submit, vote, propose and endorse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from papers import STRANGER

from chainward.methods.lottery import committees
from chainward.methods.sharing import from_bytes
from chainward.methods.vector_commitment import commit
from chainward.testing import OnChain

WINDOW, STAKE, UNIT = 10, 10, 5
REGISTERING, COLLECTING, VERIFYING, AGGREGATING = range(4)
MODEL, OTHER = b"\x01" * 32, b"\x02" * 32


def points_of(trainer: str, terms: int) -> list[bytes]:
    """Some commitment of a trainer's."""
    return [commit([ord(trainer[0]), power + 1]) for power in range(terms)]


@dataclass
class Federation(OnChain):
    """A contract for peers a, b, ..., and whatever a test has them do."""

    peers: Sequence[str] = "abcdef"
    verifiers: int = 2
    aggregators: int = 3
    wanted: int = 3
    terms: int = 2
    stake: int = STAKE

    def __post_init__(self) -> None:
        terms = [self.verifiers, self.aggregators, self.wanted, self.terms, self.stake, UNIT, WINDOW]
        self.deploy("Biscotti", [list(self.peers), *terms], "a")

    def late(self, windows: int = 1) -> Federation:
        return self.wait(windows * (WINDOW + 1))

    @property
    def judges(self) -> tuple[str, ...]:
        return tuple(self.call("roles")[0])

    @property
    def adders(self) -> tuple[str, ...]:
        return tuple(self.call("roles")[1])

    @property
    def trainers(self) -> list[str]:
        return [peer for peer in self.peers if peer not in self.judges]

    @property
    def stakes(self) -> dict[str, int]:
        return dict(zip(self.peers, self.call("standing")[0], strict=True))

    @property
    def followers(self) -> list[str]:
        return [adder for adder in self.adders if adder != self.call("leader")]

    def register(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.peers:
            self.send(name, "register", keccak(text=name), bytes(32))
        return self

    def submit(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.trainers[: self.wanted]:
            self.send(name, "submit", keccak(b"".join(points_of(name, self.terms))))
        return self

    def vote(self, *ballots: int) -> Federation:
        for judge, ballot in zip(self.judges, ballots, strict=False):
            self.send(judge, "vote", ballot)
        return self

    def coordinates(self, included: int) -> list[int]:
        names = [name for at, name in enumerate(self.call("submissions")[0]) if included >> at & 1]
        return [number for name in names for number in from_bytes(b"".join(points_of(name, self.terms)))]

    def propose(self, included: int, sender: str | None = None, points: Sequence[int] | None = None) -> Federation:
        told = self.coordinates(included) if points is None else list(points)
        self.send(sender or self.call("leader"), "propose", MODEL, included, told)
        return self

    def endorse(self, included: int, model: bytes = MODEL, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.followers[:1]:
            self.send(name, "endorse", model, included)
        return self

    def close(self) -> Federation:
        self.send(STRANGER, "close")
        return self

    def drawn(self) -> list[tuple[str, ...]]:
        """The roles that the lottery gives for the contract's seed and stakes."""
        seats = committees(self.call("standing")[0], self.call("seed"), (self.verifiers, self.aggregators))
        return [tuple(self.peers[peer] for peer in members) for members in seats]


def collecting(**terms: Any) -> Federation:
    return Federation(**terms).register()


def verifying(**terms: Any) -> Federation:
    return collecting(**terms).submit()


def aggregating(*ballots: int, **terms: Any) -> Federation:
    return verifying(**terms).vote(*(ballots or (0b111, 0b111)))


def proposed(**terms: Any) -> Federation:
    return aggregating(**terms).propose(0b111)
