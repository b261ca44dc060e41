"""Whether probabilities mean what they say: calibration error beside its noise floor, and the calibration slope."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Numbers = NDArray[np.number]
Floats = NDArray[np.float64]

BINS = 15
MOST_STEPS, ENOUGH = 50, 1e-10
SMALLEST = 1e-6
"""Probabilities are held this far from 0 and 1 where their logit is taken."""


def ece_floor(probabilities: Floats, patients: Numbers, bins: int = BINS) -> float:
    """The calibration error (`metrics.ece`) to expect of these probabilities [n] if every one of them were right.

    A patient [n] who is predicted several times has one outcome, so that its gaps are not independent.

    A bin's gap is then a sum of independent draws with mean 0 and variance sum p (1 - p), nearly normal, whose mean
    absolute value is sqrt(2 / pi) of its deviation. A model is miscalibrated by no more than what exceeds this.
    """
    order = np.argsort(probabilities, kind="stable")
    variances = [_variance(probabilities[part], patients[part]) for part in np.array_split(order, bins)]
    return float(np.sqrt(2 / np.pi) * np.sqrt(variances).sum() / len(order))


def _variance(probabilities: Floats, patients: Numbers) -> float:
    """The variance of the sum of gaps in one bin, a patient's rows there standing for one outcome."""
    _, of, rows = np.unique(patients, return_inverse=True, return_counts=True)
    chance = np.bincount(of, probabilities) / rows if len(rows) else np.zeros(0)
    return float((rows**2 * chance * (1 - chance)).sum())


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

    design, at = np.column_stack([np.ones_like(scores), scores]), np.array([0.0, 1.0])
    for _ in range(MOST_STEPS):
        step = _step(design, labels, at)
        at = at + step
        if np.abs(step).max() < ENOUGH:
            break
    return float(at[1])


def _step(design: Floats, labels: Numbers, at: Floats) -> Floats:
    """Newton's step towards the most likely coefficients, halved until it does not lead away from them."""
    chance = expit(design @ at)
    curvature = (design * (chance * (1 - chance))[:, None]).T @ design
    step: Floats = np.linalg.lstsq(curvature, design.T @ (labels - chance), rcond=None)[0]
    here = _loss(design, labels, at)
    while np.abs(step).max() > ENOUGH and _loss(design, labels, at + step) > here:
        step = step / 2
    return step


def _loss(design: Floats, labels: Numbers, at: Floats) -> float:
    predicted = design @ at
    return float(np.logaddexp(0, predicted).sum() - labels @ predicted)
