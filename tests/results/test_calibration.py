"""Calibration against draws and against logistic regression."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from chainward.results.calibration import ece_floor, slope
from chainward.tasks.metrics import ece


def drawn(seed: int, patients: int = 920, steepness: float = 1.0):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0.2, 1.5, patients)
    labels = (rng.random(patients) < 1 / (1 + np.exp(-steepness * scores))).astype(float)
    return labels, 1 / (1 + np.exp(-scores))


def test_the_floor_is_what_right_probabilities_reach() -> None:
    labels, probabilities = drawn(0)
    rng = np.random.default_rng(1)
    reached = [ece((rng.random(len(labels)) < probabilities).astype(float), probabilities) for _ in range(400)]
    assert ece_floor(probabilities, np.arange(len(labels))) == pytest.approx(np.mean(reached), rel=0.03)


def test_the_floor_of_repeated_predictions_is_that_of_their_patients() -> None:
    """Five partitions predict each patient five times, a little differently; the outcome is one."""
    _, probabilities = drawn(0)
    rng = np.random.default_rng(1)
    patients = np.tile(np.arange(len(probabilities)), 5)
    repeated = np.clip(np.tile(probabilities, 5) + rng.normal(0, 0.01, len(patients)), 0, 1)
    outcomes = ((rng.random(len(probabilities)) < probabilities).astype(float) for _ in range(200))
    reached = [ece(np.tile(one, 5), repeated) for one in outcomes]
    assert ece_floor(repeated, patients) == pytest.approx(np.mean(reached), rel=0.06)


def test_what_is_wrong_exceeds_the_floor() -> None:
    labels, probabilities = drawn(2, steepness=0.3)
    assert ece(labels, probabilities) > 2 * ece_floor(probabilities, np.arange(len(labels)))


@pytest.mark.parametrize("steepness", [0.3, 1.0, 2.0])
def test_slope_is_that_of_logistic_regression(steepness: float) -> None:
    labels, probabilities = drawn(4, steepness=steepness)
    scores = np.log(probabilities / (1 - probabilities))[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scores, labels)
    assert slope(labels, probabilities) == pytest.approx(model.coef_[0, 0], rel=1e-3)


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [([0, 0], [0.1, 0.9]), ([0, 1], [0.5, 0.5]), ([0, 1], [0.1, 0.9]), ([1, 0], [0.1, 0.9])],
    ids=["one class", "one probability", "classes part", "classes part the other way"],
)
def test_no_slope_is_told_where_there_is_none(labels, probabilities) -> None:
    assert slope(np.array(labels, dtype=float), np.array(probabilities)) is None
