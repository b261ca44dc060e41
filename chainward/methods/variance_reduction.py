"""Stochastic variance-reduced gradient descent (SVRG; Johnson and Zhang 2013), as BlockFL's devices train.

Of models with one weight a feature [d] and a bias, the last. A residual is what the gradient of one patient's loss is
a multiple of: p - y of logistic regression, x'w - y of linear regression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
Residual = Callable[[npt.ArrayLike, npt.ArrayLike], Floats]


def logistic(scores: npt.ArrayLike, labels: npt.ArrayLike) -> Floats:
    """Return p - y, the gradient of the log loss by the score x'w."""
    return np.asarray(expit(scores) - np.asarray(labels), dtype=np.float64)


def with_bias(features: npt.NDArray[np.floating]) -> Floats:
    """Return rows (x, 1) [n, d + 1] of features [n, d]."""
    return np.column_stack([features, np.ones(len(features))]).astype(np.float64)


def gradient(weights: npt.ArrayLike, rows: Floats, labels: npt.ArrayLike, residual: Residual = logistic) -> Floats:
    """Return the mean over patients of grad f_k(w), [P].

    Examples:
        >>> gradient([0.0, 0.0], with_bias(np.array([[1.0], [3.0]])), [0, 1]).tolist()
        [-0.5, 0.0]
    """
    found: Floats = rows.T @ residual(rows @ np.asarray(weights, np.float64), labels) / len(rows)
    return found


def descended(
    start: npt.ArrayLike,
    anchor: npt.ArrayLike,
    slope: npt.ArrayLike,
    rows: Floats,
    labels: npt.NDArray[np.floating],
    step: float,
    order: Iterable[int],
    residual: Residual = logistic,
) -> Floats:
    """Return w after w <- w - (step / n) ([grad f_k(w) - grad f_k(anchor)] + slope) for each k of `order`.

    `slope` is grad f(anchor), of all patients everywhere or of these. With step 0, or where all are zero, w stays.
    """
    weights, full = np.array(start, np.float64), np.asarray(slope, np.float64)
    before = residual(rows @ np.asarray(anchor, np.float64), labels)
    for k in order:
        change = float(residual(rows[k] @ weights, labels[k])) - before[k]
        weights -= step / len(rows) * (change * rows[k] + full)
    return weights


class Local(NamedTuple):
    """What a device made of the global weights: its own [P], and grad f of its own patients where it began, [P]."""

    weights: npt.NDArray[np.float32]
    slope: npt.NDArray[np.float32]


def local_update(
    start: npt.NDArray[np.float32],
    anchored: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    features: npt.NDArray[np.floating],
    labels: npt.NDArray[np.floating],
    step: float,
    rng: np.random.Generator,
) -> Local:
    """Train a logistic regression [P] on n patients with n steps of SVRG, each on a patient drawn anew.

    `anchored` are weights and grad f there; without them the device's own stand in, at `start`.

    Raises:
        ValueError: the weights are not one a feature and a bias.
    """
    if len(start) != features.shape[1] + 1:
        raise ValueError("SVRG needs a network without hidden units, whose gradient a device can compute itself")
    rows = with_bias(features)
    own = gradient(start, rows, labels).astype(np.float32)
    anchor, slope = (start, own) if anchored is None else anchored
    order = rng.integers(len(rows), size=len(rows))
    return Local(descended(start, anchor, slope, rows, labels, step, order).astype(np.float32), own)
