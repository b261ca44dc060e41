"""Preparing patients alike without pooling them: hospitals disclose sums over their training patients, no rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.encoding import Encoded, Values
from chainward.tasks.sketches import Limits

FARTHEST = 10.0
"""Deviations from the mean that a feature is held within."""

RAREST = 10
"""Training patients, over all hospitals, that a level which no schema names must have to become a feature."""


@dataclass(frozen=True, eq=False)
class Sums:
    """How many values there are of each number [m], their sum and the sum of their squares."""

    observed: NDArray[np.int64]
    total: Values
    squares: Values

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.observed + other.observed, self.total + other.total, self.squares + other.squares)

    @property
    def nbytes(self) -> int:
        """Bytes disclosed: eight a number."""
        return self.observed.nbytes + self.total.nbytes + self.squares.nbytes

    @property
    def mean(self) -> Values:
        """The mean [m]; 0 where nothing is observed."""
        return self.total / np.maximum(self.observed, 1)

    @property
    def deviation(self) -> Values:
        """The population's standard deviation [m]; infinite where a number is constant or never observed."""
        observed = np.maximum(self.observed, 1)
        variance = self.squares / observed - self.mean**2
        # Below this the difference of the two large terms is rounding error, not spread.
        spread = variance > 1e-12 * (self.squares / observed)
        return np.sqrt(np.where(spread, variance, np.inf))


def sums(values: NDArray[np.floating]) -> Sums:
    """The sums of values [n, m], or of a series [n, t, m] over patients and times."""
    flat = values.reshape(math.prod(values.shape[:-1]), values.shape[-1]).astype(np.float64)
    observed = np.count_nonzero(~np.isnan(flat), axis=0).astype(np.int64)
    return Sums(observed, np.nansum(flat, axis=0), np.nansum(flat**2, axis=0))


@dataclass(frozen=True, eq=False)
class Summary:
    """What one hospital discloses about its training patients: how many there are, how many have each column [c], the
    sums of its numbers and of its series, and how many have each level of each category that no schema names."""

    patients: int
    present: NDArray[np.int64]
    numbers: Sums
    series: Sums | None = None
    levels: tuple[Mapping[str, int], ...] = ()

    @property
    def kinds(self) -> dict[str, int]:
        """Bytes disclosed, by kind: eight a number, a level's text and four for its count."""
        vocabulary = sum(len(text.encode()) + 4 for counts in self.levels for text in counts)
        sizes = {
            "counts": 8 + self.present.nbytes,
            "sums": self.numbers.total.nbytes + self.numbers.squares.nbytes,
            "series sums": self.series.nbytes if self.series else 0,
            "levels": vocabulary,
        }
        return {kind: size for kind, size in sizes.items() if size}

    def __add__(self, other: Summary) -> Summary:
        both = None if self.series is None or other.series is None else self.series + other.series
        levels = tuple(Counter(mine) + Counter(theirs) for mine, theirs in zip(self.levels, other.levels, strict=True))
        patients, present = self.patients + other.patients, self.present + other.present
        return Summary(patients, present, self.numbers + other.numbers, both, levels)


def summarise(encoded: Encoded, limits: Limits) -> Summary:
    """The summary of a hospital's training rows, whose numbers are held within `limits`; none is a summary too."""
    return Summary(
        patients=len(encoded),
        present=np.count_nonzero(~encoded.missing, axis=0).astype(np.int64),
        numbers=sums(limits.numbers(encoded.numbers)),
        series=None if encoded.series is None else sums(limits.series(encoded.series)),
        levels=tuple(_levels(encoded, k) for k in _undeclared(encoded)),
    )


def _levels(encoded: Encoded, category: int) -> dict[str, int]:
    """How many patients, not rows, have each level."""
    pairs = np.unique(np.column_stack([encoded.codes[:, category], encoded.patients]), axis=0)
    codes, counts = np.unique(pairs[:, 0], return_counts=True)
    texts = encoded.texts[category]
    return {texts[code]: int(count) for code, count in zip(codes, counts, strict=True) if code >= 0}


def _undeclared(encoded: Encoded) -> list[int]:
    categories = [column for column in encoded.columns if column.kind == "category"]
    return [k for k, column in enumerate(categories) if not column.levels]


@dataclass(frozen=True, eq=False)
class Preparation:
    """How a patient becomes features: what numbers are held within, their mean and deviation [m], the levels that each
    category's features stand for [k], which of the c columns have a missing-indicator, and the same for a series."""

    limits: Limits
    mean: Values
    deviation: Values
    levels: tuple[tuple[str, ...], ...]
    indicated: NDArray[np.bool_]
    series_mean: Values = field(default_factory=lambda: np.empty(0))
    series_deviation: Values = field(default_factory=lambda: np.empty(0))

    def names(self, encoded: Encoded) -> tuple[str, ...]:
        """The d prepared columns: numbers, one a category's level, missing-indicators; of a series those at each time,
        after each variable and whether it was measured then."""
        own = self._own_names(encoded)
        if encoded.series is None:
            return own
        variables = tuple(column.name for column in encoded.variables)
        each = (*variables, *(f"{name} measured" for name in variables), *own)
        return tuple(f"{name} @{time}" for time in range(encoded.series.shape[1]) for name in each)

    def apply(self, encoded: Encoded) -> NDArray[np.float32]:
        """Rows to features [n, d]: numbers standardised, the mean (0) where missing; categories one-hot, zeros where
        missing or rare. A series likewise; a value stands until the next."""
        own = self._own(encoded)
        if encoded.series is None:
            return own
        rows, times, _ = encoded.series.shape
        measured = ~np.isnan(encoded.series)
        standard = _standard(self.limits.series(encoded.series), self.series_mean, self.series_deviation)
        carried = np.nan_to_num(_carried_forward(standard))
        still = np.broadcast_to(own[:, None], (rows, times, own.shape[1]))
        whole = np.concatenate([carried, measured.astype(np.float32), still], axis=2)
        return whole.reshape(rows, times * whole.shape[2])

    def _own_names(self, encoded: Encoded) -> tuple[str, ...]:
        numbers = tuple(column.name for column in encoded.columns if column.kind != "category")
        categories = [column.name for column in encoded.columns if column.kind == "category"]
        levels = tuple(f"{name}={level}" for name, own in zip(categories, self.levels, strict=True) for level in own)
        missing = tuple(f"{encoded.columns[i].name} missing" for i in np.flatnonzero(self.indicated))
        return numbers + levels + missing

    def _own(self, encoded: Encoded) -> NDArray[np.float32]:
        standard = _standard(self.limits.numbers(encoded.numbers), self.mean, self.deviation)
        places = [
            np.array([texts.index(level) for level in kept], dtype=np.int64)
            for texts, kept in zip(encoded.texts, self.levels, strict=True)
        ]
        one_hot = [encoded.codes[:, [k]] == own for k, own in enumerate(places)]
        missing = encoded.missing[:, self.indicated]
        return np.hstack([np.nan_to_num(standard), *one_hot, missing]).astype(np.float32)


def prepare(encoded: Encoded, limits: Limits, summaries: Sequence[Summary]) -> Preparation:
    """Combine hospitals' summaries into one preparation. A column missing in any training patient gets an indicator."""
    everyone = reduce(add, summaries)
    counts = iter(everyone.levels)
    categories = [column for column in encoded.columns if column.kind == "category"]
    levels = tuple(column.levels or _common(next(counts)) for column in categories)
    series = everyone.series
    return Preparation(
        limits=limits,
        mean=everyone.numbers.mean,
        deviation=everyone.numbers.deviation,
        levels=levels,
        indicated=everyone.present < everyone.patients,
        series_mean=np.empty(0) if series is None else series.mean,
        series_deviation=np.empty(0) if series is None else series.deviation,
    )


def _standard(values: NDArray[np.floating], mean: Values, deviation: Values) -> NDArray[np.float32]:
    """Values [..., m] in deviations from the mean, `FARTHEST` at most: a number that hardly anybody who trains has, or
    has in one value, must not carry somebody who is tested off. NaN stays."""
    return np.clip((values - mean) / deviation, -FARTHEST, FARTHEST).astype(np.float32)


def _common(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(level for level, count in counts.items() if count >= RAREST))


def _carried_forward(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A series [n, t, v] where each missing value is the last one measured before, NaN where there is none."""
    times = np.arange(values.shape[1])[None, :, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, times), axis=1)
    carried = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(last < 0, np.float32(np.nan), carried)
