"""Binary features and the classifiers that learn from one datum after another, against vectors and plain arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainward.methods.online_learning import (
    OFF,
    NearestCentroid,
    Perceptron,
    binarised,
    normal_edges,
    probabilities,
)

D = 6
LEARNERS = st.one_of(
    st.builds(Perceptron, arrays(np.int64, D, elements=st.integers(-9, 9)), st.integers(-3, 3)),
    st.builds(
        NearestCentroid,
        arrays(np.int64, 2, elements=st.integers(0, 9)),
        arrays(np.int64, (D, 2), elements=st.integers(0, 9)),
    ),
)
DATA = arrays(np.int64, (5, 3), elements=st.integers(-1, D - 1))


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


def test_hand_vector() -> None:
    """Weights (0, 5, -1): feature 2 is taken for class 0, after one datum too, and after another no more."""
    learner, on = Perceptron(ints(0, 5, -1)), ints(2)
    for weight, expected in ((-1, False), (0, False), (1, True)):
        assert learner.weights.tolist() == [0, 5, weight]
        assert learner.predicted(on[None]).tolist() == [expected]
        learner = learner.learned(on, 1)
    assert learner.weights.tolist() == [0, 5, 1]


def test_a_mistake_moves_what_is_on_by_the_rate_and_nothing_else() -> None:
    learner = Perceptron(ints(1, 1, 1, 1), rate=3).learned(ints(0, OFF, 2), 0)
    assert learner.weights.tolist() == [-2, 1, -2, 1]
    assert learner.bias == 0


def test_what_is_off_counts_for_nothing() -> None:
    on = np.array([[0, OFF, OFF], [OFF, OFF, OFF]], np.int64)
    assert Perceptron(ints(4, 50), bias=1).sums(on).tolist() == [5, 1]
    assert NearestCentroid(ints(1, 1), np.array([[1, 0], [0, 1]])).predicted(on).tolist() == [False, False]


def test_a_centroid_is_its_classes_mean() -> None:
    learner = NearestCentroid(ints(0, 0), np.zeros((3, 2), np.int64))
    for on, label in ((ints(2, OFF), 1), (ints(0, 1), 0), (ints(1, OFF), 0)):
        learner = learner.learned(on, label)
    assert (learner.sizes.tolist(), learner.counts.tolist()) == ([2, 1], [[1, 0], [2, 0], [0, 1]])
    assert learner.margins(np.array([[0], [2]], np.int64)).tolist() == [5 / 4 - 2, 9 / 4 - 0]


@pytest.mark.parametrize(("sizes", "expected"), [((0, 0), False), ((3, 0), False), ((0, 3), True)])
def test_a_class_without_data_is_never_the_nearest(sizes: tuple[int, int], expected: bool) -> None:
    learner = NearestCentroid(ints(*sizes), np.zeros((D, 2), np.int64))
    assert learner.predicted(np.zeros((2, 1), np.int64)).tolist() == [expected] * 2
    assert (probabilities(learner, np.zeros((2, 1), np.int64)) > 0.5).tolist() == [expected] * 2


@given(st.sets(st.tuples(*[st.booleans()] * D), min_size=1), st.sets(st.tuples(*[st.booleans()] * D), min_size=1))
def test_margins_are_differences_of_squared_distances(first: set[Any], second: set[Any]) -> None:
    classes = [np.array(sorted(rows), np.int64) for rows in (first, second)]
    counts = np.column_stack([rows.sum(axis=0) for rows in classes])
    learner = NearestCentroid(ints(len(first), len(second)), counts)
    asked = np.eye(D, dtype=np.int64)
    means = [[Fraction(int(count), len(rows)) for count in rows.sum(axis=0)] for rows in classes]
    expected = []
    for row in asked.tolist():
        far = [sum((x - c) ** 2 for x, c in zip(row, centroid, strict=True)) for centroid in means]
        expected.append(float(far[0] - far[1]))
    assert learner.margins(np.arange(D, dtype=np.int64)[:, None]).tolist() == pytest.approx(expected)


def test_large_counts_do_not_overflow() -> None:
    """A hundred thousand patients: whole numbers beyond 64 bits decide."""
    many = 10**5
    counts = np.array([[many, 0]] * 500 + [[0, many]] * 500, np.int64)
    on = np.array([range(500), range(500, 1000)], np.int64)
    learner = NearestCentroid(ints(many, many), counts)
    assert learner.predicted(on).tolist() == [False, True]
    assert learner.margins(on).tolist() == [-1000, 1000]


@given(LEARNERS, DATA)
def test_probabilities_are_above_a_half_just_where_class_1_is_predicted(learner: Any, on: Any) -> None:
    found = probabilities(learner, on)
    assert ((found > 0.5) == (found >= 0.5)).all()
    assert ((found > 0.5) == learner.predicted(on)).all()
    assert ((found >= 0) & (found <= 1)).all()


@given(LEARNERS, DATA)
def test_probabilities_keep_the_order_of_margins(learner: Any, on: Any) -> None:
    order = np.argsort(learner.margins(on), kind="stable")
    assert (np.diff(probabilities(learner, on)[order]) >= 0).all()


@given(LEARNERS, DATA, st.integers(0, 1))
def test_learning_leaves_what_there_was(learner: Any, on: Any, label: int) -> None:
    before = {name: np.array(value) for name, value in vars(learner).items()}
    learner.learned(np.unique(on[0]), label)
    assert all((before[name] == np.array(value)).all() for name, value in vars(learner).items())


def test_a_datum_that_is_nearer_by_no_digit_of_a_probability_is_still_on_its_side() -> None:
    many = 10**7
    learner = NearestCentroid(np.array([many, many + 1]), np.array([[many - 1, many]]))
    assert learner.predicted(np.array([[0]])).tolist() == [True]
    assert probabilities(learner, np.array([[0]])) > 0.5


# --- binary features -----------------------------------------------------------------------------


def test_edges_are_quartiles_of_the_normal_distribution() -> None:
    assert normal_edges(4) == pytest.approx((-0.6744897502, 0.0, 0.6744897502))
    assert normal_edges(1) == ()
    with pytest.raises(ValueError, match="0 bins"):
        normal_edges(0)


def test_bins_are_equally_probable() -> None:
    values = np.random.default_rng(0).standard_normal((100_000, 1))
    shares = np.bincount(binarised(values, 5)[:, 0]) / len(values)
    assert shares == pytest.approx([0.2] * 5, abs=0.005)


def test_columns_have_features_of_their_own_and_nothing_is_off() -> None:
    features = np.array([[-9.0, -0.5, 0.5, 9.0, 0.0, 1.0]], np.float32)
    assert binarised(features, 4).tolist() == [[0, 5, 10, 15, OFF, 23]]
    assert binarised(features[:0], 4).shape == (0, 6)


@given(arrays(np.float32, (4, 3), elements=st.floats(-10, 10, width=32)), st.integers(1, 6))
def test_one_row_says_nothing_about_another(features: Any, bins: int) -> None:
    """So no patient's bin is another's doing, and none of a test patient's."""
    alone = np.vstack([binarised(row[None], bins) for row in features])
    assert (binarised(features, bins) == alone).all()
    on = alone[features != 0]
    assert ((on >= 0) & (on < 3 * bins)).all()
    assert (alone[features == 0] == OFF).all()
