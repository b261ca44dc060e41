"""Long tails, held between quantiles that hospitals find together by sketches they can add up.

A DDSketch (Masson, Rim, Lee 2019, 10.14778/3352063.3352135) counts values in bins a fixed ratio apart: quantiles are
right to 1 % of their value, and the sketch of all patients is the sum of the hospitals'. Limits are the outer edges of
the bins, so that nothing between the quantiles is ever cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Column
from chainward.tasks.encoding import Encoded, Values

LOW, HIGH, ACCURACY = 0.01, 0.99, 0.01
_BYTES_A_BIN = 12
"""A bin's key (4) and count (8)."""


@dataclass(frozen=True, eq=False)
class Limits:
    """What numbers [m] and variables of a series [v] are held within; infinite where a column is not clipped."""

    least: Values
    most: Values
    series_least: Values
    series_most: Values

    def numbers(self, values: Values) -> Values:
        """Values [n, m] within their limits; NaN stays."""
        return np.clip(values, self.least, self.most)

    def series(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values [n, t, v] within their limits; NaN stays."""
        return np.clip(values, self.series_least.astype(np.float32), self.series_most.astype(np.float32))


@dataclass(frozen=True, eq=False)
class Sketches:
    """One hospital's sketches of its clipped numbers and variables, in their order."""

    of: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        """Bytes disclosed."""
        return sum(_BYTES_A_BIN * _bins(sketch) for sketch in self.of)


def sketched(encoded: Encoded) -> Sketches:
    """The sketches of a hospital's training rows."""
    return Sketches(tuple(_sketch(values) for values in _clipped(encoded)))


def limits(encoded: Encoded, everyone: Sequence[Sketches]) -> Limits:
    """What the quantiles of all hospitals' sketches, added up, hold numbers and variables within."""
    merged = iter([_merged(sketches) for sketches in zip(*(own.of for own in everyone), strict=True)])
    numbers = [_within(column, merged) for column in _numbers(encoded)]
    variables = [_within(column, merged) for column in encoded.variables]
    (least, most), (series_least, series_most) = (np.array(pairs).reshape(-1, 2).T for pairs in (numbers, variables))
    return Limits(least, most, series_least, series_most)


def _clipped(encoded: Encoded) -> list[NDArray[Any]]:
    tables = [encoded.numbers[:, i] for i, column in enumerate(_numbers(encoded)) if column.clipped]
    if encoded.series is None:
        return tables
    return tables + [encoded.series[:, :, i] for i, column in enumerate(encoded.variables) if column.clipped]


def _numbers(encoded: Encoded) -> list[Column]:
    return [column for column in encoded.columns if column.kind != "category"]


def _within(column: Column, merged: Any) -> tuple[float, float]:
    sketch = next(merged) if column.clipped else None
    if sketch is None or not sketch.count:
        return -np.inf, np.inf
    least, most = sketch.get_quantile_value(LOW), sketch.get_quantile_value(HIGH)
    # The outer edges of the quantiles' bins: a bin is as wide as a share of the value, however little values spread.
    return least - ACCURACY * abs(least), most + ACCURACY * abs(most)


def _sketch(values: NDArray[Any]) -> Any:
    from ddsketch import DDSketch

    sketch = DDSketch(ACCURACY)
    found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        sketch.add(value, count)
    return sketch


def _merged(sketches: Sequence[Any]) -> Any:
    from ddsketch import DDSketch

    total = DDSketch(ACCURACY)
    for sketch in sketches:
        total.merge(sketch)
    return total


def _bins(sketch: Any) -> int:
    return sum(1 for store in (sketch._store, sketch._negative_store) for count in store.bins if count) + 1
