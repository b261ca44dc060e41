"""BlockFL's contract with devices that upload, and miners that verify and pack blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from papers import STRANGER

from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods import mining
from chainward.testing import OnChain

WAIT, SAMPLE_NS, TOLERANCE, BITS, DATA, MINING, POT = 60, 100_000, 10, 4, 3, 2, 1_000
SAMPLES = {"a": 10, "b": 20, "c": 70}


@dataclass
class Chain(OnChain):
    """One contract with devices a, b, c and miners m, n; a and b are m's, c is n's."""

    devices: Sequence[str] = ("a", "b", "c")
    miners: Sequence[str] = ("m", "n")
    pot: int = POT
    bits: int = BITS

    def __post_init__(self) -> None:
        terms = [self.devices, self.miners, WAIT, SAMPLE_NS, TOLERANCE, self.bits, DATA, MINING]
        self.deploy("BlockFL", terms, "founder", self.pot)

    def late(self) -> Chain:
        """Let the waiting time pass."""
        self.now = max(self.now, float(self.call("deadline")))
        return self

    def upload(self, device: str, miner: str | None = None, samples: int | None = None, off: int = 0) -> Chain:
        """Upload, with a computation time that is off by so many nanoseconds."""
        count = SAMPLES[device] if samples is None else samples
        miner = miner or ("n" if device == "c" else "m")
        self.send(device, "upload", f"update of {device}", count, count * SAMPLE_NS + off, miner)
        return self

    def verify(self, device: str, miner: str | None = None, value: int | None = None) -> Chain:
        paid = SAMPLES[device] * DATA if value is None else value
        self.send(miner or ("n" if device == "c" else "m"), "verify", device, value=paid)
        return self

    def nonce(self, miner: str) -> int:
        return mining.proof_of_work(self.call("headerOf", miner), self.bits)

    def pack(self, miner: str = "m", nonce: int | None = None) -> Any:
        return self.send(miner, "pack", self.nonce(miner) if nonce is None else nonce)

    def collectable(self, parties: str) -> list[int]:
        return [self.call("collectable", party) for party in parties]

    def held(self) -> int:
        """Wei in the contract: those gone from all accounts."""
        everybody = ("founder", STRANGER, *self.devices, *self.miners)
        return sum(ENDOWMENT_WEI - self.ledger.balance(name) for name in everybody)


def uploaded() -> Chain:
    return Chain().upload("a").upload("b").upload("c")


def full() -> Chain:
    return uploaded().verify("a").verify("b").verify("c")


def mined() -> Chain:
    chain = full()
    chain.pack("m")
    return chain
