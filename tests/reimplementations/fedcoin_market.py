"""FedCoin's contract with clients that train and solvers that commit to contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

from papers import NOBODY, STRANGER

from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods.commitment import sealed, words
from chainward.testing import OnChain

ONE, ETHER, WINDOW = 2**20, 10**18, 10
IDLE, TRAINING, COMMITTING, REVEALING = range(4)
REQUESTER, SERVER = "requester", "server"
SALT = b"\x05" * 32
Vectors = Mapping[str, Sequence[int]]


def fixed(*values: float) -> list[int]:
    return [round(ONE * value) for value in values]


@dataclass
class Market(OnChain):
    """One contract with clients a, b, ... and solvers x, y, ..., and whatever a test has them do."""

    clients: Sequence[str] = "ab"
    solvers: Sequence[str] = "xyz"
    price: int = ETHER
    train: int = 70
    commission: int = 10
    distance: float = 0.05
    median: bool = False

    def __post_init__(self) -> None:
        terms = [self.price, self.train, self.commission, int(self.distance * ONE), self.median, WINDOW]
        arguments = [SERVER, list(self.clients), list(self.solvers), *terms]
        self.deploy("FedCoin", arguments, REQUESTER)

    @property
    def everybody(self) -> list[str]:
        names = [REQUESTER, SERVER, STRANGER, *self.clients, *self.solvers]
        return [name for name in dict.fromkeys(names) if not name.startswith("0x")]

    def late(self, blocks: int = WINDOW + 1) -> Market:
        """Let the phase's deadline pass."""
        return self.wait(blocks)

    def announce(self) -> Market:
        """Lock the price, of which the requester pays in what its credit lacks."""
        self.send(REQUESTER, "announce", value=max(0, self.price - self.call("credit", REQUESTER)))
        return self

    def post(self, trainers: Sequence[str] | None = None) -> Market:
        trainers = self.clients if trainers is None else trainers
        self.announce()
        self.send(SERVER, "post", list(trainers), [f"model of {trainer}" for trainer in trainers])
        return self

    def commit(self, vectors: Vectors, salt: bytes = SALT) -> Market:
        for solver, vector in vectors.items():
            self.send(solver, "commit", sealed(self.call("domain", solver), salt, words(vector)))
        return self

    def reveal(self, vectors: Vectors, salt: bytes = SALT) -> Market:
        for solver, vector in vectors.items():
            self.send(solver, "reveal", salt, list(vector))
        return self

    def close(self) -> Market:
        self.send(STRANGER, "close")
        return self

    def play(self, vectors: Vectors) -> Market:
        """One task in which every solver gives its vector."""
        return self.post().commit(vectors).reveal(vectors).close()

    def gained(self) -> dict[str, int]:
        """Wei on everybody's account beyond what it began with."""
        return {name: self.ledger.balance(name) - ENDOWMENT_WEI for name in self.everybody}

    @property
    def winner(self) -> str:
        return str(self.call("winner"))

    def check_money(self) -> None:
        """The contract holds the wei that are gone from all accounts: what it owes, and an open task's price."""
        owed = sum(self.call("credit", name) for name in self.everybody)
        locked = self.price if self.call("phase") != IDLE else 0
        assert -sum(self.gained().values()) == owed + locked


FIRST, SECOND, EXACT = fixed(0.6, 0.2), fixed(0.3, 0.5), fixed(0.45, 0.35)
"""Orders AB and BA of acc(A) = .6, acc(B) = .5, acc(AB) = .8, and the Shapley values."""


def decided(vectors: Vectors, distance: int, by_median: bool) -> str:
    """The winner by exact arithmetic, in the order of the solvers."""
    columns = list(zip(*vectors.values(), strict=True))
    middle = [Fraction(median(column)) if by_median else Fraction(sum(column), len(column)) for column in columns]
    squares = {
        solver: sum((value - centre) ** 2 for value, centre in zip(vector, middle, strict=True))
        for solver, vector in vectors.items()
    }
    best = min(squares, key=lambda solver: squares[solver])
    return best if squares[best] <= distance**2 else NOBODY
