"""SVRG against the paper's step by hand, its identities, and where it must end."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.methods import variance_reduction as svrg

ROWS = svrg.with_bias(np.random.default_rng(0).standard_normal((60, 3)))
LABELS = (ROWS @ [1.0, -2.0, 0.5, 0.3] + np.random.default_rng(1).standard_normal(60) > 0).astype(float)
ZERO = np.zeros(4)


def linear(scores: object, labels: object) -> svrg.Floats:
    """x'w - y: the paper's (x'w - y)^2 / 2."""
    return np.asarray(scores, float) - np.asarray(labels, float)


def test_a_step_by_hand() -> None:
    """w - (beta / N) ((x'w - y) x - (x'a - y) x + g): N = 2, beta = 1, w = (1), a = (0), x = 2, y = 1, g = 3."""
    rows, labels = np.array([[2.0], [9.0]]), np.array([1.0, 9.0])
    found = svrg.descended([1.0], [0.0], [3.0], rows, labels, 1.0, [0], linear)
    assert found.tolist() == [1 - 0.5 * ((2 - 1) * 2 - (0 - 1) * 2 + 3)]


def test_the_formula_step_after_step() -> None:
    order, rng = [3, 3, 59, 0], np.random.default_rng(2)
    start, anchor, slope = rng.standard_normal((3, 4))
    expected = start.copy()
    for k in order:
        one = [svrg.gradient(weights, ROWS[k : k + 1], LABELS[k : k + 1]) for weights in (expected, anchor)]
        expected = expected - 0.7 / 60 * ((one[0] - one[1]) + slope)
    np.testing.assert_allclose(svrg.descended(start, anchor, slope, ROWS, LABELS, 0.7, order), expected, rtol=1e-12)


def test_from_its_anchor_the_first_step_is_one_of_plain_descent_whoever_is_drawn() -> None:
    slope = svrg.gradient(ZERO, ROWS, LABELS)
    for k in (0, 17, 59):
        found = svrg.descended(ZERO, ZERO, slope, ROWS, LABELS, 60.0, [k])
        np.testing.assert_allclose(found, -slope, atol=1e-15)


def test_with_no_step_or_at_rest_nothing_moves() -> None:
    start = np.ones(4)
    assert svrg.descended(start, ZERO, start, ROWS, LABELS, 0.0, range(60)).tolist() == start.tolist()
    assert svrg.descended(start, start, ZERO, ROWS, LABELS, 1.0, range(60)).tolist() == start.tolist()


def test_linear_regression_ends_at_least_squares_and_logistic_where_its_gradient_is_zero() -> None:
    rng, targets = np.random.default_rng(3), ROWS @ [1.0, -2.0, 0.5, 0.3] + 0.1 * np.random.default_rng(4).random(60)
    weights = {"linear": ZERO, "logistic": ZERO}
    for _ in range(400):
        order = rng.integers(60, size=60)
        slope = svrg.gradient(weights["linear"], ROWS, targets, linear)
        weights["linear"] = svrg.descended(
            weights["linear"], weights["linear"], slope, ROWS, targets, 5.0, order, linear
        )
        slope = svrg.gradient(weights["logistic"], ROWS, LABELS)
        weights["logistic"] = svrg.descended(weights["logistic"], weights["logistic"], slope, ROWS, LABELS, 15.0, order)
    least, *_ = np.linalg.lstsq(ROWS, targets, rcond=None)
    np.testing.assert_allclose(weights["linear"], least, atol=1e-8)
    assert np.abs(svrg.gradient(weights["logistic"], ROWS, LABELS)).max() < 1e-6


def test_the_variance_is_reduced() -> None:
    """Near the anchor, steps differ less between patients than those of stochastic descent."""
    near, slope = np.full(4, 0.01), svrg.gradient(ZERO, ROWS, LABELS)
    reduced = [svrg.descended(near, ZERO, slope, ROWS, LABELS, 60.0, [k]) for k in range(60)]
    plain = [near - svrg.gradient(near, ROWS[k : k + 1], LABELS[k : k + 1]) for k in range(60)]
    assert np.std(reduced, axis=0).max() < 0.05 * np.std(plain, axis=0).min()


def test_a_local_update_takes_as_many_steps_as_patients_and_tells_its_own_gradient() -> None:
    features, start = ROWS[:, :3].astype(np.float32), np.full(4, 0.1, np.float32)
    own = svrg.local_update(start, None, features, LABELS, 2.0, np.random.default_rng(5))
    rows, order = svrg.with_bias(features), np.random.default_rng(5).integers(60, size=60)
    np.testing.assert_allclose(own.slope, svrg.gradient(start, rows, LABELS), rtol=1e-6)
    expected = svrg.descended(start, start, own.slope, rows, LABELS, 2.0, order)
    np.testing.assert_allclose(own.weights, expected, rtol=1e-6)
    assert own.weights.dtype == own.slope.dtype == np.float32
    anchored = svrg.local_update(start, (ZERO, ZERO), features, LABELS, 2.0, np.random.default_rng(5))
    assert np.abs(anchored.weights - own.weights).max() > 1e-3


def test_a_network_with_hidden_units_has_no_gradient_here() -> None:
    with pytest.raises(ValueError, match="without hidden units"):
        svrg.local_update(np.zeros(9, np.float32), None, ROWS[:, :3], LABELS, 1.0, np.random.default_rng(0))
