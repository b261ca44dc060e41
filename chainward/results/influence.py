"""How much each patient moves a measure: its mean over folds, and the influence of every prediction on it.

The influences of a measure are centred and scaled so that the sum of their squares is the variance of the measure over
new patients of the same hospitals. For AUROC that is the variance of DeLong, DeLong, Clarke-Pearson 1988,
10.2307/2531595, to the last digit.

Predictions of several seeds are told apart by `folds` [n] 0, 1, …, one after another; without it there is one fold.
All are gone through at once: thousands of trials are judged for a report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Names = NDArray[np.generic]
Numbers = NDArray[np.number]
Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Influence:
    """A measure's mean over folds, and `of` [n] what each prediction does to it."""

    value: float
    of: Floats


Influential = Callable[[Names, Numbers, Floats, Places | None], Influence | None]


def auroc(hospitals: Names, labels: Numbers, probabilities: Floats, folds: Places | None = None) -> Influence | None:
    """AUROC over all pairs of a positive and a negative; None where a class is absent. `hospitals` do not matter."""
    folds = _folds(labels, folds)
    return _concordance(folds, folds, labels, probabilities)


def within_hospital_auroc(
    hospitals: Names, labels: Numbers, probabilities: Floats, folds: Places | None = None
) -> Influence | None:
    """AUROC over the pairs of one hospital only, all such pairs alike; None where no hospital has both classes.

    A model that knows nothing but each hospital's prevalence reaches 0.5 here, whatever it reaches over all pairs.
    """
    folds, (names, place) = _folds(labels, folds), np.unique(hospitals, return_inverse=True)
    return _concordance(folds, folds * len(names) + place, labels, probabilities)


def auprc(hospitals: Names, labels: Numbers, probabilities: Floats, folds: Places | None = None) -> Influence | None:
    """Average precision; None where a class is absent. The influence is the derivative by a patient's weight."""
    folds = _folds(labels, folds)
    parts = [folds == fold for fold in range(_count(folds))]
    found = [_average_precision(np.asarray(labels)[mine] > 0, probabilities[mine]) for mine in parts]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    of = np.empty(len(folds))
    for mine, one in zip(parts, known, strict=True):
        of[mine] = one.of / len(parts)
    return Influence(float(np.mean([one.value for one in known])), of)


def brier(hospitals: Names, labels: Numbers, probabilities: Floats, folds: Places | None = None) -> Influence | None:
    """Mean squared difference of probability and label; None without patients."""
    folds = _folds(labels, folds)
    if not len(folds):
        return None
    errors, counts = (probabilities - labels.astype(np.float64)) ** 2, np.bincount(folds)
    means = np.bincount(folds, errors) / counts
    of = _centred(errors, folds, means, counts, np.zeros(len(counts), dtype=np.int64)) / counts[folds] / len(counts)
    return Influence(float(means.mean()), of)


def balanced_accuracy(
    hospitals: Names, labels: Numbers, probabilities: Floats, folds: Places | None = None
) -> Influence | None:
    """Mean of sensitivity and specificity, positive from 0.5 on; None where a class is absent."""
    folds, positive = _folds(labels, folds), np.asarray(labels) > 0
    side = 2 * folds + positive
    counts = np.bincount(side, minlength=2 * _count(folds))
    if not len(folds) or not counts.all():
        return None
    right = ((probabilities >= 0.5) == positive).astype(np.float64)
    rates = np.bincount(side, right) / counts
    of = _centred(right, side, rates, counts, np.arange(len(counts)) % 2) / (2 * counts[side]) / _count(folds)
    return Influence(float(rates.mean()), of)


MEASURES: dict[str, Influential] = {
    "auroc": auroc,
    "within_hospital_auroc": within_hospital_auroc,
    "auprc": auprc,
    "brier": brier,
    "balanced_accuracy": balanced_accuracy,
}


def auroc_by_group(groups: Places, labels: Numbers, probabilities: Floats) -> list[Influence | None]:
    """AUROC in each of the groups [n] 0, 1, … alone, influences by its own patients; None where it lacks a class."""
    members = [groups == group for group in range(_count(groups))]
    names = np.empty(0)
    return [auroc(names, labels[mine], probabilities[mine]) for mine in members]


def _folds(labels: Numbers, folds: Places | None) -> Places:
    return np.zeros(len(labels), dtype=np.int64) if folds is None else folds


def _count(groups: Places) -> int:
    return int(groups.max(initial=-1)) + 1


def _concordance(folds: Places, groups: Places, labels: Numbers, probabilities: Floats) -> Influence | None:
    """The mean over folds of the share of won pairs among those of a positive and a negative of one group.

    None where a fold has no pair. A group lies within a fold.
    """
    positive = np.asarray(labels) > 0
    won, rivals = _won(groups, positive, probabilities)
    pairs, gained = (np.bincount(folds, np.where(positive, what, 0.0)) for what in (rivals, won))
    if not len(pairs) or not pairs.all():
        return None
    values, side = gained / pairs, 2 * folds + positive
    counts = np.bincount(side, rivals > 0, minlength=2 * len(pairs))
    weight, share = rivals / pairs[folds], np.divide(won, rivals, out=np.zeros(len(won)), where=rivals > 0)
    of = weight * _centred(share, side, np.repeat(values, 2), counts, np.arange(len(counts)) % 2) / len(pairs)
    return Influence(float(values.mean()), of)


def _won(groups: Places, positive: Mask, probabilities: Floats) -> tuple[Floats, Floats]:
    """How many of its rivals, who are those of the other class in its group, each patient is placed right against.

    A tie counts half.
    """
    order = np.lexsort((probabilities, groups))
    ordered, scores = groups[order], probabilities[order]
    higher = np.append(True, (ordered[1:] != ordered[:-1]) | (scores[1:] != scores[:-1]))[: len(order)]
    slot = np.empty(len(order), dtype=np.int64)
    slot[order] = higher.cumsum() - 1  # who have one probability in one group share a slot
    below, rivals = [], []
    for side in (~positive, positive):
        at = np.bincount(slot[side], minlength=_count(slot))
        own = np.bincount(groups[side], minlength=_count(groups))
        below.append((at.cumsum() - at / 2)[slot] - (own.cumsum() - own)[groups])
        rivals.append(own[groups].astype(np.float64))
    won = np.where(positive, below[0], rivals[1] - below[1])
    return won, np.where(positive, *rivals)


def _average_precision(positive: Mask, probabilities: Floats) -> Influence | None:
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


def _centred(
    values: Floats, side: Places, means: Floats, counts: NDArray[np.number], kind: Places
) -> NDArray[np.float64]:
    """Values [n] less the mean of their side, widened as a sample's variance is by n / (n - 1).

    A side is a class in a fold, with `means` and `counts`; `kind` says which sides are the same class in other folds.
    One patient alone says nothing of its class's spread in that fold: those who are alone are centred together.
    """
    alone = counts == 1
    number = np.bincount(kind, alone, minlength=_count(kind))
    singles = np.where(alone[side], values, 0.0)
    shared = np.bincount(kind[side], singles, minlength=len(number)) / np.maximum(number, 1)
    centre = np.where(alone, shared[kind], means)
    many = np.where(alone, number[kind], counts)
    wide = np.sqrt(many / np.maximum(many - 1, 1))
    return np.asarray((values - centre[side]) * wide[side], dtype=np.float64)
