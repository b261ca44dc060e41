"""What each hospital contributed, by the scores all gave to all models (BlockFLow, algorithm 1, step 5), and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainward.methods.aggregation import lower_median

Floats = npt.NDArray[np.float64]
ONE = 2**20
"""1 in the contract's fixed point."""


class Contributions(NamedTuple):
    """Algorithm 1, step 5, for N agents: [N] each."""

    medians: Floats
    """m_k: lower median over auditors a of the scores s_{a,k} of model k."""
    quality: Floats
    """m'_k = m_k / max m."""
    agreement: Floats
    """d_a = min over k of max(0, (0.5 - t) / (0.5 + t)), where t = |s_{a,k} - m_k|."""
    honesty: Floats
    """d'_a = d_a / max d."""
    shares: Floats
    """p_k = min(m'_k, d'_k)."""


class FixedContributions(NamedTuple):
    """The same in units of 2**-20, every ratio floored."""

    medians: tuple[int, ...]
    quality: tuple[int, ...]
    agreement: tuple[int, ...]
    honesty: tuple[int, ...]
    shares: tuple[int, ...]


def contributions(scores: npt.ArrayLike) -> Contributions:
    """Return what the agents contributed, from scores [N, N] in [0, 1]: a row an auditor, a column a model.

    A ratio to a best of 0 is 0. Where every p would be 0, all are 1: nobody stands out.

    Examples:
        Both auditors find model 1 half as good as model 0, so its owner gets half a share.

        >>> contributions([[0.5, 0.25], [0.5, 0.25]]).shares.tolist()
        [1.0, 0.5]
    """
    matrix = np.asarray(scores, dtype=np.float64)
    medians = np.sort(matrix, axis=0)[(len(matrix) - 1) // 2]
    apart = np.abs(matrix - medians)
    agreement = np.maximum(0.0, (0.5 - apart) / (0.5 + apart)).min(axis=1)
    quality, honesty = _to_best(medians), _to_best(agreement)
    shares = np.minimum(quality, honesty)
    return Contributions(medians, quality, agreement, honesty, shares if shares.any() else np.ones_like(shares))


def fixed_contributions(scores: Sequence[Sequence[int]]) -> FixedContributions:
    """Return `contributions` in the contract's arithmetic, from scores [N, N] in units of 2**-20."""
    medians = tuple(lower_median(column) for column in zip(*scores, strict=True))
    agreement = tuple(
        min(_near(abs(score - median)) for score, median in zip(row, medians, strict=True)) for row in scores
    )
    quality, honesty = _fixed_to_best(medians), _fixed_to_best(agreement)
    shares = tuple(map(min, quality, honesty))
    return FixedContributions(medians, quality, agreement, honesty, shares if any(shares) else (ONE,) * len(shares))


def refunds(shares: Sequence[int], pool: int, reserve: int, fraction: int, last: bool) -> tuple[int, ...]:
    """Return each agent's refund in wei: rho (pool - N reserve) p_k / sum p, in the last round pool p_k / sum p.

    `fraction` is rho in units of 2**-20. All is floored, so the refunds never sum to more than there is.

    Examples:
        >>> refunds(shares=[1, 3], pool=100, reserve=0, fraction=ONE // 2, last=False)
        (12, 37)
    """
    spend = pool if last else (pool - len(shares) * reserve) * fraction // ONE
    return tuple(spend * share // sum(shares) for share in shares)


def positive_shares(values: Mapping[str, float]) -> dict[str, float]:
    """Return each value's share of the positive ones: 0 for what is not positive, and for all where nothing is.

    Examples:
        >>> positive_shares({"a": 3, "b": -2, "c": 1})
        {'a': 0.75, 'b': 0.0, 'c': 0.25}
    """
    whole = sum(value for value in values.values() if value > 0) or 1
    return {name: max(0, value) / whole for name, value in values.items()}


def fixed_point(score: float) -> int:
    """Return floor(score * 2**20)."""
    return math.floor(score * ONE)


def accuracy(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Floats:
    """Return the share of right predictions [M, n] of labels [n], both 0 or 1: [M].

    Examples:
        >>> accuracy([0, 1, 1, 1], [[0, 1, 1, 1], [0, 1, 0, 1]]).tolist()
        [1.0, 0.75]
    """
    right = np.asarray(labels, dtype=bool) == np.asarray(predicted, dtype=bool)
    return np.asarray(np.count_nonzero(right, axis=-1) / right.shape[-1])


def squared_error(labels: npt.ArrayLike, probability: npt.ArrayLike) -> Floats:
    """Return the mean squared error of probabilities [M, n] of labels [n]: [M].

    A prediction that is not a number, as of weights that are finite but huge, is as wrong as can be.

    Examples:
        >>> squared_error([0, 1], [[0.0, 1.0], [0.5, float("nan")]]).tolist()
        [0.0, 0.625]
    """
    wrong = (np.asarray(probability) - np.asarray(labels)) ** 2
    return np.asarray(np.nan_to_num(wrong, nan=1.0).mean(axis=-1), dtype=np.float64)


def macro_f1(labels: npt.ArrayLike, predicted: npt.ArrayLike) -> Floats:
    """Return the mean F1 of the two classes for predictions [M, n] of labels [n], both 0 or 1: [M].

    A class that neither the labels nor a prediction holds is left out of that prediction's mean.

    Examples:
        >>> macro_f1([0, 1, 1], [[0, 1, 1], [0, 1, 0]]).round(3).tolist()
        [1.0, 0.667]
    """
    truth, guess = np.asarray(labels, dtype=bool), np.asarray(predicted, dtype=bool)
    both = (guess & truth).sum(axis=-1)
    neither = truth.size - truth.sum() - guess.sum(axis=-1) + both
    wrong = truth.size - both - neither
    hits = np.stack([neither, both])
    f1 = 2 * hits / np.maximum(2 * hits + wrong, 1)
    mean: Floats = f1.sum(axis=0) / np.maximum((hits + wrong > 0).sum(axis=0), 1)
    return mean


def _to_best(values: Any) -> Floats:
    best = values.max()
    return np.asarray(values / best if best > 0 else np.zeros_like(values), dtype=np.float64)


def _fixed_to_best(values: Sequence[int]) -> tuple[int, ...]:
    best = max(values)
    return tuple(value * ONE // best if best else 0 for value in values)


def _near(apart: int) -> int:
    return (ONE // 2 - apart) * ONE // (ONE // 2 + apart) if apart < ONE // 2 else 0
