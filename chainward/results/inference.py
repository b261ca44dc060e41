"""How sure a figure is: means over seeds, their intervals and differences, with the patient as the unit.

The estimand is the mean over K seeds of what their models reach on new patients of these hospitals. Every seed tests a
fold of the same patients, so a patient's influences in all seeds belong together:
se^2 = sum_i (sum_s psi_is / K)^2, with psi_is the influence of patient i on the measure under seed s, 0 where seed s
does not test it (LeDell, Petersen, van der Laan 2015, 10.1214/15-EJS1035; patients as clusters of predictions:
Obuchowski 1997, 10.2307/2533958). Seeds are not resampled: they are repeats on the same patients, not new patients.
docs/intervals.md tells how often such intervals hold the truth.

Where each seed leaves one hospital out, the estimand is the mean over hospitals like these, and the hospital the unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri, stdtr, stdtrit

from chainward.results.influence import Influence, Influential
from chainward.results.predictions import Predictions, pooled

LEVEL = 0.95
ALPHA = 0.05
FEWEST = 10
"""Patients of each class that a hospital's own figure takes."""

NOTHING = 1e-12
"""Below this a difference of measures, or its error, is rounding."""

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
    """A measure's mean over seeds: `units` [u] ascending, `influences` [u] what each does to it over all seeds.

    Units are patients, or hospitals of which each seed leaves one out: then `freedom` is one less than their number,
    and what a normal distribution is to many patients is Student's t to them. `rarer` patients stand behind the class
    that has fewer of them.
    """

    value: float
    units: NDArray[np.generic]
    influences: Floats
    rarer: int
    freedom: float = math.inf

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
            width = quantile((1 + LEVEL) / 2, self.freedom) * self.error / (self.value * (1 - self.value))
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
    freedom: float = math.inf

    def within(self, margin: float, alpha: float = ALPHA) -> bool:
        """Whether two one-sided tests find the difference inside +- `margin` (Schuirmann 1987, 10.1007/BF01068419)."""
        return abs(self.estimate) + quantile(1 - alpha, self.freedom) * self.error < margin


def quantile(probability: float, freedom: float = math.inf) -> float:
    """Return the quantile of the normal distribution, or of Student's t where its degrees of freedom are few."""
    return float(ndtri(probability) if math.isinf(freedom) else stdtrit(freedom, probability))


def mean_over_seeds(measure: Influential, seeds: Sequence[Predictions]) -> Mean | None:
    """The mean of `measure` over the trials of K seeds, patients as units; None where a seed has none.

    Raises:
        ValueError: no seed was given.
    """
    return means_over_seeds({"": measure}, seeds)[""]


def means_over_seeds(measures: Mapping[str, Influential], seeds: Sequence[Predictions]) -> dict[str, Mean | None]:
    """The mean of each measure, as `mean_over_seeds`.

    Raises:
        ValueError: no seed was given.
    """
    rows = pooled(seeds)
    units = Clusters.of_rows(rows.patient, rows.label)
    found = {
        name: measure(rows.hospital, rows.label, rows.probability, rows.fold) for name, measure in measures.items()
    }
    return {name: None if one is None else units.mean(one) for name, one in found.items()}


@dataclass(frozen=True, eq=False)
class Clusters:
    """The rows [n] of each patient, one or more a seed: `patients` [p] ascending, `of` [n] positions.

    `positives` and `negatives` are the patients with a row of each class: of several stays, who has both counts twice.
    """

    patients: NDArray[np.int64]
    of: NDArray[np.int64]
    positives: int
    negatives: int

    @classmethod
    def of_rows(cls, patient: NDArray[np.int64], label: NDArray[np.number]) -> Clusters:
        """Return the clusters of rows with these patients [n] and labels [n]."""
        patients, of = np.unique(patient, return_inverse=True)
        return cls(patients, of, *(len(np.unique(patient[side])) for side in (label > 0, label <= 0)))

    def mean(self, found: Influence) -> Mean:
        """Return a measure found on the rows with a patient's influences added up."""
        rarer = max(1, min(self.positives, self.negatives))
        return Mean(found.value, self.patients, np.bincount(self.of, found.of).astype(np.float64), rarer)


def mean_over_hospitals(measure: Influential, seeds: Sequence[Predictions]) -> Mean | None:
    """The mean of `measure` over hospitals that were left out, one a seed, and are the units.

    A hospital that several seeds leave out counts once, with the mean of its values. Hospitals with fewer than FEWEST
    patients of a class have no figure of their own and are left out of the mean; None where fewer than two remain.

    Raises:
        ValueError: no seed was given, or one tests several hospitals.
    """
    if not seeds:
        raise ValueError("no seed was given")
    values: dict[str, list[float]] = {}
    rarer = 0
    for seed in seeds:
        (name,) = _only(np.unique(seed.hospital).tolist())
        units = Clusters.of_rows(seed.patient, seed.label)
        fewest = min(units.positives, units.negatives)
        found = measure(seed.hospital, seed.label, seed.probability, None) if fewest >= FEWEST else None
        if found is not None:
            values.setdefault(name, []).append(found.value)
            rarer += fewest
    if len(values) < 2:
        return None
    names = sorted(values)
    means = np.array([np.mean(values[name]) for name in names])
    count = len(means)
    influences = (means - means.mean()) / np.sqrt(count * (count - 1))
    return Mean(float(means.mean()), np.array(names), influences, rarer, count - 1)


def _only(names: list[str]) -> list[str]:
    if len(names) != 1:
        raise ValueError(f"a seed that leaves one hospital out tests {len(names)}")
    return names


def difference(first: Mean, second: Mean) -> Difference:
    """The difference of two means over the same units, paired unit by unit.

    Raises:
        ValueError: they stand on different patients, or hospitals.
    """
    if not np.array_equal(first.units, second.units):
        raise ValueError("a paired difference needs the same patients on both sides")
    moved = first.influences - second.influences
    return _difference(first.value - second.value, float(np.sqrt(moved @ moved)), first.freedom)


def unpaired(first: Mean, second: Mean) -> Difference:
    """The difference of two means over different patients."""
    freedom = min(first.freedom, second.freedom)
    return _difference(first.value - second.value, float(np.hypot(first.error, second.error)), freedom)


def _difference(estimate: float, error: float, freedom: float) -> Difference:
    reach = quantile((1 + LEVEL) / 2, freedom) * error
    p = float(p_values(np.array(estimate), np.array(error), freedom))
    return Difference(estimate, estimate - reach, estimate + reach, error, p, freedom)


def p_values(estimates: Floats, errors: Floats, freedom: float) -> Floats:
    """Two-sided p of there being no difference; without any spread it is 0, or 1 where there is none either."""
    away = -np.abs(estimates) / np.where(errors > NOTHING, errors, 1.0)
    p = 2 * (ndtr(away) if math.isinf(freedom) else stdtr(freedom, away))
    return np.asarray(np.where(errors > NOTHING, p, np.abs(estimates) <= NOTHING), dtype=np.float64)
