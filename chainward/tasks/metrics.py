"""How good predicted probabilities are. Labels [n] are 0 or 1, probabilities [n] of label 1, both finite.

A measure that needs both classes is None where one is absent, never a number. A probability that is NaN is a
`ValueError`. scikit-learn has four of these too, but its import and its checks take longer than a trial's predictions.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.methods.ranks import mean_ranks

Array = NDArray[Any]
Measure = Callable[[Array, Array], float | None]


def _both_classes(measure: Callable[[Array, Array], float]) -> Measure:
    @wraps(measure)
    def guarded(labels: Array, probabilities: Array) -> float | None:
        return float(measure(labels, _numbers(probabilities))) if 0 < np.sum(labels) < len(labels) else None

    return guarded


def _numbers(probabilities: Array) -> Array:
    if np.isnan(probabilities).any():
        raise ValueError("a probability is NaN")
    return probabilities


@_both_classes
def auroc(labels: Array, probabilities: Array) -> float:
    """The chance that a positive is scored above a negative; a tie counts half. By ranks (Mann, Whitney 1947).

    Raises:
        ValueError: a probability is not a number.

    Examples:
        >>> auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
        0.75
        >>> auroc(np.array([1, 1]), np.array([0.2, 0.9])) is None
        True
    """
    positive = np.asarray(labels) > 0
    count = int(positive.sum())
    above = mean_ranks(probabilities)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


@_both_classes
def f1(labels: Array, probabilities: Array) -> float:
    """Harmonic mean of precision and recall, positive from 0.5 on; 0 when nobody is called positive."""
    called, positive = probabilities >= 0.5, labels > 0
    return float(2 * np.sum(called & positive) / (np.sum(called) + np.sum(positive)))


def accuracy(labels: Array, probabilities: Array) -> float | None:
    """Share of patients called right, positive from 0.5 on, (TP + TN) / all; None without patients."""
    called = _numbers(probabilities) >= 0.5
    return float(np.mean(called == (np.asarray(labels) > 0))) if len(labels) else None


@_both_classes
def sensitivity(labels: Array, probabilities: Array) -> float:
    """Share of positives that are called so, TP / (TP + FN)."""
    return float(np.mean(probabilities[np.asarray(labels) > 0] >= 0.5))


@_both_classes
def specificity(labels: Array, probabilities: Array) -> float:
    """Share of negatives that are called so, TN / (TN + FP)."""
    return float(np.mean(probabilities[np.asarray(labels) <= 0] < 0.5))


@_both_classes
def positive_predictive_value(labels: Array, probabilities: Array) -> float:
    """Share of those called positive who are, TP / (TP + FP); 0 when nobody is called positive, as with `f1`."""
    called, positive = probabilities >= 0.5, np.asarray(labels) > 0
    return float(np.sum(called & positive) / max(1, int(np.sum(called))))


def log_loss(labels: Array, probabilities: Array) -> float | None:
    """Mean of -log of the probability given to what came true, which is never taken for 0; None without patients.

    Examples:
        >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 4)
        0.6931
    """
    if not len(labels):
        return None
    given = np.where(np.asarray(labels) > 0, _numbers(probabilities), 1 - probabilities)
    return float(-np.mean(np.log(np.maximum(given, np.finfo(np.float64).eps))))


def ece(labels: Array, probabilities: Array, bins: int = 15) -> float | None:
    """Expected calibration error over bins of equal mass; None without patients.

    Patients with one probability share their mean label, so their order cannot matter where a bin's edge parts them.

    Examples:
        Called sick with 0.75 where half are: a quarter off.

        >>> ece(np.array([0, 1]), np.array([0.75, 0.75]))
        0.25
    """
    if not len(labels):
        return None
    values, of, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    rates = np.bincount(of, weights=labels) / counts
    gaps = np.array_split(np.repeat(rates - values, counts), bins)
    return float(sum(abs(gap.sum()) for gap in gaps) / len(labels))
