"""Newton steps against a hand vector, maximum likelihood by others, and awkward patients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.linear_model import LogisticRegression

from chainward.errors import ChainwardError
from chainward.methods import newton
from chainward.methods.newton import Statistics
from chainward.world.forms import Unreadable, read

NOTHING = np.empty((2, 0))


def patients(rows: int = 300, features: int = 4, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, features))
    return x, (rng.random(rows) < newton.predict(np.array([0.3, *rng.standard_normal(features)]), x)).astype(float)


def iterated(x: Any, y: Any, sites: Any = None, steps: int = 21) -> tuple[Any, int, bool]:
    """Coefficients after the paper's loop over sites [n] (one where none are given), and how many steps it took."""
    groups = np.zeros(len(y), int) if sites is None else sites
    beta = np.zeros(x.shape[1] + 1)
    for count in range(1, steps + 1):
        parts = [newton.statistics(x[groups == one], y[groups == one], beta) for one in np.unique(groups)]
        before, beta = beta, newton.step(beta, newton.total(parts))
        if newton.settled(before, beta):
            return beta, count, True
    return beta, steps, False


def test_the_hand_vector_of_two_sites() -> None:
    a, b = (newton.statistics(NOTHING, np.array(labels), np.zeros(1)) for labels in ([1, 1], [0, 1]))
    assert [float(part.curvature[0, 0]) for part in (a, b)] == [0.5, 0.5]
    assert [float(part.gradient[0]) for part in (a, b)] == [1.0, 0.0]
    assert newton.step(np.zeros(1), newton.total([a, b]))[0] == pytest.approx(1 / 1.0000001, abs=1e-15)
    beta, _, converged = iterated(np.empty((4, 0)), np.array([1, 1, 0, 1]))
    assert converged
    assert beta[0] == pytest.approx(math.log(3), abs=1e-9)


def test_the_ridge_is_part_of_the_step() -> None:
    sums = Statistics(np.array([[1.0]]), np.array([1.0]))
    assert newton.step(np.zeros(1), sums, ridge=1.0)[0] == 0.5


def test_statistics_are_the_derivatives_of_the_likelihood() -> None:
    x, y = patients(50, 2)
    beta, h = np.array([0.1, -0.4, 0.7]), 1e-5

    def likelihood(at: Any) -> float:
        logits = newton.with_bias(x) @ at
        return float((y * logits - np.logaddexp(0, logits)).sum())

    found, unit = newton.statistics(x, y, beta), np.eye(3)
    slope = [(likelihood(beta + h * e) - likelihood(beta - h * e)) / (2 * h) for e in unit]
    np.testing.assert_allclose(found.gradient, slope, atol=1e-6)
    below, above = ([newton.statistics(x, y, beta + way * e).gradient for e in unit] for way in (-h, h))
    np.testing.assert_allclose(found.curvature, np.subtract(below, above) / (2 * h), atol=1e-6)
    assert np.array_equal(found.curvature, found.curvature.T)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_any_partition_of_the_rows_gives_the_same(seed: int, sites: int) -> None:
    x, y = patients(120, 3, seed % 7)
    rng = np.random.default_rng(seed)
    whole, parts = iterated(x, y), iterated(x, y, rng.integers(0, sites, len(y)))
    np.testing.assert_allclose(parts[0], whole[0], atol=1e-10, rtol=0)
    assert parts[1:] == whole[1:]


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_find_the_maximum_that_scikit_learn_finds(seed: int) -> None:
    x, y = patients(seed=seed)
    other = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1_000).fit(x, y)
    expected = np.concatenate([other.intercept_, other.coef_[0]])
    fit = newton.maximum_likelihood(x, y)
    assert fit.converged
    np.testing.assert_allclose(fit.coefficients, expected, atol=1e-7, rtol=0)
    np.testing.assert_allclose(iterated(x, y)[0], expected, atol=1e-7, rtol=0)


def redundant(x: Any) -> Any:
    """A constant column, one that nobody has, and two levels that add up to the bias; in other units."""
    level = (x[:, :1] > 0).astype(float)
    return np.column_stack([x * [1e3, 1, 1e-3, 1], np.full(len(x), 7.0), np.zeros(len(x)), level, 1 - level])


def test_directions_in_which_nobody_differs_take_no_step() -> None:
    x, y = patients()
    x = redundant(x)
    beta, _, converged = iterated(x, y)
    fit = newton.maximum_likelihood(x, y)
    assert converged
    assert fit.converged
    assert beta[6] == fit.coefficients[6] == 0
    np.testing.assert_allclose(beta, fit.coefficients, atol=1e-9, rtol=0)  # of all that are as likely, the least
    others, _, _ = iterated(x, y, np.arange(len(y)) % 5)
    np.testing.assert_allclose(others, beta, atol=1e-9, rtol=0)


@pytest.mark.parametrize("labels", [np.ones(30), np.zeros(30), (np.arange(30) > 14).astype(float)])
def test_patients_whom_a_plane_separates_leave_all_finite(labels: Any) -> None:
    x = np.arange(30.0)[:, None]
    beta, *_ = iterated(x, labels, steps=100)
    fit = newton.maximum_likelihood(x, labels)
    assert np.isfinite([*beta, *fit.coefficients]).all()
    assert not fit.converged
    assert np.array_equal(newton.predict(fit.coefficients, x) > 0.5, labels > 0.5)
    assert np.isfinite(newton.predict(beta, x)).all()


def test_no_step_leads_out_of_bounds_and_none_is_not_the_same_object() -> None:
    beta = np.array([1.0])
    far = newton.step(beta, Statistics(np.array([[1e-9]]), np.array([1e9])))
    assert far is beta
    still = newton.step(beta, Statistics(np.array([[1.0]]), np.array([0.0])))
    assert still is not beta
    assert still.tolist() == [1.0]


def test_where_patients_predicted_wrongly_are_as_good_as_sure_there_is_no_step() -> None:
    """Their curvature is gone and their gradient is not: to stand still there is not to have converged."""
    beta = np.zeros(2)
    for curvature in (np.zeros((2, 2)), np.ones((2, 2)), np.diag([1.0, 0.0])):
        assert newton.step(beta, Statistics(curvature, np.array([0.0, 1.0]))) is beta
        assert newton.step(beta, Statistics(curvature, np.zeros(2))) is not beta


SOUND = {"curvature": np.eye(2), "gradient": np.zeros(2)}
BAD = {
    "no gradient": {"curvature": np.eye(2)},
    "one name more": {**SOUND, "more": np.zeros(1)},
    "another shape": {**SOUND, "curvature": np.eye(3)},
    "a row too many": {**SOUND, "gradient": np.zeros(3)},
    "float32": {**SOUND, "gradient": np.zeros(2, np.float32)},
    "not a number": {**SOUND, "gradient": np.array([np.nan, 0])},
    "infinite": {**SOUND, "curvature": np.diag([np.inf, 1])},
    "huge": {**SOUND, "gradient": np.array([2e15, 0])},
    "not symmetric": {**SOUND, "curvature": np.array([[1.0, 0.5], [0.4, 1.0]])},
    "negative": {**SOUND, "curvature": -np.eye(2)},
    "indefinite": {**SOUND, "curvature": np.array([[1.0, 2.0], [2.0, 1.0]])},
    "less than nothing beside much": {**SOUND, "curvature": np.diag([1e15, -1.0])},
    "more in common than of its own": {**SOUND, "curvature": np.array([[1e15, 1e6], [1e6, 5e-324]])},
    "a text": "?",
    "nothing": None,
}


@pytest.mark.parametrize("form", BAD)
def test_sums_that_no_patients_have_are_unreadable(form: str) -> None:
    with pytest.raises(Unreadable):
        read(BAD[form], newton.form(2))


@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(-50, 50)), st.integers(0, 63))
def test_whatever_patients_have_can_be_read(x: Any, labels: int) -> None:
    """Also of one patient, of equal ones, and where probabilities are 0 or 1."""
    y = np.array([labels >> place & 1 for place in range(len(x))], float)
    for beta in (np.zeros(4), np.array([1.0, -30.0, 4.0, 9.0])):
        found = newton.statistics(x, y, beta)
        assert read(found._asdict(), newton.form(4)) == found


@pytest.mark.parametrize(
    "value", [np.zeros(3), np.zeros(2, np.float32), np.array([np.nan, 0.0]), np.array([2e9, 0.0]), [0.0, 0.0], None]
)
def test_coefficients_of_another_form_are_unreadable(value: Any) -> None:
    with pytest.raises(Unreadable):
        read(value, newton.form_of_coefficients(2))
    assert read(np.ones(2), newton.form_of_coefficients(2)).tolist() == [1.0, 1.0]


def test_too_many_features_are_refused_by_name() -> None:
    newton.need_few(1_000)
    with pytest.raises(ChainwardError, match="1,001 features"):
        newton.need_few(1_001)


def test_operations_grow_as_products_do() -> None:
    assert newton.flops(100, 10) == 2 * 100 * 10 * 12
    assert newton.step_flops(3, 3) == 3 * 3 * 4 + 18
    assert newton.least_squares_flops(10, 2, 3) == 3 * (4 * 10 * 4 + 64)
