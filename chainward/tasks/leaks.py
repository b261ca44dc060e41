"""Single columns that already know the outcome, and patients who are in two parts of a split.

A column that separates the classes almost perfectly is more often written down after the outcome (a code of discharge,
a dose of palliative care) than a discovery. Each is judged alone: its values, whether it is missing, its levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.base import FederatedDataset
from chainward.tasks.cohort import Cohort
from chainward.tasks.encoding import MISSING, encode
from chainward.tasks.metrics import auroc

SUSPECT = 0.98
"""The AUROC of one column from which on it is suspected."""
MOST_CODES = 50
FEWEST = 20
"""Patients of each class that an AUROC must rest on to raise suspicion."""

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Suspect:
    """A column, what of it gives the outcome away ("values", "levels", "missing"), and its AUROC, 0.5 to 1."""

    column: str
    of: str
    auroc: float


def suspects(cohort: Cohort) -> tuple[Suspect, ...]:
    """The columns and variables of a series that alone reach an AUROC of `SUSPECT`, in their order, once each.

    Numbers and flags are scores as they are, in either direction, over the rows that have them; one of few values may
    be a code, and is judged as a category too. A category's score is
    the rate of each level, missing among them, at one half of the patients, judged on the other. A variable's is its
    mean over time. Whether anything is missing is a score too.
    """
    labels = np.asarray(cohort.labels, dtype=np.int64)
    whose = np.unique(cohort.identities, return_inverse=True)[1]
    found: dict[str, Suspect] = {}
    for column, of, value in _judged(cohort, labels, whose):
        if value >= SUSPECT and value > (found[column].auroc if column in found else 0):
            found[column] = Suspect(column, of, value)
    return tuple(found.values())


def _judged(cohort: Cohort, labels: Labels, whose: Labels) -> Iterator[tuple[str, str, float]]:
    encoded = encode(cohort)
    numbers = [column.name for column in encoded.columns if column.kind != "category"]
    categories = [column.name for column in encoded.columns if column.kind == "category"]
    for at, name in enumerate(numbers):
        yield name, "values", _either_way(encoded.numbers[:, at], labels, whose)
        yield name, "codes", _levels(_codes(encoded.numbers[:, at]), labels, whose)
    for at, name in enumerate(categories):
        yield name, "levels", _levels(encoded.codes[:, at], labels, whose)
    for at, column in enumerate(encoded.columns):
        yield column.name, "missing", _either_way(encoded.missing[:, at].astype(np.float64), labels, whose)
    for at, column in enumerate(encoded.variables):
        assert encoded.series is not None, "variables are those of a series"
        means, measured = _over_time(encoded.series[:, :, at])
        yield column.name, "values", _either_way(means, labels, whose)
        yield column.name, "missing", _either_way(measured, labels, whose)


def _codes(values: Values) -> Labels:
    """A number's values [n] as codes where they are few, as of a ward or a discharge; else nobody has one."""
    known, codes = np.unique(values, return_inverse=True)  # NaN comes last, once
    if len(known) > MOST_CODES:
        return np.full(len(values), MISSING, dtype=np.int64)
    return np.where(np.isnan(values), MISSING, codes)


def _either_way(scores: Values, labels: Labels, whose: Labels) -> float:
    """The AUROC [0.5 to 1] of scores [n] over the rows that have one; 0 where too few patients of a class have."""
    seen = ~np.isnan(scores)
    scores, labels = scores[seen], labels[seen]
    if len(scores) == 0 or scores.min() == scores.max() or not _enough(labels, whose[seen]):
        return 0.0
    value = auroc(labels, scores) or 0.0
    return max(value, 1 - value)


def _levels(codes: Labels, labels: Labels, whose: Labels) -> float:
    """The AUROC of each level's rate at every second patient, over the others; a level only they have is the mean."""
    half = np.random.default_rng(0).permutation(whose.max(initial=0) + 1)[whose] % 2 == 0
    if not _enough(labels[~half], whose[~half]) or not half.any():
        return 0.0
    places = codes - MISSING
    most = places.max(initial=0) + 1
    counts = np.bincount(places[half], minlength=most)
    positives = np.bincount(places[half], weights=labels[half], minlength=most)
    rates = (positives + labels[half].mean()) / (counts + 1)  # as if one more patient, of the mean, had it
    return auroc(labels[~half], rates[places[~half]]) or 0.0


def _over_time(values: NDArray[np.float32]) -> tuple[Values, Values]:
    """The mean [n] over t times of what was measured, NaN where nothing was, and whether anything was."""
    measured = ~np.isnan(values)
    counts = measured.sum(axis=1)
    totals = np.where(measured, values, 0).sum(axis=1, dtype=np.float64)
    means = np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)
    return means, (counts > 0).astype(np.float64)


def _enough(labels: Labels, whose: Labels) -> bool:
    return all(len(np.unique(whose[labels == label])) >= FEWEST for label in (0, 1))


def overlap(dataset: FederatedDataset, *, shared_validation: bool = False) -> str | None:
    """One line on a patient who is in two of the training, validation and test patients of any hospitals, else None.

    Where training patients are said to validate too, those two parts may share them.
    """
    parts = {
        part: frozenset(int(one) for hospital in dataset.everyone for one in getattr(hospital, part).patients)
        for part in ("train", "validation", "test")
    }
    for one, other in combinations(parts, 2):
        both = parts[one] & parts[other]
        if both and not (shared_validation and (one, other) == ("train", "validation")):
            return f"{len(both):,} patients, the first number {min(both)}, are among {one} and {other} patients"
    return None
