"""L2-penalised logistic regression whose penalty is chosen by cross-validation, by scikit-learn, in float64."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]

PENALTIES = (1e3, 1e2, 1e1, 1.0, 1e-1, 1e-2, 1e-3)
"""What is tried, strongest first: multiples of |w|^2 / 2 beside the sum of the patients' log losses."""

CONSTANT = 1e-12
"""A feature that varies by less than so much of its mean is constant, and what is left is rounding."""

FOLDS = 5
TYPICAL_ITERATIONS = 20

IMPORTED_LATE = ("sklearn.linear_model", "sklearn.model_selection")
"""A second that whoever only lists strategies need not wait."""


def fit(features: npt.NDArray[Any], labels: npt.NDArray[Any], seed: int) -> Floats:
    """Return coefficients [d + 1], the bias first, learned from features [n, d] and labels [n] (0 or 1).

    Features are standardised by these patients, since a penalty means nothing without a scale. The penalty has the
    least log loss over stratified folds, shuffled by `seed`: five, or as many as the rarer class has patients. With a
    single patient of a class it is 1; with none, the model is `prevalence`.

    Examples:
        >>> coefficients = fit(np.array([[-1.0], [0.0], [0.2], [1.0]]), np.array([0, 0, 1, 1]), seed=0)
        >>> bool(coefficients[1] > 0)
        True
    """
    rarer = int(min(labels.sum(), len(labels) - labels.sum()))
    if not rarer:
        return np.concatenate([[prevalence(labels)], np.zeros(features.shape[1])])
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    scale[scale <= CONSTANT * np.abs(mean)] = 1.0
    standard = (features - mean) / scale
    model = _fitted(standard, labels, _penalty(standard, labels, min(FOLDS, rarer), seed))
    weights = model.coef_[0] / scale
    coefficients: Floats = np.concatenate([model.intercept_ - weights @ mean, weights])
    return coefficients


def prevalence(labels: npt.NDArray[Any]) -> float:
    """Return the log-odds of label 1 by Laplace's rule of succession, (k + 1) / (n + 2), which is never certain.

    Examples:
        >>> prevalence(np.array([]))
        0.0
    """
    return math.log((labels.sum() + 1) / (len(labels) - labels.sum() + 1))


def predict(coefficients: Floats, features: npt.NDArray[Any]) -> Floats:
    """Return the probability [n] of label 1 for features [n, d] under coefficients [d + 1]."""
    probability: Floats = expit(features @ coefficients[1:] + coefficients[0])
    return probability


def flops(features: npt.NDArray[Any]) -> float:
    """Return the operations of a fit: an iteration multiplies twice with features [n, d], in each fold and in the end.

    Estimated with 20 iterations a penalty, about what they take, so that they are the same on every machine.
    """
    return 4.0 * features.size * TYPICAL_ITERATIONS * (len(PENALTIES) * (FOLDS - 1) + 1)


def _penalty(features: Floats, labels: npt.NDArray[Any], folds: int, seed: int) -> float:
    """The penalty of the least log loss on patients left out, the stronger of two that are equal."""
    from sklearn.model_selection import StratifiedKFold

    if folds < 2:
        return 1.0
    losses = np.zeros(len(PENALTIES))
    for train, rest in StratifiedKFold(folds, shuffle=True, random_state=seed).split(features, labels):
        for number, penalty in enumerate(PENALTIES):
            logits = _fitted(features[train], labels[train], penalty).decision_function(features[rest])
            losses[number] += np.logaddexp(0, np.where(labels[rest] > 0, -logits, logits)).sum()
    return PENALTIES[int(np.argmin(losses))]


def _fitted(features: Floats, labels: npt.NDArray[Any], penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1 / penalty, max_iter=1_000).fit(features, labels)
