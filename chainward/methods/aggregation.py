"""Ways to merge the updates of a cohort, each a function of updates [K, P] and weights [K]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float32]


def weighted_mean(updates: npt.ArrayLike, weights: Sequence[float]) -> Vector:
    """Return sum_k n_k w_k / sum_k n_k over updates [K, P] (McMahan et al. 2017, algorithm 1), summed in float64.

    Raises:
        ValueError: no update, or the weights do not sum to a positive number.
    """
    stacked = np.asarray(updates, dtype=np.float64)
    shares = np.asarray(weights, dtype=np.float64)
    if not len(stacked) or not shares.sum() > 0:
        raise ValueError("a weighted mean needs at least one update and a positive sum of weights")
    merged: Vector = ((shares / shares.sum()) @ stacked).astype(np.float32)
    return merged


def mean(updates: npt.ArrayLike) -> Vector:
    """Return the unweighted mean of updates [K, P]."""
    return weighted_mean(updates, np.ones(len(np.asarray(updates))).tolist())


def coordinate_median(updates: npt.ArrayLike, weights: Sequence[float] | None = None) -> Vector:
    """Return the weighted 0.5-quantile of each coordinate of updates [K, P].

    Where the cumulated weight hits one half exactly, the two middle values are averaged, so equal weights give the
    usual median for odd and even counts.
    """
    stacked = np.asarray(updates, dtype=np.float64)
    shares = np.ones(len(stacked)) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(stacked, axis=0, kind="stable")
    values = np.take_along_axis(stacked, order, axis=0)
    cumulated = np.cumsum(shares[order], axis=0)
    half = shares.sum() / 2
    lower = np.argmax(cumulated >= half - 1e-12 * half, axis=0)
    upper = np.argmax(cumulated > half + 1e-12 * half, axis=0)
    columns = np.arange(stacked.shape[1])
    middle: Vector = ((values[lower, columns] + values[upper, columns]) / 2).astype(np.float32)
    return middle


def geometric_median(
    updates: npt.ArrayLike, weights: Sequence[float] | None = None, tolerance: float = 1e-12, iterations: int = 10_000
) -> Floats:
    """Return the point with the least weighted sum of distances to updates [K, P], by Weiszfeld's iteration.

    Starts at the weighted mean and stops when a step moves less than `tolerance`. An estimate closer than 1e-12 to an
    update is taken to lie on it, and is left by the rule of Vardi and Zhang (2000), since Weiszfeld's own stays there.
    The iteration creeps towards an optimum that is itself an update, so the nearest update is tried in the end.
    """
    stacked = np.asarray(updates, dtype=np.float64)
    shares = np.ones(len(stacked)) if weights is None else np.asarray(weights, dtype=np.float64)
    centre: Floats = shares @ stacked / shares.sum()
    for _ in range(iterations):
        force, pull, held = _pull(stacked, shares, centre)
        strength = float(np.linalg.norm(force))
        if strength <= held:
            return centre
        step: Floats = (1 - held / strength) * force / pull
        centre = centre + step
        if np.linalg.norm(step) < tolerance:
            break
    nearest: Floats = stacked[np.argmin(np.linalg.norm(stacked - centre, axis=1))]
    force, _, held = _pull(stacked, shares, nearest)
    return nearest if np.linalg.norm(force) <= held else centre


def _pull(updates: Floats, weights: Floats, centre: Floats) -> tuple[Floats, float, float]:
    """The force of the updates on a point, the sum of their pulls, and the weight of those that lie on the point."""
    distances = np.linalg.norm(updates - centre, axis=1)
    apart = distances >= 1e-12
    pulls = np.where(apart, weights / np.maximum(distances, 1e-12), 0.0)
    force: Floats = pulls @ (updates - centre)
    return force, float(pulls.sum()), float(weights[~apart].sum())


def lower_median(values: Sequence[int]) -> int:
    """Return the median of `values`, the lower of the two middle ones when their count is even."""
    return sorted(values)[(len(values) - 1) // 2]
