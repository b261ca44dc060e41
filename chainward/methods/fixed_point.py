"""Numbers as whole multiples of a unit, whose division cuts towards zero: as in Solidity and in circuits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def truncated(dividend: int, divisor: int) -> int:
    """Return a quotient cut towards zero, as Solidity's `/` has it; Python's `//` goes down.

    Examples:
        >>> truncated(7, 2), truncated(-7, 2)
        (3, -3)
    """
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def quantised(values: npt.ArrayLike, unit: float, most: int) -> npt.NDArray[np.int64]:
    """Return values as whole multiples of a unit, to the nearest, halves to even, each from -most to most.

    What is not a number is 0.

    Examples:
        >>> quantised([0.26, -9.0, float("nan")], unit=0.125, most=31).tolist()
        [2, -31, 0]
    """
    bounded = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), -most * unit, most * unit)
    whole: npt.NDArray[np.int64] = np.rint(bounded / unit).astype(np.int64)
    return whole


def moved(mean: Sequence[int], value: Sequence[int], count: int) -> tuple[int, ...]:
    """Return the running mean g + (v - g) / count, where v is the value number `count`; the first replaces g.

    Heiss et al. 2022. Over K values it is off by at most K - 1 units, whatever their order.

    Examples:
        >>> moved(moved((10,), (13,), 2), (20,), 3)
        (14,)
    """
    return tuple(old + truncated(new - old, count) for old, new in zip(mean, value, strict=True))


def running_mean(values: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the running mean of vectors in their order."""
    mean: Any = tuple(values[0])
    for count, value in enumerate(values[1:], start=2):
        mean = moved(mean, value, count)
    return tuple(mean)
