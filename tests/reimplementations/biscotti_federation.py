"""Biscotti's contract with peers that register, submit, vote, propose and endorse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from papers import STRANGER

from chainward.methods.lottery import committee, numbers, sample
from chainward.methods.sharing import from_bytes
from chainward.methods.vector_commitment import commit
from chainward.testing import OnChain

WINDOW, STAKE, UNIT = 10, 10, 5
REGISTERING, COLLECTING, VERIFYING, AGGREGATING, CHECKING = range(5)
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
    unit: int = UNIT

    def __post_init__(self) -> None:
        terms = [self.verifiers, self.aggregators, self.wanted, self.terms, self.stake, self.unit, WINDOW]
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
        return list(self.call("trainers"))

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
        for name in names or self.trainers:
            self.send(name, "submit", keccak(b"".join(points_of(name, self.terms))))
        return self

    def vote(self, *ballots: int, refused: Sequence[int] | None = None) -> Federation:
        """Verifiers approve what they name and refuse all other updates, or what they name."""
        every = (1 << len(self.call("submissions")[0])) - 1
        against = [every & ~ballot for ballot in ballots] if refused is None else refused
        for judge, *ballot in zip(self.judges, ballots, against, strict=False):
            self.send(judge, "vote", *ballot)
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

    def refuse(self, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.followers[:2]:
            self.send(name, "refuse")
        return self

    def check(self, opens: bool = True, names: Iterable[str] | None = None) -> Federation:
        for name in names or self.peers[: len(self.peers) // 2 + opens]:
            self.send(name, "check", opens)
        return self

    def seal(self, included: int) -> Federation:
        return self.propose(included).endorse(included).check()

    def close(self) -> Federation:
        self.send(STRANGER, "close")
        return self

    def drawn(self) -> list[tuple[str, ...]]:
        """The verifiers, aggregators and trainers that the lottery gives for the contract's seed and stakes."""
        stakes, chances = self.call("standing")[0], numbers(self.call("seed"))
        verifiers, aggregators = (committee(stakes, chances, seats) for seats in (self.verifiers, self.aggregators))
        others = [place for place in range(len(self.peers)) if place not in verifiers]
        trainers = sorted(sample(others, chances, self.wanted))
        return [tuple(self.peers[peer] for peer in members) for members in (verifiers, aggregators, trainers)]


def collecting(**terms: Any) -> Federation:
    return Federation(**terms).register()


def verifying(**terms: Any) -> Federation:
    return collecting(**terms).submit()


def aggregating(*ballots: int, **terms: Any) -> Federation:
    return verifying(**terms).vote(*(ballots or (0b111, 0b111)))


def proposed(**terms: Any) -> Federation:
    return aggregating(**terms).propose(0b111)


def checking(**terms: Any) -> Federation:
    return proposed(**terms).endorse(0b111)
