"""Which rows of a table can be told apart: all pairs at once, with Holm's correction for being many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainward.results.inference import ALPHA, NOTHING, Floats, Mean, p_values, quantile


def holm(p_values: Sequence[float] | Floats) -> Floats:
    """Return the p values adjusted for being many, in the given order (Holm 1979, Scand. J. Stat. 6:65-70)."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


@dataclass(frozen=True, eq=False)
class Comparison:
    """All pairs of one table: `better[i, j]` says that i is better than j beyond what chance explains.

    `adjusted[i, j]` is the p of their difference after Holm's correction over all pairs. `told_apart` are the smallest
    differences that would be told apart between the pairs of this table: the least, the median and the largest of them.
    """

    adjusted: Floats
    better: NDArray[np.bool_]
    told_apart: tuple[float, float, float]

    @property
    def ranks(self) -> tuple[int, ...]:
        """One more than the number of rows that are better: who cannot be told apart may share a rank."""
        return tuple(1 + int(count) for count in self.better.sum(axis=0))

    @property
    def pairs(self) -> int:
        """How many pairs are compared."""
        return len(self.better) * (len(self.better) - 1) // 2

    def tied_with(self, row: int) -> tuple[int, ...]:
        """The rows that cannot be told apart from `row`, itself among them."""
        return tuple(np.flatnonzero(~(self.better[row] | self.better[:, row])).tolist())


def compare(means: Sequence[Mean], alpha: float = ALPHA) -> Comparison:
    """Compare every pair of means over the same units, with Holm's correction over all pairs.

    Raises:
        ValueError: two stand on different patients.
    """
    if any(not np.array_equal(one.units, means[0].units) for one in means):
        raise ValueError("a paired difference needs the same patients on both sides")
    count = len(means)
    values, above = np.array([one.value for one in means]), np.triu_indices(count, 1)
    influences = np.array([one.influences for one in means])
    errors = np.array([np.linalg.norm(influences - one.influences, axis=1) for one in means]).reshape(count, count)
    estimates = values[:, None] - values
    freedom = means[0].freedom if means else math.inf
    adjusted = np.ones((count, count))
    adjusted[above] = holm(p_values(estimates[above], errors[above], freedom))
    adjusted = np.minimum(adjusted, adjusted.T)
    better = (adjusted < alpha) & (estimates > 0)
    known = errors[above][errors[above] > NOTHING]
    reach = quantile(1 - alpha / 2 / max(1, len(above[0])), freedom)
    least, median, most = np.quantile(reach * known, (0, 0.5, 1)).tolist() if len(known) else (0.0, 0.0, 0.0)
    return Comparison(adjusted, better, (least, median, most))


def best(values: Sequence[float], names: Sequence[str], digits: int = 6) -> int:
    """The position of the highest value; values equal to `digits` decimals are ordered by name, not by rounding."""
    return min(range(len(values)), key=lambda i: (-round(values[i], digits), names[i]))
