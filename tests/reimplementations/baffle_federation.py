"""BAFFLE's contract with hospitals that bid for chunks of a model and upload what they won."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.packing import joined, packed, slots, unpacked
from chainward.testing import OnChain

PHASE, MILLION = 10, 1_000_000
FARTHEST = 2**63
Numbers = Sequence[int]


def score(values: Numbers, standing: Numbers) -> int:
    return math.isqrt(sum((a - b) ** 2 for a, b in zip(values, standing, strict=True)))


@dataclass
class Federation(OnChain):
    """A contract with hospitals a, b, c, ...; `models` holds what each that bid would upload."""

    hospitals: Sequence[str] = ("a", "b", "c")
    weights: int = 16
    chunk_slots: int = 1
    winners: int = 1
    budget: int = 2
    training: int = 1
    cap: int = FARTHEST
    models: dict[str, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sizes = (self.weights, self.chunk_slots, self.winners, self.budget, self.cap, self.training, PHASE)
        self.deploy("Baffle", [self.hospitals, *sizes], "founder")

    def late(self) -> Federation:
        """Let the phase's deadline pass."""
        return self.wait(PHASE + 1)

    def fill(self, values: Numbers | None = None) -> Federation:
        first = [0] * self.weights if values is None else values
        self.send("founder", "fill", slots(packed(np.array(first, dtype=np.int32))))
        return self.wait(self.training)

    @property
    def model(self) -> list[int]:
        return unpacked(joined(self.call("model")), self.weights).tolist()

    def chunks(self, values: Numbers) -> list[Numbers]:
        size = 8 * self.chunk_slots
        return [values[start : start + size] for start in range(0, len(values), size)]

    def hashes(self, values: Numbers) -> list[bytes]:
        return [keccak(packed(np.array(chunk, dtype=np.int32))) for chunk in self.chunks(values)]

    def commitment(self, name: str, values: Numbers) -> bytes:
        place = list(self.hospitals).index(name) + 1 if name in self.hospitals else 0
        return keccak(place.to_bytes(2, "big") + b"".join(self.hashes(values)))

    def bid(self, name: str, values: Numbers, only: Sequence[int] | None = None, lie: int = 0) -> Federation:
        """Bid for the chunks `only` (all), with scores off by `lie`."""
        pairs = zip(self.chunks(values), self.chunks(self.model), strict=True)
        wanted = [score(*pair) + 1 + lie if only is None or k in only else 0 for k, pair in enumerate(pairs)]
        self.send(name, "bid", slots(packed(np.array(wanted, dtype=np.uint64))), self.commitment(name, values))
        self.models[name] = values
        return self

    def accept(self) -> Federation:
        self.send("anybody", "accept")
        return self

    def next(self) -> Federation:
        """Have the next best bidders take over from those who keep everybody waiting, until none is left."""
        for _ in self.hospitals:
            if self.call("outstanding"):
                self.late().accept()
        return self

    def won(self, name: str) -> int:
        names, waiting, _ = self.call("accepted")
        return int(waiting[names.index(name)])

    def upload(self, name: str, which: int | None = None, values: Numbers | None = None) -> Any:
        """Upload the chunks won, or `which`, of the model bid for, or of `values` in its place."""
        mask = self.won(name) if which is None else which
        chosen = [
            chunk
            for k, chunk in enumerate(self.chunks(self.models[name] if values is None else values))
            if mask >> k & 1
        ]
        data = b"".join(packed(np.array(chunk, dtype=np.int32)) for chunk in chosen)
        return self.send(name, "upload", mask, self.hashes(self.models[name]), slots(data))

    def aggregate(self) -> Federation:
        self.send("anybody", "aggregate")
        return self.wait(self.training)

    def round(self, models: Mapping[str, Numbers], order: Sequence[str] | None = None) -> Federation:
        """A whole round in which everybody bids for all chunks; uploads come in `order`."""
        for name, values in models.items():
            self.bid(name, values)
        self.accept()
        for name in order or self.hospitals:
            if self.won(name):
                self.upload(name)
        return self.aggregate()


def padded(*values: int, size: int = 16) -> list[int]:
    return [*values, *[0] * (size - len(values))]
