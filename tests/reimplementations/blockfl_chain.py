"""BlockFL's contract with devices that upload, and miners that verify and pack blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from papers import STRANGER

from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods import mining
from chainward.testing import OnChain

PHASE, GRACE, SAMPLE_NS, TOLERANCE, BITS, DATA, MINING, POT = 12, 40, 100_000, 10, 4, 3, 2, 1_000
SAMPLES = {"a": 10, "b": 20, "c": 70}


@dataclass
class Chain(OnChain):
    """One contract with devices a, b, c and miners m, n; a and b are m's, c is n's."""

    devices: Sequence[str] = ("a", "b", "c")
    miners: Sequence[str] = ("m", "n")
    pot: int = POT
    bits: int = BITS
    samples: Sequence[int] | None = None

    def __post_init__(self) -> None:
        enrolled = [SAMPLES.get(device, 10) for device in self.devices] if self.samples is None else self.samples
        terms = [self.devices, enrolled, self.miners, (PHASE, GRACE), SAMPLE_NS, TOLERANCE, self.bits, (DATA, MINING)]
        self.deploy("BlockFL", terms, "founder", self.pot)

    def late(self, grace: int = 0) -> Chain:
        """Let the waiting time pass, and so many blocks of grace."""
        left = self.call("deadline") + grace - self.ledger.block(self.now)
        return self.wait(left) if left > 0 else self

    def upload(self, device: str, miner: str | None = None, samples: int | None = None, off: int = 0) -> Chain:
        """Upload, with a computation time that is off by so many nanoseconds."""
        count = SAMPLES[device] if samples is None else samples
        miner = miner or ("n" if device == "c" else "m")
        self.send(device, "upload", f"update of {device}", count, count * SAMPLE_NS + off, miner)
        return self

    def uploaded(self, device: str) -> tuple[str, int, int]:
        """Content, samples and computation time of what a device uploaded in this epoch."""
        _, samples, _, computation, content = self.call("updateOf", self.call("epoch"), device)
        return content, samples, computation

    def verify(
        self,
        device: str,
        miner: str | None = None,
        value: int | None = None,
        seen: tuple[str, int, int] | None = None,
    ) -> Chain:
        """Verify what the miner has `seen`, else what is uploaded now."""
        content, samples, computation = seen or self.uploaded(device)
        paid = samples * DATA if value is None else value
        sender = miner or ("n" if device == "c" else "m")
        self.send(sender, "verify", device, content, samples, computation, value=paid)
        return self

    def nonce(self, miner: str) -> int:
        return mining.proof_of_work(self.call("headerOf", miner), self.bits)

    def pack(self, miner: str = "m", nonce: int | None = None) -> Any:
        return self.send(miner, "pack", self.nonce(miner) if nonce is None else nonce)

    def collectable(self, parties: Sequence[str]) -> list[int]:
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
