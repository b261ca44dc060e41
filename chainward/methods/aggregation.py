"""Ways to merge the updates of a cohort, each a function of updates [K, P] and weights [K]."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float32]

BLOCK = 2**20
"""Values of a cohort that are widened to float64 at a time (8 MiB)."""


def columns(updates: npt.ArrayLike) -> Iterator[tuple[slice, Floats]]:
    """Yield updates [K, P] by blocks of coordinates: where they lie, and a float64 copy of them, [coordinates, K]."""
    stacked = np.asarray(updates)
    for block in _blocks(len(stacked), stacked.shape[1]):
        yield block, np.array(stacked[:, block].T, dtype=np.float64, order="C")


def weighted_mean(updates: npt.ArrayLike, weights: Sequence[float]) -> Vector:
    """Return sum_k n_k w_k / sum_k n_k over updates [K, P] (McMahan et al. 2017, algorithm 1), summed in float64.

    Raises:
        ValueError: no update, or the weights do not sum to a positive number.

    Examples:
        >>> weighted_mean([[0, 0], [3, 6]], weights=[1, 2]).tolist()
        [2.0, 4.0]
    """
    stacked = np.asarray(updates)
    shares = np.asarray(weights, dtype=np.float64)
    if not len(stacked) or not shares.sum() > 0:
        raise ValueError("a weighted mean needs at least one update and a positive sum of weights")
    merged: Vector = np.empty(stacked.shape[1], dtype=np.float32)
    for block in _blocks(*stacked.shape):
        merged[block] = (shares / shares.sum()) @ stacked[:, block].astype(np.float64, copy=False)
    return merged


def mean(updates: npt.ArrayLike) -> Vector:
    """Return the unweighted mean of updates [K, P]."""
    return weighted_mean(updates, np.ones(len(np.asarray(updates))).tolist())


def coordinate_median(updates: npt.ArrayLike, weights: Sequence[float] | None = None) -> Vector:
    """Return the weighted 0.5-quantile of each coordinate of updates [K, P].

    Where the cumulated weight hits one half exactly, the two middle values are averaged, so equal weights give the
    usual median for odd and even counts. What is not a number counts as larger than all numbers.

    Examples:
        >>> coordinate_median([[1, 5], [2, 6], [9, 7]]).tolist()
        [2.0, 6.0]
        >>> coordinate_median([[1], [2], [9]], weights=[1, 1, 3]).tolist()
        [9.0]
    """
    stacked = np.asarray(updates)
    if weights is None:
        return trimmed_mean(stacked, (len(stacked) - 1) // 2)
    middle: Vector = np.empty(stacked.shape[1], dtype=np.float32)
    shares = np.asarray(weights, dtype=np.float64)
    half = shares.sum() / 2
    with np.errstate(over="ignore", invalid="ignore"):
        for block, values in columns(stacked):
            order = np.argsort(values, axis=1)
            cumulated = np.cumsum(shares[order], axis=1)
            lower = np.argmax(cumulated >= half - 1e-12 * half, axis=1)
            upper = np.argmax(cumulated > half + 1e-12 * half, axis=1)
            rows = np.arange(len(values))
            middle[block] = (values[rows, order[rows, lower]] + values[rows, order[rows, upper]]) / 2
    return middle


def trimmed_mean(updates: npt.ArrayLike, cut: int) -> Vector:
    """Return the mean of each coordinate of updates [K, P] without its `cut` smallest and `cut` largest values.

    As Yin et al. 2018, definition 2, whose beta is cut / K. What is not a number counts as larger than all numbers, so
    the merge is finite as long as no more than `cut` updates are not.

    Raises:
        ValueError: `cut` is negative, or leaves nothing.

    Examples:
        >>> trimmed_mean([[0], [1], [2], [100]], cut=1).tolist()
        [1.5]
    """
    stacked = np.asarray(updates)
    count = len(stacked)
    if not 0 <= 2 * cut < count:
        raise ValueError(f"{count} updates cannot lose {cut} at both ends")
    merged: Vector = np.empty(stacked.shape[1], dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for block, values in columns(stacked):
            values.sort(axis=1)  # as fast as two partitions, and sums in the same order whatever the hospitals' order
            merged[block] = values[:, cut : count - cut].mean(axis=1)
    return merged


def geometric_median(
    updates: npt.ArrayLike, weights: Sequence[float] | None = None, tolerance: float = 1e-12, iterations: int = 10_000
) -> Floats:
    """Return the point with the least weighted sum of distances to updates [K, P], by Weiszfeld's iteration.

    Starts at the weighted mean and stops when a step moves no more than `tolerance`, when three steps in a row were
    equally long, or when it comes back to where it was two steps before. An estimate closer than 1e-12 to an
    update is taken to lie on it, and is left by the rule of Vardi and Zhang (2000), since Weiszfeld's own stays there.
    The iteration creeps towards an optimum that is itself an update, so the nearest update is tried in the end.
    Updates that are not finite are left out.

    Raises:
        ValueError: no update is finite.

    Examples:
        >>> geometric_median([[0, 0], [0, 0], [100, 0]]).tolist()
        [0.0, 0.0]
    """
    stacked = np.asarray(updates)
    shares = np.ones(len(stacked)) if weights is None else np.asarray(weights, dtype=np.float64)
    finite = np.isfinite(stacked).all(axis=1)
    if not finite.all():
        stacked, shares = stacked[finite], shares[finite]
    if not len(stacked):
        raise ValueError("a geometric median needs at least one update that is finite")
    stacked = stacked.astype(np.float64, copy=False)
    centre: Floats = shares @ stacked / shares.sum()
    steps, before = [math.nan] * 3, centre
    for _ in range(iterations):
        force, pull, held, _ = _pull(stacked, shares, centre)
        strength = float(np.linalg.norm(force))
        if strength <= held:
            return centre
        step: Floats = (1 - held / strength) * force / pull
        steps, last, before, centre = [*steps[1:], float(np.linalg.norm(step))], before, centre, centre + step
        if steps[-1] <= tolerance or steps[0] == steps[1] == steps[2] or np.array_equal(centre, last):
            break
    nearest: Floats = stacked[_pull(stacked, shares, centre)[3]]
    force, _, held, _ = _pull(stacked, shares, nearest)
    return nearest if np.linalg.norm(force) <= held else centre


def _pull(updates: Floats, weights: Floats, centre: Floats) -> tuple[Floats, float, float, int]:
    """The force of the updates on a point, the sum of their pulls, the weight of those on the point, the nearest."""
    pulls, distances = np.zeros(len(updates)), np.empty(len(updates))
    force: Floats = np.zeros(updates.shape[1])
    for block in _blocks(updates.shape[1], len(updates)):
        arms = updates[block] - centre
        distances[block] = np.linalg.norm(arms, axis=1)
        apart = distances[block] >= 1e-12
        pulls[block] = np.where(apart, weights[block] / np.maximum(distances[block], 1e-12), 0.0)
        force += pulls[block] @ arms
    return force, float(pulls.sum()), float(weights[distances < 1e-12].sum()), int(np.argmin(distances))


def _blocks(across: int, length: int) -> Iterator[slice]:
    """Parts of an array's `length`, each of at most BLOCK values when it is `across` wide."""
    width = max(1, BLOCK // max(1, across))
    return (slice(start, start + width) for start in range(0, length, width))


def lower_median(values: Sequence[int]) -> int:
    """Return the median of `values`, the lower of the two middle ones when their count is even.

    Examples:
        >>> lower_median([4, 1, 3, 2])
        2
    """
    return sorted(values)[(len(values) - 1) // 2]
