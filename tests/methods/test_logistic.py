from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from chainward.methods import logistic


def drawn(patients: int, seed: int = 0, slope: float = 1.0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((patients, 4)) * [1.0, 100.0, 0.01, 0.0] + [0.0, 5.0, 1.0, 7.0]
    labels = (rng.random(patients) < 1 / (1 + np.exp(-slope * features[:, 0]))).astype(np.float32)
    return features.astype(np.float32), labels


@pytest.mark.parametrize("patients", [40, 200])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_is_scikit_learns_search_for_a_penalty_on_standardised_features(patients: int, seed: int) -> None:
    features, labels = drawn(patients, seed)
    scaler = StandardScaler().fit(features.astype(np.float64))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    grid = {"C": [1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3]}
    search = GridSearchCV(LogisticRegression(max_iter=1_000), grid, scoring="neg_log_loss", cv=folds)
    standard = scaler.transform(features.astype(np.float64))
    expected = search.fit(standard, labels).predict_proba(standard)[:, 1]
    found = logistic.predict(logistic.fit(features, labels, seed), features)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@given(
    patients=st.integers(0, 12),
    positive=st.integers(0, 12),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=30, deadline=None)
def test_any_small_hospital_has_a_model(patients: int, positive: int, seed: int) -> None:
    features, _ = drawn(patients, seed % 100)
    labels = (np.arange(patients) < positive).astype(np.float32)
    coefficients = logistic.fit(features, labels, seed)
    assert coefficients.shape == (5,)
    assert coefficients.dtype == np.float64
    probability = logistic.predict(coefficients, features)
    assert ((probability > 0) & (probability < 1)).all()
    assert logistic.fit(features, labels, seed).tolist() == coefficients.tolist()


@pytest.mark.parametrize(("label", "expected"), [(0.0, 1 / 12), (1.0, 11 / 12)])
def test_one_class_alone_predicts_its_smoothed_prevalence(label: float, expected: float) -> None:
    features, _ = drawn(10)
    coefficients = logistic.fit(features, np.full(10, label, np.float32), 0)
    assert logistic.predict(coefficients, features) == pytest.approx([expected] * 10)


def test_noise_is_penalised_and_signal_is_not() -> None:
    signal, noise = (np.abs(logistic.fit(*drawn(300, slope=slope), 0)[1]) for slope in (3.0, 0.0))
    assert signal > 1.5
    assert noise < 0.2


def test_nobody_gives_one_half() -> None:
    features, labels = drawn(0)
    assert logistic.predict(logistic.fit(features, labels, 0), np.ones((1, 4))).tolist() == [0.5]


def test_what_does_not_vary_but_by_rounding_has_no_weight() -> None:
    """A constant column of doubles has a deviation of rounding, and would else be blown up to millions."""
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(size=27), np.full(27, 1 / 3), np.full(27, 0.7)])
    labels = (features[:, 0] + rng.normal(size=27) > 0).astype(float)
    coefficients = logistic.fit(features, labels, seed=0)
    assert np.abs(coefficients).max() < 100
    moved = features + np.array([0.0, 0.1, 0.1])
    assert np.abs(logistic.predict(coefficients, moved) - logistic.predict(coefficients, features)).max() < 0.2
