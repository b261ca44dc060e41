"""Whether probabilities mean what they say: calibration error beside its noise floor, and the calibration slope."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

Numbers = NDArray[np.number]
Floats = NDArray[np.float64]

BINS = 15
SMALLEST = 1e-6
"""Probabilities are held this far from 0 and 1 where their logit is taken."""


def ece_floor(probabilities: Floats, bins: int = BINS) -> float:
    """The calibration error (`metrics.ece`) to expect of these probabilities [n] if every one of them were right.

    A bin's gap is then a sum of independent draws with mean 0 and variance sum p (1 - p), nearly normal, whose mean
    absolute value is sqrt(2 / pi) of its deviation. A model is miscalibrated by no more than what exceeds this.
    """
    ordered = np.sort(probabilities)
    deviations = [np.sqrt((part * (1 - part)).sum()) for part in np.array_split(ordered, bins)]
    return float(np.sqrt(2 / np.pi) * sum(deviations) / len(ordered))


def slope(labels: Numbers, probabilities: Floats) -> float | None:
    """Slope of the labels' logistic regression on the probabilities' logits: 1 is right, below 1 is overconfident.

    Cox 1958, Biometrika 45:562. None where a class is absent, all probabilities are equal, or the classes part.
    """
    scores = logit(np.clip(probabilities, SMALLEST, 1 - SMALLEST))
    positive = labels > 0
    if not 0 < positive.sum() < len(labels) or np.ptp(scores) == 0:
        return None
    if scores[positive].min() >= scores[~positive].max() or scores[positive].max() <= scores[~positive].min():
        return None

    def loss(at: Floats) -> tuple[float, Floats]:
        predicted = at[0] + at[1] * scores
        gap = expit(predicted) - labels
        value = np.logaddexp(0, predicted).sum() - labels @ predicted
        return float(value), np.array([gap.sum(), gap @ scores])

    return float(minimize(loss, np.array([0.0, 1.0]), jac=True, method="BFGS").x[1])
