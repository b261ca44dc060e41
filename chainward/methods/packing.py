"""Weights as whole numbers of millionths, packed into the 256-bit slots of a contract's storage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

UNITS = 1_000_000
"""Whole numbers that make up 1."""

SLOT_BYTES = 32
"""Bytes of a slot: eight numbers of 32 bits, or four of 64."""


class FixedPoint(NamedTuple):
    """Numbers in millionths [n] int32, and which of them are right: [n] bool. The others are 0."""

    values: npt.NDArray[np.int32]
    fits: npt.NDArray[np.bool_]


def fixed_point(weights: npt.ArrayLike) -> FixedPoint:
    """Return weights [n] in millionths, rounded to the nearest, halves to even.

    What is not finite or beyond 32 bits (about ±2147) does not fit.

    Examples:
        >>> numbers = fixed_point([0.5, -2.0, 1e9])
        >>> numbers.values.tolist(), numbers.fits.tolist()
        ([500000, -2000000, 0], [True, True, False])
    """
    scaled = np.rint(np.asarray(weights, dtype=np.float64) * UNITS)
    bounds = np.iinfo(np.int32)
    fits = (bounds.min <= scaled) & (scaled <= bounds.max)  # false for what is not a number
    return FixedPoint(np.where(fits, scaled, 0).astype(np.int32), fits)


def floating_point(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return numbers of millionths [n] as weights [n]."""
    return (np.asarray(values, dtype=np.float64) / UNITS).astype(np.float32)


def packed(values: npt.NDArray[Any]) -> bytes:
    """Return whole numbers [n] as full slots, big-endian, the first in the highest bits; zeros fill the last slot.

    Examples:
        >>> packed(np.array([1, 2], dtype=np.int32)).hex()
        '0000000100000002000000000000000000000000000000000000000000000000'
    """
    data = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return data.ljust(-(-len(data) // SLOT_BYTES) * SLOT_BYTES, b"\0")


def unpacked(data: bytes, count: int) -> npt.NDArray[np.int32]:
    """Return the first `count` 32-bit numbers in full slots."""
    return np.frombuffer(data, dtype=">i4", count=count).astype(np.int32)


def slots(data: bytes) -> tuple[int, ...]:
    """Return full slots as a contract takes them: numbers of 256 bits.

    Examples:
        >>> slots(bytes(31) + b"\7" + bytes(32))
        (7, 0)
    """
    return tuple(int.from_bytes(data[at : at + SLOT_BYTES], "big") for at in range(0, len(data), SLOT_BYTES))


def joined(numbers: Iterable[int]) -> bytes:
    """Invert `slots`."""
    return b"".join(number.to_bytes(SLOT_BYTES, "big") for number in numbers)


def to_slots(weights: npt.ArrayLike) -> tuple[int, ...]:
    """Return weights [n] as a contract takes them; what does not fit fixed point is 0.

    Examples:
        >>> from_slots(to_slots([0.5, -2.0]), 2).tolist()
        [0.5, -2.0]
    """
    return slots(packed(fixed_point(weights).values))


def from_slots(numbers: Iterable[int], count: int) -> npt.NDArray[np.float32]:
    """Return the first `count` weights that a contract holds."""
    return floating_point(unpacked(joined(numbers), count))


def bits(names: Iterable[str], order: Sequence[str]) -> int:
    """Return names as bits by their place in an order, the first the lowest; others do not count.

    Examples:
        >>> bits(["c", "a"], order=["a", "b", "c"])
        5
    """
    chosen = set(names)
    return sum(1 << place for place, name in enumerate(order) if name in chosen)


def named(number: int, order: Sequence[str]) -> tuple[str, ...]:
    """Invert `bits`."""
    return tuple(name for place, name in enumerate(order) if number >> place & 1)
