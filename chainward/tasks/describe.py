"""What a cohort holds, hospital by hospital: sizes, outcomes, what is missing, how far each is from all others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.encoding import encode

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

SMOOTHING = 0.5
"""Added to the count of every bin, so that an empty one has a logarithm."""
FEWEST = 5
"""A count from 1 to one less than this could point at a patient and is not told."""


@dataclass(frozen=True, eq=False)
class Description:
    """Counts of h hospitals, of rows, of distinct patients and of rows with the outcome [h], and of rows that lack each
    of c columns [h, c]; those of a series follow the others, and are missing where nothing was measured at any time.

    drift: each hospital's population stability index against all others together [h, c], NaN where there is too little.
    chance: what 95 of 100 hospitals of that size would stay below if they did not differ at all [h, c].
    """

    columns: tuple[Column, ...]
    hospitals: tuple[str, ...]
    rows: Counts
    patients: Counts
    positives: Counts
    missing: Counts
    drift: Floats
    chance: Floats


def describe(cohort: Cohort) -> Description:
    """Count, and compare hospitals, of which some may have nobody. No value of a patient is in the outcome."""
    sites, number = cohort.hospitals, len(cohort.names)
    columns, binned = _binned(cohort)
    drift = np.full((number, len(columns)), np.nan)
    chance = np.full((number, len(columns)), np.nan)
    missing = np.zeros((number, len(columns)), dtype=np.int64)
    for place, codes in enumerate(binned):
        missing[:, place] = np.bincount(sites[codes < 0], minlength=number)
        counts = _table(sites[codes >= 0], codes[codes >= 0], number)
        drift[:, place], chance[:, place] = _compared(counts)
    pairs = np.unique(np.stack([sites, cohort.identities]), axis=1)
    return Description(
        columns=columns,
        hospitals=cohort.names,
        rows=np.bincount(sites, minlength=number),
        patients=np.bincount(pairs[0], minlength=number),
        positives=np.bincount(sites[np.asarray(cohort.labels) > 0], minlength=number),
        missing=missing,
        drift=drift,
        chance=chance,
    )


def stability_index(own: Counts, others: Counts) -> float:
    """The population stability index of two counts over the same bins [b]: sum of (p - q) ln(p / q).

    p and q are the shares of the bins after adding `SMOOTHING` to every count. 0 where the two are alike; it is the
    symmetric Kullback-Leibler divergence (Jeffreys 1946), under this name in Siddiqi, Credit Risk Scorecards, 2006.

    Examples:
        >>> stability_index(np.array([5, 5]), np.array([50, 50]))
        0.0
        >>> round(stability_index(np.array([9, 1]), np.array([1, 9])), 3)
        2.685
    """
    p, q = (_shares(counts) for counts in (own, others))
    return float(np.sum((p - q) * np.log(p / q)))


def by_chance(own: int, others: int, bins: int) -> float:
    """What the index stays below in 95 of 100 draws of so many values each from one distribution over these bins.

    Its distribution is that of (1 / own + 1 / others) times a chi-squared variable with bins - 1 degrees of freedom
    (Yurdakul, Statistical Properties of Population Stability Index, 2018).
    """
    from scipy.stats import chi2  # a report that names a task need not wait for it

    return float((1 / own + 1 / others) * chi2.ppf(0.95, bins - 1))


def hidden(counts: Counts) -> NDArray[np.bool_]:
    """Which counts [h] are not told: those from 1 to `FEWEST` - 1, and of the others the smallest ones until the sum of
    what is not told, which is the total less what is told, tells no count.
    """
    few: NDArray[np.bool_] = (counts > 0) & (counts < FEWEST)
    unseen = few.copy()
    for place in np.argsort(counts, kind="stable"):
        if not few.any() or not _sum_tells(counts, unseen):
            break
        unseen[place] |= counts[place] > 0
    return unseen


def total_tells(counts: Counts) -> bool:
    """Whether even with all that `hidden` leaves out the total would tell a small count: then it is not told either."""
    unseen = hidden(counts)
    return bool(unseen.any()) and _sum_tells(counts, unseen)


def _sum_tells(counts: Counts, unseen: NDArray[np.bool_]) -> bool:
    """Whether counts that are not told could be worked out, or nearly so, from their sum and from what is said of each:
    that it is below `FEWEST`, or that it is no smaller and no larger than any that is told."""
    small = int(np.count_nonzero(unseen & (counts < FEWEST)))
    large = int(np.count_nonzero(unseen)) - small
    told = counts[~unseen & (counts > 0)]
    ceiling = float(told.min()) if len(told) else math.inf
    most = small * (FEWEST - 1) + (large * ceiling if large else 0)
    total = int(counts[unseen].sum())
    free = small + (large if ceiling > FEWEST else 0)
    return free < 2 or total < 2 * FEWEST or not small + large * FEWEST < total < most


def bins(values: Floats) -> NDArray[np.int64]:
    """The bin of each value [n] by the deciles of all of them, -1 where it is NaN; equal values share a bin."""
    known = values[~np.isnan(values)]
    codes = np.full(len(values), -1, dtype=np.int64)
    if len(known):
        edges = np.unique(np.quantile(known, np.arange(1, 10) / 10, method="inverted_cdf"))
        sides = [np.unique(np.searchsorted(edges, known, side), return_inverse=True)[1] for side in _SIDES]
        codes[~np.isnan(values)] = max(sides, key=lambda found: int(found.max()))
    return codes


_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
"""Where most values are the least or the largest one, only one of the two sides tells them from the rest."""


def _binned(cohort: Cohort) -> tuple[tuple[Column, ...], list[NDArray[np.int64]]]:
    """The columns, and the bin of each row in each."""
    encoded = encode(cohort)
    numbers, codes = iter(encoded.numbers.T), iter(encoded.codes.T)
    found = [next(codes) if column.kind == "category" else bins(next(numbers)) for column in encoded.columns]
    if encoded.series is not None:
        found += [bins(values) for values in _means(encoded.series).T]
    return (*encoded.columns, *encoded.variables), found


def _means(series: NDArray[np.float32]) -> Floats:
    """Each row's mean over times of each variable [n, v], NaN where it was never measured."""
    measured = ~np.isnan(series)
    times = measured.sum(axis=1)
    total = np.sum(series, axis=1, where=measured, dtype=np.float64)
    return np.where(times > 0, total / np.maximum(times, 1), np.nan)


def _table(sites: NDArray[np.int64], codes: NDArray[np.int64], number: int) -> Counts:
    """How many of each hospital [h] are in each bin [b] that anybody is in."""
    known, place = np.unique(codes, return_inverse=True)
    width = max(len(known), 1)
    return np.bincount(sites * width + place, minlength=number * width).reshape(number, width)


def _compared(counts: Counts) -> tuple[Floats, Floats]:
    """Each hospital's index against all others [h], and what chance alone would reach."""
    sizes, everyone = counts.sum(axis=1), counts.sum(axis=0)
    drift, chance = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    for place, own in enumerate(counts):
        others = everyone - own
        if counts.shape[1] > 1 and min(sizes[place], others.sum()) >= FEWEST:
            drift[place] = stability_index(own, others)
            chance[place] = by_chance(int(sizes[place]), int(others.sum()), counts.shape[1])
    return drift, chance


def _shares(counts: Counts) -> Floats:
    smoothed = counts + SMOOTHING
    return np.asarray(smoothed / smoothed.sum())
