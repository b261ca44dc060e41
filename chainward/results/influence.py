"""How much each patient moves a measure: its value on a test set, and the influence of every patient on it.

The influences of a measure are centred and scaled so that the sum of their squares is the variance of the measure over
new patients of the same hospitals. For AUROC that is the variance of DeLong, DeLong, Clarke-Pearson 1988,
10.2307/2531595, to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.generic]
Numbers = NDArray[np.number]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Influence:
    """A measure's value on n patients, and `of` [n] each of them."""

    value: float
    of: Floats


Influential = Callable[[Names, Numbers, Floats], Influence | None]


def auroc(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """AUROC over all pairs of a positive and a negative; None where a class is absent. `hospitals` do not matter."""
    positive = np.asarray(labels) > 0
    counts = np.where(positive, positive.sum(), (~positive).sum())
    if not 0 < positive.sum() < len(positive):
        return None
    placed = _placements(positive, probabilities)
    value = float(placed[positive].mean())
    return Influence(value, _unbiased(placed - value, counts) / counts)


def within_hospital_auroc(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """AUROC over the pairs of one hospital only, all such pairs alike; None where no hospital has both classes.

    A model that knows nothing but each hospital's prevalence reaches 0.5 here, whatever it reaches over all pairs.
    """
    positive = np.asarray(labels) > 0
    names, place = np.unique(hospitals, return_inverse=True)
    negatives, positives = (np.bincount(place[side], minlength=len(names)) for side in (~positive, positive))
    pairs = np.where(positive, negatives[place], positives[place])
    total = pairs[positive].sum()
    if not total:
        return None
    # One ranking for all: ordered by hospital first, a patient meets every rival elsewhere with one known outcome.
    ordered = place * (len(place) + 1) + np.unique(probabilities, return_inverse=True)[1]
    earlier, later = negatives.cumsum() - negatives, positives.sum() - positives.cumsum()
    won = _won(positive, ordered) - np.where(positive, earlier[place], later[place])
    value = float(won[positive].sum() / total)
    counts = np.where(positive, (pairs[positive] > 0).sum(), (pairs[~positive] > 0).sum())
    return Influence(value, _unbiased((won - value * pairs) / total, counts))


def auprc(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """Average precision; None where a class is absent. The influence is the derivative by a patient's weight."""
    positive = np.asarray(labels) > 0
    if not 0 < positive.sum() < len(positive):
        return None
    order = np.argsort(-probabilities, kind="stable")
    scores = probabilities[order]
    last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    group = np.searchsorted(last, np.arange(len(scores)))
    hits, called = positive[order].cumsum()[last], last + 1.0
    here = np.diff(hits, prepend=0) / positive.sum()
    precision = hits / called
    value = float((here * precision).sum())
    later = (here * (called - hits) / called**2)[::-1].cumsum()[::-1]
    sooner = (here * hits / called**2)[::-1].cumsum()[::-1]
    moved = np.where(positive[order], (precision[group] - value) / positive.sum() + later[group], -sooner[group])
    influence = np.empty(len(moved))
    influence[order] = moved
    return Influence(value, influence)


def brier(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """Mean squared difference of probability and label; None without patients."""
    return _mean((probabilities - labels.astype(np.float64)) ** 2) if len(labels) else None


def balanced_accuracy(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """Mean of sensitivity and specificity, positive from 0.5 on; None where a class is absent."""
    positive = np.asarray(labels) > 0
    counts = np.where(positive, positive.sum(), (~positive).sum())
    if not 0 < positive.sum() < len(positive):
        return None
    right = ((probabilities >= 0.5) == positive).astype(np.float64)
    rates = np.where(positive, right[positive].mean(), right[~positive].mean())
    value = float((right[positive].mean() + right[~positive].mean()) / 2)
    return Influence(value, _unbiased(right - rates, counts) / (2 * counts))


MEASURES: dict[str, Influential] = {
    "auroc": auroc,
    "within_hospital_auroc": within_hospital_auroc,
    "auprc": auprc,
    "brier": brier,
    "balanced_accuracy": balanced_accuracy,
}


def _placements(positive: NDArray[np.bool_], probabilities: Floats) -> Floats:
    """For a positive the share of negatives below it, for a negative that of positives above it; ties count half."""
    rivals = np.where(positive, (~positive).sum(), positive.sum())
    return np.asarray(_won(positive, probabilities) / rivals, dtype=np.float64)


def _won(positive: NDArray[np.bool_], scores: NDArray[np.number]) -> Floats:
    """For a positive the number of negatives below it, for a negative that of positives above it; ties count half."""
    won = np.empty(len(positive))
    for side, upwards in ((positive, scores), (~positive, -scores)):
        rivals, own = np.sort(upwards[~side]), upwards[side]
        won[side] = (rivals.searchsorted(own, "left") + rivals.searchsorted(own, "right")) / 2
    return won


def _mean(values: Floats) -> Influence:
    value = float(values.mean())
    count = np.full(len(values), len(values))
    return Influence(value, _unbiased(values - value, count) / count)


def _unbiased(centred: Floats, counts: NDArray[np.number]) -> Floats:
    """Widened as a sample's variance is by n / (n - 1); one patient alone of a class says nothing of its spread."""
    return np.asarray(centred * np.sqrt(counts / np.maximum(counts - 1, 1)), dtype=np.float64)
