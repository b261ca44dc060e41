"""Merges that first select the updates to trust by their distances: Krum, Multi-Krum and Bulyan.

An update that is not finite, or whose squared norm passes 1e200, is infinitely far from every update, itself included.
It is never selected, and no more of them than the rule tolerates keep nobody else from being selected.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from chainward.methods.aggregation import Floats, Vector, columns, mean

Indices = npt.NDArray[np.int64]

TOO_FAR = 1e200


def squared_distances(updates: npt.ArrayLike) -> Floats:
    """Return ||w_i - w_j||^2 of updates [K, P] as [K, K], by ||w_i||^2 + ||w_j||^2 - 2 w_i.w_j in float64.

    Each coordinate is counted from its median first: what all updates share, and what a minority sends from far away,
    then cancels no digits of the others' distances.
    """
    stacked = np.asarray(updates)
    middle = len(stacked) // 2
    products = np.zeros((len(stacked), len(stacked)))
    with np.errstate(over="ignore", invalid="ignore"):
        for _, values in columns(stacked):
            values -= np.partition(values, middle, axis=1)[:, middle, None]
            products += values.T @ values
        squares = products.diagonal()
        distances: Floats = np.maximum(squares[:, None] + squares - 2 * products, 0)
    lost = ~(squares < TOO_FAR)
    distances[lost, :] = distances[:, lost] = np.inf
    return distances


def krum_scores(updates: npt.ArrayLike, tolerated: int) -> Floats:
    """Return the score of each of updates [K, P]: the sum of squared distances to its K - f - 2 nearest others.

    `tolerated` is f, the number of hospitals that may lie (Blanchard et al. 2017, section 4).

    Raises:
        ValueError: fewer updates than 2 f + 3, or a negative f.
    """
    _need(updates, tolerated, 2, "Krum")
    return _scores(squared_distances(updates), tolerated)


def krum_selected(updates: npt.ArrayLike, tolerated: int, kept: int) -> Indices:
    """Return the indices [kept] of the updates with the lowest scores, best first.

    Scores are rounded to 1e-12; the lower index wins a tie. With K = f + 3 a score is a single distance, and updates
    that are nearest to each other always tie.

    Raises:
        ValueError: as `krum_scores`, or `kept` is not between 1 and K - f, or fewer updates than that have a finite
            score, which takes more than f that are not finite.

    Examples:
        >>> krum_selected([[0.0], [0.25], [0.5], [0.75], [99.0]], tolerated=1, kept=3).tolist()
        [1, 2, 0]
    """
    scores = krum_scores(updates, tolerated)
    if not 1 <= kept <= len(scores) - tolerated:
        raise ValueError(f"Krum keeps between 1 and {len(scores) - tolerated} of {len(scores)} updates, not {kept}")
    return _lowest(scores, kept)


def krum_names(updates: Mapping[str, npt.ArrayLike], tolerated: int) -> tuple[str, ...]:
    """Return whose updates Krum keeps if it drops `tolerated`, all if they are fewer than three, in their order.

    Raises:
        ValueError: as `krum_selected`.

    Examples:
        >>> krum_names({"a": [0.0], "b": [9.0], "c": [0.25], "d": [0.5], "e": [0.75]}, tolerated=1)
        ('a', 'c', 'd', 'e')
    """
    names = tuple(updates)
    if len(names) < 3:
        return names
    kept = krum_selected(np.stack([np.asarray(own) for own in updates.values()]), tolerated, len(names) - tolerated)
    return tuple(names[place] for place in sorted(kept.tolist()))


def tolerable(updates: int, liars: float) -> int:
    """Return Krum's f for so many updates: the liars, in whole hospitals, but no more than updates allow, 2 f + 3.

    Examples:
        >>> tolerable(14, liars=0.3 * 20), tolerable(5, liars=6.0), tolerable(2, liars=6.0)
        (5, 1, 0)
    """
    return max(0, min(math.floor(liars + 1e-9), (updates - 3) // 2))


def multi_krum(updates: npt.ArrayLike, tolerated: int, kept: int) -> Vector:
    """Return the mean [P] of the `kept` updates that `krum_selected` names.

    Examples:
        >>> multi_krum([[0.0], [0.25], [0.5], [0.75], [99.0]], tolerated=1, kept=3).tolist()
        [0.25]
    """
    return mean(np.asarray(updates)[krum_selected(updates, tolerated, kept)])


def krum(updates: npt.ArrayLike, tolerated: int) -> Vector:
    """Return the one of updates [K, P] with the lowest Krum score."""
    return multi_krum(updates, tolerated, kept=1)


def bulyan_selected(updates: npt.ArrayLike, tolerated: int) -> Indices:
    """Return the indices [K - 2 f] that Krum names one after another, each time among those that are left.

    With r left, a score sums r - f - 2 distances, at least one: the paper (El Mhamdi et al. 2018, section 4) does not
    say what becomes of Krum when fewer than 2 f + 3 are left, and this is Flower's way.

    Raises:
        ValueError: fewer updates than 4 f + 3, a negative f, or more than f that are not finite.
    """
    _need(updates, tolerated, 4, "Bulyan")
    distances = squared_distances(updates)
    left = np.arange(len(distances))
    selected = []
    for _ in range(len(distances) - 2 * tolerated):
        best = _lowest(_scores(distances[np.ix_(left, left)], tolerated), 1)
        selected.append(left[best])
        left = np.delete(left, best)
    return np.concatenate(selected)


def bulyan(updates: npt.ArrayLike, tolerated: int) -> Vector:
    """Return Bulyan's merge [P] of updates [K, P] (El Mhamdi et al. 2018, section 4).

    Of the theta = K - 2 f updates that `bulyan_selected` names, each coordinate is the mean of the beta = theta - 2 f
    values closest to their median; of two equally close, the smaller.

    Raises:
        ValueError: as `bulyan_selected`.

    Examples:
        >>> bulyan([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [99.0]], tolerated=1).tolist()
        [2.0]
    """
    selected = np.asarray(updates)[bulyan_selected(updates, tolerated)]
    closest = len(selected) - 2 * tolerated
    merged: Vector = np.empty(selected.shape[1], dtype=np.float32)
    for block, values in columns(selected):
        values.sort(axis=1)
        lower, upper = (len(selected) - 1) // 2, len(selected) // 2
        median = (values[:, lower : lower + 1] + values[:, upper : upper + 1]) / 2
        # Sorted, the closest values are neighbours: of the 2 f + 1 places where they may start, the least reach.
        first, last = values[:, : 2 * tolerated + 1], values[:, closest - 1 :]
        start = np.argmin(np.maximum(median - first, last - median), axis=1)
        merged[block] = np.take_along_axis(values, start[:, None] + np.arange(closest), axis=1).mean(axis=1)
    return merged


def _need(updates: npt.ArrayLike, tolerated: int, factor: int, rule: str) -> None:
    """Refuse a cohort too small for `tolerated` liars."""
    count, least = len(np.asarray(updates)), factor * tolerated + 3
    if tolerated < 0 or count < least:
        raise ValueError(f"{rule} needs {factor} f + 3 = {least} updates to tolerate f = {tolerated}, not {count}")


def _scores(distances: Floats, tolerated: int) -> Floats:
    """Krum's scores by distances [K, K]."""
    count = len(distances)
    nearest = min(max(1, count - tolerated - 2), count - 1)
    others = distances.copy()
    np.fill_diagonal(others, np.inf)
    others.partition(max(nearest - 1, 0), axis=1)
    scores: Floats = others[:, :nearest].sum(axis=1)
    return scores


def _lowest(scores: Floats, count: int) -> Indices:
    """The indices of the `count` lowest scores, rounded to 1e-12, the lower index first in a tie."""
    lowest = np.argsort(np.round(scores, 12), kind="stable")[:count].astype(np.int64)
    if not np.isfinite(scores[lowest]).all():
        raise ValueError("more updates that are not finite than the rule tolerates")
    return lowest
