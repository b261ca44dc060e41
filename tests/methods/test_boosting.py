from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingClassifier

from chainward import codec
from chainward.methods import boosting


def drawn(patients: int, seed: int = 0) -> tuple[Any, Any]:
    """The outcome is the product of two signs, with noise: no line parts it."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((patients, 3)).astype(np.float32)
    labels = (features[:, 0] * features[:, 1] + 0.1 * rng.standard_normal(patients) > 0).astype(np.float32)
    return features, labels


@given(seed=st.integers(0, 1000), depth=st.integers(1, 4), patients=st.integers(60, 200))
@settings(max_examples=15, deadline=None)
def test_predicts_from_its_arrays_what_scikit_learn_does(seed: int, depth: int, patients: int) -> None:
    features, labels = drawn(patients, seed)
    theirs = GradientBoostingClassifier(n_estimators=60, max_depth=depth, n_iter_no_change=10, random_state=seed)
    expected = theirs.fit(features, labels).predict_proba(features)[:, 1]
    trees = boosting.fit(features, labels, seed, most_trees=60, depth=depth)
    np.testing.assert_allclose(boosting.predict(trees, features, depth), expected, rtol=1e-12)
    assert len(trees["roots"]) == theirs.n_estimators_
    new = np.random.default_rng(seed).standard_normal((50, 3))  # float64, as raw tasks have it
    np.testing.assert_allclose(boosting.predict(trees, new, depth), theirs.predict_proba(new)[:, 1], rtol=1e-12)


def test_learns_what_no_line_can() -> None:
    (features, labels), (others, truth) = drawn(600), drawn(300, seed=1)
    trees = boosting.fit(features, labels, 0)
    assert ((boosting.predict(trees, others, 3) > 0.5) == (truth > 0.5)).mean() > 0.85


def test_stops_long_before_there_are_as_many_trees_as_allowed() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((300, 3)), (rng.random(300) < 0.5).astype(np.float32)
    assert 1 <= len(boosting.fit(features, labels, 0)["roots"]) < 100


def test_a_trees_arrays_are_the_same_after_a_checkpoint() -> None:
    trees = boosting.fit(*drawn(100), 0)
    again = codec.decode(codec.encode(trees))
    features, _ = drawn(50, seed=1)
    assert boosting.predict(again, features, 3).tolist() == boosting.predict(trees, features, 3).tolist()


@pytest.mark.parametrize(("positive", "expected"), [(0, 1 / 12), (10, 11 / 12)])
def test_one_class_alone_predicts_its_smoothed_prevalence(positive: int, expected: float) -> None:
    features, _ = drawn(10)
    trees = boosting.fit(features, np.full(10, positive / 10, np.float32), 0)
    assert boosting.predict(trees, features, 3) == pytest.approx([expected] * 10)


@pytest.mark.parametrize("positive", [1, 9])
def test_too_few_of_a_class_to_tell_when_to_stop_give_a_hundred_trees(positive: int) -> None:
    features, _ = drawn(30)
    labels = (np.arange(30) < positive).astype(np.float32)
    assert len(boosting.fit(features, labels, 0)["roots"]) == 100
    assert len(boosting.fit(features, labels, 0, most_trees=20)["roots"]) == 20
