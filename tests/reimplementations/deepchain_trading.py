"""DeepChain's contract with parties that hold shares of a small key, and whatever a test has them do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.paillier_proofs import open_partly, partial_proof_bytes, party_key
from chainward.methods.threshold_paillier import Dealt, deal, encrypted, joined
from chainward.testing import OnChain

UPLOADING, AGGREGATING, DECRYPTING, DISPUTING = range(4)
DEPOSIT, FEE, WINDOW = 1000, 10, 10
NEVER = 2**64 - 1


@cache
def dealt(bits: int = 128, parties: int = 4, threshold: int = 3) -> Dealt:
    return deal(bits, parties, threshold, np.random.default_rng(0))


@dataclass
class Trading(OnChain):
    """One contract with parties a, b, ... of whom `threshold` open a sum, and workers u, v, ...

    What is added up are `count` ciphertexts that hold 1, 2, ...
    """

    parties: Sequence[str] = "abcd"
    workers: Sequence[str] = "uvw"
    threshold: int = 3
    bits: int = 128
    count: int = 2

    def __post_init__(self) -> None:
        self.key, self.shares = dealt(self.bits, len(self.parties), self.threshold)
        values = enumerate(range(1, self.count + 1), 2)
        self.sums = tuple(encrypted(self.key.n, m, pow(r, self.key.n, self.key.modulus)) for r, m in values)
        self.total = joined(self.sums, self.key.width)
        self.size = len(self.total) + partial_proof_bytes(self.key)
        self.messages: dict[str, bytes] = {}
        keys = [keccak(self.key_of(name)) for name in self.parties]
        terms = [self.threshold, DEPOSIT, FEE, self.size, WINDOW]
        self.deploy("DeepChain", [list(self.parties), keys, list(self.workers), *terms], "founder")

    def place(self, party: str) -> int:
        return list(self.parties).index(party) + 1

    def key_of(self, party: str) -> bytes:
        return party_key(self.key, self.place(party))

    def set_of(self, parties: Sequence[str]) -> int:
        return sum(1 << self.place(party) - 1 for party in parties)

    def named(self, which: str) -> str:
        return "".join(self.call("named", self.call(which)))

    def join(self, parties: Sequence[str] | None = None) -> Self:
        for party in self.parties if parties is None else parties:
            self.send(party, "join", value=DEPOSIT)
        return self

    def upload(self, parties: Sequence[str] | None = None) -> Self:
        for party in self.parties if parties is None else parties:
            self.send(party, "upload", party.encode() * 32, value=FEE)
        return self

    def claim(self, workers: Sequence[str] = "uv", parties: Sequence[str] | None = None) -> Self:
        included = self.call("uploaded") if parties is None else self.set_of(parties)
        for worker in workers:
            self.send(worker, "claim", keccak(self.total), included)
        return self

    def message(self, party: str, wrong: int = 0) -> bytes:
        """Parts by a party's share, or by another that is off by so much."""
        share = self.shares[self.place(party) - 1] + wrong
        occasion = self.call("domain", party)
        return open_partly(self.key, self.place(party), share, self.sums, occasion, np.random.default_rng(1))

    def submit(self, parties: Sequence[str] | None = None, wrong: Sequence[str] = "") -> Self:
        for party in self.named("included") if parties is None else parties:
            self.messages[party] = self.message(party, int(party in wrong))
            self.send(party, "submit", self.messages[party])
        return self

    def dispute(self, party: str, by: str = "w", **instead: bytes) -> Any:
        told = {"key": self.key_of(party), "total": self.total, "message": self.messages.get(party, b""), **instead}
        return self.send(by, "dispute", party, told["key"], told["total"], told["message"])

    def approve(self, workers: Sequence[str] | None = None) -> Self:
        for worker in self.workers if workers is None else workers:
            self.send(worker, "approve")
        return self

    def close(self) -> Self:
        self.pass_deadline().wait(1)
        self.send("anybody", "close")
        return self

    def play(self) -> Self:
        """A round in which everybody does what it should."""
        return self.join([name for name in self.parties if name not in self.named("locked")]).upload().claim().submit()

    def owed(self) -> dict[str, int]:
        everybody = (*self.parties, *self.workers)
        return {name: wei for name in everybody if (wei := self.call("collectable", name))}

    def check_money(self) -> None:
        """What it holds is what it owes."""
        everybody = (*self.parties, *self.workers)
        assert self.holds(everybody) == sum(self.owed().values()) + self.call("held")
