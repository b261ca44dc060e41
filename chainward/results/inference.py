"""How sure a figure is: means over seeds, their intervals and differences, with the patient as the unit.

The estimand is the mean over K seeds of what their models reach on new patients of these hospitals. Every seed tests a
fold of the same patients, so a patient's influences in all seeds belong together:
se^2 = sum_i (sum_s psi_is / K)^2, with psi_is the influence of patient i on the measure under seed s, 0 where seed s
does not test it (LeDell, Petersen, van der Laan 2015, 10.1214/15-EJS1035; patients as clusters of predictions:
Obuchowski 1997, 10.2307/2533958). Seeds are not resampled: they are repeats on the same patients, not new patients.
docs/intervals.md tells how often such intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from chainward.results.influence import Influential
from chainward.results.statistics import Predictions

LEVEL = 0.95
ALPHA = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate, the bounds of its 95 % interval, and its standard error on the scale of the estimate."""

    estimate: float
    low: float
    high: float
    error: float


@dataclass(frozen=True, eq=False)
class Mean:
    """A measure's mean over seeds: `patients` [p] ascending, `influences` [p] what each does to it over all seeds.

    `rarer` patients stand behind the class that has fewer of them.
    """

    value: float
    patients: NDArray[np.int64]
    influences: Floats
    rarer: int

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(np.sqrt(self.influences @ self.influences))

    @property
    def interval(self) -> Interval:
        """The 95 % interval, symmetric in the logit of a measure between 0 and 1.

        At 0 or 1 no patient moves the measure and there is no standard error: the bound on the other side is then
        that of as many trials without one failure as there are patients of the rarer class (Clopper, Pearson 1934).
        """
        if self.value in (0.0, 1.0):
            reach = ((1 - LEVEL) / 2) ** (1 / self.rarer)
            low, high = (0.0, 1 - reach) if self.value == 0.0 else (reach, 1.0)
        else:
            width = norm.ppf((1 + LEVEL) / 2) * self.error / (self.value * (1 - self.value))
            low, high = (float(expit(logit(self.value) + way)) for way in (-width, width))
        return Interval(self.value, low, high, self.error)


@dataclass(frozen=True)
class Difference:
    """A paired difference, its 95 % interval, standard error and two-sided p of there being none."""

    estimate: float
    low: float
    high: float
    error: float
    p: float

    def within(self, margin: float, alpha: float = ALPHA) -> bool:
        """Whether two one-sided tests find the difference inside +- `margin` (Schuirmann 1987, 10.1007/BF01068419)."""
        reach = float(norm.ppf(1 - alpha)) * self.error
        return abs(self.estimate) + reach < margin


def mean_over_seeds(measure: Influential, seeds: Sequence[Predictions]) -> Mean | None:
    """The mean of `measure` over the trials of K seeds; None where a seed has none.

    Raises:
        ValueError: no seed was given.
    """
    if not seeds:
        raise ValueError("no seed was given")
    found = [measure(seed.hospital, seed.label, seed.probability) for seed in seeds]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    everyone = np.concatenate([seed.patient for seed in seeds])
    patients, first, of = np.unique(everyone, return_index=True, return_inverse=True)
    influences = np.bincount(of, np.concatenate([one.of for one in known])) / len(seeds)
    positives = int((np.concatenate([seed.label for seed in seeds])[first] > 0).sum())
    value = float(np.mean([one.value for one in known]))
    return Mean(value, patients, influences, max(1, min(positives, len(patients) - positives)))


def difference(first: Mean, second: Mean) -> Difference:
    """The difference of two means over the same patients, paired patient by patient.

    Raises:
        ValueError: they stand on different patients.
    """
    if not np.array_equal(first.patients, second.patients):
        raise ValueError("a paired difference needs the same patients on both sides")
    moved = first.influences - second.influences
    return _difference(first.value - second.value, float(np.sqrt(moved @ moved)))


def unpaired(first: Mean, second: Mean) -> Difference:
    """The difference of two means over different patients."""
    return _difference(first.value - second.value, float(np.hypot(first.error, second.error)))


def _difference(estimate: float, error: float) -> Difference:
    reach = float(norm.ppf((1 + LEVEL) / 2)) * error
    p = 2 * float(norm.sf(abs(estimate) / error)) if error > 0 else float(estimate == 0)
    return Difference(estimate, estimate - reach, estimate + reach, error, p)


def holm(p_values: Sequence[float]) -> Floats:
    """Return the p values adjusted for being many, in the given order (Holm 1979, Scand. J. Stat. 6:65-70)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


@dataclass(frozen=True, eq=False)
class Comparison:
    """All pairs of one table: `better[i, j]` says that i is better than j beyond what chance explains.

    `told_apart` is the smallest difference that would be told apart between a typical pair of this table.
    """

    better: NDArray[np.bool_]
    adjusted: Floats
    told_apart: float

    @property
    def ranks(self) -> tuple[int, ...]:
        """One more than the number of rows that are better: who cannot be told apart may share a rank."""
        return tuple(1 + int(count) for count in self.better.sum(axis=0))

    def tied_with(self, row: int) -> tuple[int, ...]:
        """The rows that cannot be told apart from `row`, itself among them."""
        return tuple(np.flatnonzero(~(self.better[row] | self.better[:, row])).tolist())


def compare(means: Sequence[Mean], alpha: float = ALPHA) -> Comparison:
    """Compare every pair of means over the same patients, with Holm's correction over all pairs.

    Raises:
        ValueError: two stand on different patients.
    """
    count = len(means)
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    found = [difference(means[i], means[j]) for i, j in pairs]
    adjusted, better = np.ones((count, count)), np.zeros((count, count), dtype=np.bool_)
    for (i, j), p, one in zip(pairs, holm([one.p for one in found]), found, strict=True):
        adjusted[i, j] = adjusted[j, i] = p
        better[i, j], better[j, i] = p < alpha and one.estimate > 0, p < alpha and one.estimate < 0
    reach = float(norm.ppf(1 - alpha / 2 / max(1, len(pairs))))
    errors = [one.error for one in found if one.error > 0]
    return Comparison(better, adjusted, reach * float(np.median(errors)) if errors else 0.0)


def best(values: Sequence[float], names: Sequence[str], digits: int = 6) -> int:
    """The position of the highest value; values equal to `digits` decimals are ordered by name, not by rounding."""
    return min(range(len(values)), key=lambda i: (-round(values[i], digits), names[i]))
