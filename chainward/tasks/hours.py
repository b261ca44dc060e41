"""Events as they stream past, added up by the hour: memory is of the cells, not of the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Column, Series
from chainward.tasks.series import plausible

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Hours:
    """Sums [n, h, v] float64 and numbers of values [n, h, v] int32 of v variables in h hours of n stays, and how many
    values were made missing, by reason. `add` changes them."""

    variables: tuple[Column, ...]
    sums: NDArray[np.float64]
    counts: NDArray[np.int32]
    repaired: Counter[str] = field(default_factory=Counter)

    def add(self, stay: Integers, hour: Integers, variable: Integers, value: NDArray[Any]) -> None:
        """Add events [e]. Those outside the hours or NaN are left out; implausible ones are too, and counted."""
        inside = (hour >= 0) & (hour < self.sums.shape[1]) & ~np.isnan(value)
        cells = [part[inside] for part in (stay, hour, variable)]
        values, reasons = plausible(cells[2], value[inside].astype(np.float64), self.variables)
        self.repaired.update(reasons)
        kept = ~np.isnan(values)
        flat = np.ravel_multi_index(tuple(part[kept] for part in cells), self.sums.shape)
        np.add.at(self.sums.reshape(-1), flat, values[kept])
        np.add.at(self.counts.reshape(-1), flat, 1)

    def take(self, stays: NDArray[Any]) -> Series:
        """The mean of each hour of some stays, NaN where nothing was measured."""
        values = np.full((len(stays), *self.sums.shape[1:]), np.nan, dtype=np.float32)
        for row, stay in enumerate(stays):  # one at a time: a quotient of all would be as large as the sums
            measured = self.counts[stay] > 0
            values[row][measured] = self.sums[stay][measured] / self.counts[stay][measured]
        return Series(self.variables, values)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether anything was measured [n] of each stay."""
        return np.asarray(self.counts.any(axis=(1, 2)))


def hours(variables: Sequence[Column], stays: int, count: int) -> Hours:
    """Nothing measured yet in `count` hours of `stays` stays."""
    shape = (stays, count, len(variables))
    return Hours(tuple(variables), np.zeros(shape), np.zeros(shape, dtype=np.int32))
