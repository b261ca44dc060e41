"""Classifiers of binary, sparse data that learn from one datum after another, in whole numbers, as a contract can."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

OFF = -1
"""Stands in a datum for a column of which no bin is on."""


@lru_cache
def normal_edges(bins: int) -> tuple[float, ...]:
    """Return the bins - 1 edges that divide the standard normal distribution into equally probable bins.

    Raises:
        ValueError: there is not one bin at least.

    Examples:
        >>> [round(edge, 3) for edge in normal_edges(4)]
        [-0.674, 0.0, 0.674]
    """
    if bins < 1:
        raise ValueError(f"there is no dividing into {bins} bins")
    return tuple(NormalDist().inv_cdf(number / bins) for number in range(1, bins))


def binarised(features: npt.NDArray[Any], bins: int) -> Integers:
    """Return which binary features are on for features [n, d]: one a column [n, d], that of the value's bin, or `OFF`.

    Column c has the binary features c bins, ..., c bins + bins - 1, between edges that no patient has a part in. A
    value of exactly 0 has none: prepared features are 0 where a number is missing and where a category does not apply.

    Examples:
        >>> binarised(np.array([[-2.0, 0.0, 1.0], [0.1, 1.0, 0.0]]), bins=4).tolist()
        [[0, -1, 11], [2, 7, -1]]
    """
    places = np.searchsorted(np.array(normal_edges(bins)), features, side="right")
    on = np.arange(features.shape[1]) * bins + places
    return np.where(features == 0, OFF, on).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Perceptron:
    """Weights [D] of binary features; class 1 where bias plus the weights of what is on is above 0.

    Harris, Waggoner 2019, and Rosenblatt 1958: only a mistake moves the weights, by `rate`; the bias never moves.
    """

    weights: Integers
    bias: int = 0
    rate: int = 1

    def sums(self, on: Integers) -> Integers:
        """Return bias plus weights of what is on, for data [n, d]: [n]."""
        found: Integers = self.bias + np.append(self.weights, 0)[on].sum(axis=1)
        return found

    def predicted(self, on: Integers) -> npt.NDArray[np.bool_]:
        """Return whether each of the data [n, d] is of class 1: [n]."""
        return self.sums(on) > 0

    def margins(self, on: Integers) -> Floats:
        """Return the signed distance of each of the data [n, d] from the plane between the classes: [n]."""
        return self.sums(on) / max(1.0, float(np.linalg.norm(self.weights)))

    def learned(self, on: Integers, label: int) -> Perceptron:
        """Return what comes of one datum [d] with its label."""
        if bool(self.predicted(on[None])[0]) == bool(label):
            return self
        weights = self.weights.copy()
        weights[on[on != OFF]] += self.rate if label else -self.rate
        return replace(self, weights=weights)


@dataclass(frozen=True, eq=False)
class NearestCentroid:
    """How many data each of two classes has [2], and how many of them each binary feature is on in [D, 2].

    A class's centroid is its counts over its size. The nearer one predicts, class 0 where both are as near. A class
    without data is never the nearest, but class 0 where both are without.
    """

    sizes: Integers
    counts: Integers

    def _differences(self, on: Integers) -> list[int]:
        """|x - c_0|^2 - |x - c_1|^2 of data [n, d], times the square of both sizes, so that they are whole: n."""
        (n0, n1), (q0, q1) = self.sizes.tolist(), (self.counts**2).sum(axis=0).tolist()
        sums = np.vstack([self.counts, np.zeros((1, 2), np.int64)])[on].sum(axis=1)
        return [(q0 - 2 * n0 * s0) * n1**2 - (q1 - 2 * n1 * s1) * n0**2 for s0, s1 in sums.tolist()]

    def predicted(self, on: Integers) -> npt.NDArray[np.bool_]:
        """Return whether each of the data [n, d] is of class 1: [n]."""
        if not self.sizes.all():
            return np.full(len(on), self.sizes[1] > 0)
        return np.array([difference > 0 for difference in self._differences(on)], dtype=np.bool_)

    def margins(self, on: Integers) -> Floats:
        """Return by how much the squared distance to centroid 0 exceeds that to centroid 1, for data [n, d]: [n]."""
        if not self.sizes.all():
            return np.where(self.predicted(on), 1.0, -1.0)
        scale = int(self.sizes[0]) ** 2 * int(self.sizes[1]) ** 2
        return np.array([difference / scale for difference in self._differences(on)], dtype=np.float64)

    def learned(self, on: Integers, label: int) -> NearestCentroid:
        """Return what comes of one datum [d] with its label."""
        sizes, counts = self.sizes.copy(), self.counts.copy()
        sizes[label] += 1
        counts[on[on != OFF], label] += 1
        return NearestCentroid(sizes, counts)


Learner = Perceptron | NearestCentroid


def probabilities(learner: Learner, on: Integers) -> Floats:
    """Return a probability of class 1 for data [n, d]: the logistic function of their margins, [n].

    It is above a half just where the learner predicts class 1; no learner here says how sure it is.
    """
    below, above = np.nextafter(0.5, [0.0, 1.0])
    rough = expit(learner.margins(on))
    found: Floats = np.where(learner.predicted(on), np.maximum(rough, above), np.minimum(rough, below))
    return found
