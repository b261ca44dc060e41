"""A model in chunks of full slots, as a contract keeps it: their layout, how far each moved, commitments to them.

BAFFLE (Ramanan and Nakayama 2020, arXiv 1909.07452). Chunk k is bit k of a mask.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from eth_utils.crypto import keccak

from chainward.methods.packing import SLOT_BYTES, fixed_point, packed, slots, unpacked

WEIGHTS_A_SLOT = 8


class Layout(NamedTuple):
    """Weights of the model, slots of a chunk; the last chunk may have fewer."""

    weights: int
    slots: int

    @property
    def chunks(self) -> int:
        """K: chunks of the model.

        Examples:
            >>> Layout(weights=193, slots=4).chunks
            7
        """
        return -(-self.weights // (WEIGHTS_A_SLOT * self.slots))

    @property
    def cuts(self) -> range:
        """The first weight of each chunk but the first."""
        return range(WEIGHTS_A_SLOT * self.slots, self.weights, WEIGHTS_A_SLOT * self.slots)

    def most_bids(self, share: float) -> int:
        """Return B: chunks that a hospital may bid for.

        Examples:
            >>> Layout(weights=193, slots=4).most_bids(0.5)
            4
        """
        return math.ceil(share * self.chunks)

    def cut(self, data: bytes) -> tuple[bytes, ...]:
        """Return the chunks of a packed model."""
        size = self.slots * SLOT_BYTES
        return tuple(data[start : start + size] for start in range(0, len(data), size))


class Moved(NamedTuple):
    """Chunks of trained weights, packed; how far each is from where it stood; whether each fits fixed point."""

    chunks: tuple[bytes, ...]
    distances: tuple[int, ...]
    fit: tuple[bool, ...]


def moved(weights: npt.ArrayLike, standing: bytes, layout: Layout) -> Moved:
    """Compare weights [P] with a packed model: floor(||w_k - g_k||) of every chunk, in millionths.

    Examples:
        >>> moved([3.0, 4.0], bytes(32), Layout(weights=2, slots=1)).distances
        (5000000,)
    """
    values, fits = fixed_point(weights)
    change = np.split(values.astype(object) - unpacked(standing, layout.weights), layout.cuts)
    fit = tuple(bool(part.all()) for part in np.split(fits, layout.cuts))
    return Moved(layout.cut(packed(values)), tuple(math.isqrt(part @ part) for part in change), fit)


def bits(mask: int, chunks: int) -> tuple[int, ...]:
    """Return 1 for each of so many chunks that is in a mask, else 0.

    Examples:
        >>> bits(0b100, chunks=4)
        (0, 0, 1, 0)
    """
    return tuple(mask >> k & 1 for k in range(chunks))


def winners(share: float, hospitals: int) -> int:
    """Return b: at least one, and at most what the contract counts in a byte.

    Examples:
        >>> winners(0.5, hospitals=5)
        2
    """
    return max(1, min(255, math.floor(share * hospitals)))


def commitment(place: int, hashes: Sequence[bytes]) -> bytes:
    """Return keccak256(place || hashes), in which the place (16 bits) makes another's commitment worthless."""
    return bytes(keccak(place.to_bytes(2, "big") + b"".join(hashes)))


def batches(mask: int, chunks: Sequence[bytes], most_slots: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Divide the chunks of a mask among transactions of at most `most_slots` slots, or of one chunk that has more.

    Examples:
        >>> list(batches(0b101, [bytes(32), bytes(32)], most_slots=1))
        [(1, (0,)), (4, (0,))]
    """
    named = [1 << k for k in range(mask.bit_length()) if mask >> k & 1]
    part, held = 0, b""
    for bit, chunk in zip(named, chunks, strict=False):
        if part and len(held) + len(chunk) > most_slots * SLOT_BYTES:
            yield part, slots(held)
            part, held = 0, b""
        part, held = part | bit, held + chunk
    if part:
        yield part, slots(held)
