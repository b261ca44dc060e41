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
    return _concordance(np.zeros(len(labels), dtype=np.int64), labels, probabilities)


def within_hospital_auroc(hospitals: Names, labels: Numbers, probabilities: Floats) -> Influence | None:
    """AUROC over the pairs of one hospital only, all such pairs alike; None where no hospital has both classes.

    A model that knows nothing but each hospital's prevalence reaches 0.5 here, whatever it reaches over all pairs.
    """
    return _concordance(np.unique(hospitals, return_inverse=True)[1], labels, probabilities)


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


def auroc_by_group(groups: NDArray[np.int64], labels: Numbers, probabilities: Floats) -> list[Influence | None]:
    """AUROC in each of the groups [n] 0, 1, … alone, influences by its own patients; None where it lacks a class."""
    positive = np.asarray(labels) > 0
    won, rivals = _won(groups, positive, probabilities)
    members = [groups == group for group in range(groups.max(initial=-1) + 1)]
    return [_share(won[mine], rivals[mine], positive[mine]) for mine in members]


def _concordance(groups: NDArray[np.int64], labels: Numbers, probabilities: Floats) -> Influence | None:
    """The share of won pairs among those of a positive and a negative of one group; None where there is no pair."""
    positive = np.asarray(labels) > 0
    return _share(*_won(groups, positive, probabilities), positive)


def _share(won: Floats, rivals: Floats, positive: NDArray[np.bool_]) -> Influence | None:
    """The share of won pairs, given how many rivals each patient has and is placed right against."""
    pairs = rivals[positive].sum()
    if not pairs:
        return None
    value = float(won[positive].sum() / pairs)
    met = rivals > 0
    counts = np.where(positive, (met & positive).sum(), (met & ~positive).sum())
    return Influence(value, _unbiased((won - value * rivals) / pairs, counts))


def _won(groups: NDArray[np.int64], positive: NDArray[np.bool_], probabilities: Floats) -> tuple[Floats, Floats]:
    """How many of its rivals, who are those of the other class in its group, each patient is placed right against.

    A tie counts half.
    """
    order = np.lexsort((probabilities, groups))
    higher = np.diff(groups[order], prepend=-1).astype(np.bool_) | np.diff(probabilities[order], prepend=np.nan).astype(
        np.bool_
    )
    slot = np.empty(len(order), dtype=np.int64)
    slot[order] = higher.cumsum() - 1  # who have one probability in one group share a slot
    most = int(groups.max(initial=-1)) + 1
    below, rivals = [], []
    for side in (~positive, positive):
        at = np.bincount(slot[side], minlength=slot.max(initial=-1) + 1)
        own = np.bincount(groups[side], minlength=most)
        below.append((at.cumsum() - at / 2)[slot] - (own.cumsum() - own)[groups])
        rivals.append(own[groups].astype(np.float64))
    won = np.where(positive, below[0], rivals[1] - below[1])
    return won, np.where(positive, *rivals)


def _mean(values: Floats) -> Influence:
    value = float(values.mean())
    count = np.full(len(values), len(values))
    return Influence(value, _unbiased(values - value, count) / count)


def _unbiased(centred: Floats, counts: NDArray[np.number]) -> Floats:
    """Widened as a sample's variance is by n / (n - 1); one patient alone of a class says nothing of its spread."""
    return np.asarray(centred * np.sqrt(counts / np.maximum(counts - 1, 1)), dtype=np.float64)
