"""Hospitals whose patients can be drawn at will, and what a linear score reaches on all that could be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import norm

from chainward.results.influence import Influential, auroc, within_hospital_auroc

Floats = NDArray[np.float64]

FEATURES = 6


@dataclass(frozen=True, eq=False)
class Patients:
    """hospital [n], features [n, FEATURES], label [n] 0 or 1."""

    hospital: NDArray[np.int64]
    features: Floats
    label: Floats


class Population:
    """Hospitals that differ in prevalence and covariates."""

    def __init__(self, hospitals: int) -> None:
        rng = np.random.default_rng(hospitals)
        self.shift, self.effect = rng.normal(size=hospitals), 0.5 * rng.normal(size=FEATURES)

    def draw(self, patients: int, rng: np.random.Generator) -> Patients:
        """So many patients of each hospital: normal features around the hospital's mean, a logistic outcome."""
        hospital = np.repeat(np.arange(len(self.shift)), patients)
        features = rng.normal(size=(len(hospital), FEATURES)) + 0.2 * self.shift[hospital, None]
        chance = expit(features @ self.effect + self.shift[hospital])
        return Patients(hospital, features, (rng.random(len(hospital)) < chance).astype(np.float64))

    def reached(self, weights: Floats) -> dict[Influential, Floats]:
        """Both AUROCs [m] on new patients of linear scores with `weights` [m, FEATURES], by numerical integration.

        Given the score, the rest of a patient's log odds is normal, and Gauss-Hermite gives the chance of the outcome;
        the densities of both classes [m, hospitals, scores] are then summed over a grid of scores.
        """
        unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
        centre, slope = 0.2 * self.shift * unit.sum(axis=1)[:, None], unit @ self.effect
        rest = np.sqrt(np.maximum(self.effect @ self.effect - slope**2, 0))[:, None, None]
        from_centre = np.linspace(centre.min() - 6, centre.max() + 6, 200) - centre[..., None]
        odds = (self.shift * (1 + 0.2 * self.effect.sum()))[:, None] + slope[:, None, None] * from_centre
        nodes, shares = hermegauss(11)
        chance = sum(share * expit(odds + node * rest) for node, share in zip(nodes, shares, strict=True))
        density = norm.pdf(from_centre)
        positive, negative = density * chance / shares.sum(), density * (1 - chance / shares.sum())
        pooled = _won(positive.sum(axis=1), negative.sum(axis=1)) / (positive.sum((1, 2)) * negative.sum((1, 2)))
        pairs = (positive.sum(axis=2) * negative.sum(axis=2)).sum(axis=1)
        return {auroc: pooled, within_hospital_auroc: _won(positive, negative).sum(axis=1) / pairs}


def _won(positive: Floats, negative: Floats) -> Floats:
    """Over the last axis, the sum of positives times negatives below them, half of those at the same place."""
    return (positive * (negative.cumsum(axis=-1) - negative / 2)).sum(axis=-1)
