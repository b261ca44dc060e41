"""DeCAI's contract, with whatever a test has its submitters do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger
from chainward.methods.online_learning import NearestCentroid, Perceptron
from chainward.testing import OnChain
from chainward.world import Receipt

PERCEPTRON, CENTROIDS = 0, 1
OWNER, A, B, C = "owner", "a", "b", "c"
EVERYBODY = (OWNER, A, B, C)
MOST = 36 * 10**14
REFUND_WAIT, OWNER_WAIT, ANYBODY_WAIT = WAITS = (2, 4, 6)

Datum = tuple[tuple[int, ...], int]


@dataclass
class Classroom(OnChain):
    """One classifier of `size` features; blocks are `period_s` apart. `told` are the data by id."""

    kind: int = PERCEPTRON
    size: int = 8
    bias: int = 0
    rate: int = 1
    cost: int = 10**12
    waits: tuple[int, int, int] = WAITS
    period_s: float = 5.0
    told: list[Datum] = field(default_factory=list)

    def __post_init__(self) -> None:
        terms = [self.kind, self.size, self.bias, self.rate, self.cost, self.waits]
        self.ledger = EvmLedger(Periodic(self.period_s))
        self.address = self.ledger.deploy("Decai", terms, OWNER, 0, self.now).address

    def add(self, sender: str, features: Sequence[int], label: int, value: int = MOST) -> int:
        """Add a datum and return its id."""
        receipt = self.send(sender, "addData", tuple(features), label, value=value)
        self.told.append((tuple(features), label))
        return int(dict(receipt.events)["Added"]["id"])

    def teach(self, *data: Datum, sender: str = A) -> Classroom:
        """Add data of one submitter."""
        for features, label in data:
            self.add(sender, features, label)
        return self

    def settle(self, sender: str, function: str, number: int) -> int:
        """Have a datum refunded or report it; return the wei that came of it."""
        features, label = self.told[number]
        return amount_of(self.send(sender, function, number, features, label))

    def refund(self, sender: str, number: int) -> int:
        return self.settle(sender, "refund", number)

    def report(self, sender: str, number: int) -> int:
        return self.settle(sender, "report", number)

    def right(self, sender: str, times: int = 1) -> Classroom:
        """Have so many data of a submitter refunded: nothing is on in them and they are of class 0."""
        numbers = [self.add(sender, (), 0) for _ in range(times)]
        self.wait(self.waits[0])
        for number in numbers:
            self.refund(sender, number)
        return self

    def left(self, number: int) -> int:
        features, label = self.told[number]
        return int(self.call("left", [self.call("key", number, features, label)])[0])

    def weights(self) -> list[int]:
        return list(self.call("weights"))

    def learner(self) -> Perceptron | NearestCentroid:
        """What it has learned, off chain."""
        if self.kind == PERCEPTRON:
            return Perceptron(np.array(self.weights(), np.int64), self.bias, self.rate)
        sizes, counts = self.call("centroids")
        return NearestCentroid(np.array(sizes, np.int64), np.array(counts, np.int64))

    def net(self, name: str) -> int:
        """Wei an account has or can collect, beyond what it began with."""
        return int(self.ledger.balance(name) - ENDOWMENT_WEI + self.call("collectable", name))


def amount_of(receipt: Receipt) -> int:
    """Wei that a refund or a report brought."""
    return int(receipt.events[0][1]["amount"])


def row(features: Sequence[int], width: int) -> Any:
    """A datum as an array [width]."""
    return np.array([*features, *[-1] * (width - len(features))], np.int64)
