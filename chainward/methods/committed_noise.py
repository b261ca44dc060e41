"""Gaussian noise that stands for a seed of 32 bytes, and is committed to before anybody knows who will get the seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.bounded_noise import Bound, Proof
from chainward.methods.randomness import stream
from chainward.methods.secure_sum import Points, Scheme
from chainward.methods.sharing import Row


class Fixed(NamedTuple):
    """What commits to noise, and the proof that it is no longer than noise is; none where nothing is proved."""

    points: Points
    proof: Proof | None


@dataclass(frozen=True)
class Noise:
    """So many numbers of a standard deviation in units, laid out and committed to as a scheme does."""

    scheme: Scheme
    deviation: float
    count: int

    def rows(self, seed: bytes) -> list[Row]:
        """Return the noise of a seed, rounded to units, and its blindings."""
        rng = stream("noise", seed.hex())
        values = np.rint(self.deviation * rng.standard_normal(self.count)).astype(np.int64)
        return self.scheme.blinded(values, rng)

    def points(self, seed: bytes) -> Points:
        """Return what commits to the noise of a seed; its owner and whoever gets the seed compute the same."""
        return _points(self, seed)

    def flops(self) -> float:
        """Return the FLOPs assumed for `points`."""
        width = 1 + -(-self.count // self.scheme.packed)
        return self.scheme.commitment_flops([[0] * width] * self.scheme.packed)

    def fixed(self, seed: bytes, chance: bytes, rng: np.random.Generator) -> Fixed:
        """Return what commits to the noise of a seed, and the proof for a chance that was drawn after it."""
        points = self.points(seed)
        proves = self.scheme.points_on_chain > 0
        return Fixed(points, self._bound(chance).prove(self.rows(seed), points, rng) if proves else None)

    def proving_flops(self) -> float:
        """Return the FLOPs assumed for `fixed`, of what is already committed to."""
        return self._bound(b"").flops(self.scheme.packed) if self.scheme.points_on_chain else 0.0

    def claims(self, fixed: Fixed, chance: bytes) -> list[Any]:
        """Return what is true if noise is no longer than this; of what is not committed to nobody can tell."""
        if not self.scheme.points_on_chain:
            return [True]
        return [] if fixed.proof is None else self._bound(chance).claims(Proof(*fixed.proof), fixed.points)

    def claims_of(
        self, fixed: Mapping[str, Fixed], digests: Mapping[str, bytes], iteration: int, chance: bytes
    ) -> dict[str, list[Any]]:
        """Return the claims about noises by noiser, of those that are the ones whose digest is on chain."""
        right = (name for name, own in fixed.items() if noise_digest(iteration, own.points) == digests.get(name))
        return {name: self.claims(fixed[name], chance) for name in right}

    def _bound(self, chance: bytes) -> Bound:
        return Bound(self.deviation, self.count, chance)


def noise_digest(iteration: int, points: Points) -> bytes:
    """Return what fixes noise for one iteration."""
    return bytes(keccak(iteration.to_bytes(32, "big") + b"".join(points)))


@lru_cache(maxsize=1_024)
def _points(noise: Noise, seed: bytes) -> Points:
    return noise.scheme.commit(noise.rows(seed))
