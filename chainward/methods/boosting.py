"""Gradient-boosted trees (Friedman 2001) by scikit-learn, kept as arrays and predicting from these alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from chainward.methods.logistic import prevalence

Trees = Mapping[str, npt.NDArray[Any]]
"""Trees side by side: `roots` [T], and for each of M nodes `left`, `right`, `feature` [M] int64, `threshold`, `value`
[M] float64. A node's child is `left` where the feature is at most the threshold; a leaf is its own child. The log-odds
are `prior` [1] and the values of the leaves."""

ENOUGH = 10
"""Patients of the rarer class from which on a tenth of the patients tells when to stop."""

PATIENCE = 10

IMPORTED_LATE = ("sklearn.ensemble",)
"""A second that whoever only lists strategies need not wait."""


def none(log_odds: float = 0.0) -> Trees:
    """Return no trees: everybody has these log-odds."""
    nodes = dict.fromkeys(("roots", "left", "right", "feature"), np.zeros(0, np.int64))
    return {"prior": np.array([log_odds]), **nodes, **dict.fromkeys(("threshold", "value"), np.zeros(0))}


def fit(
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    seed: int,
    most_trees: int = 1_000,
    depth: int = 3,
    learning_rate: float = 0.1,
) -> Trees:
    """Return the trees learned from features [n, d] and labels [n] (0 or 1).

    Trees are added until the log loss of a tenth of the patients, stratified and drawn by `seed`, has not fallen by
    1e-4 for ten trees, or there are `most_trees`. With fewer than ten patients of a class there are a hundred at most;
    with none, there is no tree, only the `prevalence`.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    rarer = min(labels.sum(), len(labels) - labels.sum())
    if not rarer:
        return none(prevalence(labels))
    enough = rarer >= ENOUGH
    model = GradientBoostingClassifier(
        n_estimators=most_trees if enough else min(most_trees, 100),
        max_depth=depth,
        learning_rate=learning_rate,
        n_iter_no_change=PATIENCE if enough else None,
        random_state=seed,
    ).fit(features, labels)
    return _arrays(model)


def predict(trees: Trees, features: npt.NDArray[Any], depth: int) -> npt.NDArray[np.float64]:
    """Return the probability [n] of label 1 for features [n, d], under trees at most so deep."""
    values, rows = features.astype(np.float32), np.arange(len(features))  # as they were when thresholds were set
    logits = np.full(len(features), trees["prior"][0])
    for root in trees["roots"]:
        node = np.full(len(features), root)
        for _ in range(depth):
            below = values[rows, trees["feature"][node]] <= trees["threshold"][node]
            node = np.where(below, trees["left"][node], trees["right"][node])
        logits += trees["value"][node]
    probability: npt.NDArray[np.float64] = expit(logits)
    return probability


def flops(features: npt.NDArray[Any], trees: Trees, depth: int) -> float:
    """Return the operations of a fit to features [n, d], an estimate.

    At each depth of each tree every column is sorted, in n log2 n comparisons, and scanned for the best place to
    split, in about ten operations a patient.
    """
    return float(len(trees["roots"]) * depth * features.size * (math.log2(max(len(features), 1)) + 10))


def _arrays(model: Any) -> Trees:
    """What a fitted `GradientBoostingClassifier` predicts by."""
    trees = [one.tree_ for one in model.estimators_[:, 0]]
    ends = np.cumsum([tree.node_count for tree in trees])
    roots = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    own = np.arange(ends[-1], dtype=np.int64)
    shift = np.repeat(roots, np.diff(ends, prepend=0))
    left, right, feature, threshold, value = (
        np.concatenate([getattr(tree, name).reshape(tree.node_count) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold", "value")
    )
    leaf, share = left < 0, model.init_.class_prior_[1]
    return {
        "prior": np.log([share / (1 - share)]),
        "roots": roots,
        "left": np.where(leaf, own, left + shift),
        "right": np.where(leaf, own, right + shift),
        "feature": np.where(leaf, 0, feature).astype(np.int64),
        "threshold": threshold,
        "value": np.where(leaf, model.learning_rate * value, 0.0),
    }
