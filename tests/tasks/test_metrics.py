import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as scikit_learn

from chainward.tasks.metrics import (
    accuracy,
    auroc,
    ece,
    f1,
    log_loss,
    positive_predictive_value,
    sensitivity,
    specificity,
)

# Few distinct probabilities, so that most examples have ties.
PATIENTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), min_size=1, max_size=40)


MEASURES = (auroc, ece, f1, log_loss)


def columns(patients):
    labels, probabilities = zip(*patients, strict=True)
    return np.array(labels), np.array(probabilities)


@settings(max_examples=80, deadline=None)
@given(PATIENTS)
def test_auroc_counts_pairs_and_half_of_ties(patients):
    labels, probabilities = columns(patients)
    pairs = [(p > q) + (p == q) / 2 for p in probabilities[labels == 1] for q in probabilities[labels == 0]]
    expected = np.mean(pairs) if pairs else None
    assert auroc(labels, probabilities) == (None if expected is None else pytest.approx(expected))


@settings(max_examples=60, deadline=None)
@given(PATIENTS, st.randoms(use_true_random=False))
def test_no_measure_depends_on_the_order_of_patients(patients, random):
    shuffled = random.sample(patients, len(patients))
    for measure in MEASURES:
        ours, theirs = (measure(*columns(order)) for order in (patients, shuffled))
        assert ours == (None if theirs is None else pytest.approx(theirs))


def test_perfect_and_inverted_predictions():
    labels = np.array([0, 0, 1, 1])
    assert [measure(labels, labels.astype(float)) for measure in MEASURES] == [1, 0, 1, pytest.approx(0)]
    worst = [measure(labels, 1.0 - labels) for measure in MEASURES]
    assert worst == [0, 1, 0, pytest.approx(-np.log(np.finfo(np.float64).eps))]


def test_figures_by_hand():
    labels, probabilities = np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.9])
    assert (auroc(labels, probabilities), f1(labels, probabilities)) == (0.75, 0.5)
    assert ece(labels, probabilities, bins=2) == pytest.approx((0.5 * 0.25) + (0.5 * 0.2))


def test_accuracy_says_little_where_few_are_positive():
    """90 of 100 ectopic beats are found, 5 of 900 others are taken for one."""
    labels = np.repeat([1, 1, 0, 0], [90, 10, 5, 895])
    probabilities = np.repeat([0.9, 0.1, 0.9, 0.1], [90, 10, 5, 895])
    assert accuracy(labels, probabilities) == 0.985
    assert sensitivity(labels, probabilities) == 0.9
    assert positive_predictive_value(labels, probabilities) == pytest.approx(0.947368, abs=5e-7)
    assert specificity(labels, probabilities) == pytest.approx(0.994444, abs=5e-7)
    nobody = np.full(1000, 0.1)
    assert accuracy(labels, nobody) == 0.9
    assert (sensitivity(labels, nobody), positive_predictive_value(labels, nobody), f1(labels, nobody)) == (0, 0, 0)


def test_calls_need_both_classes_and_numbers():
    for measure in (sensitivity, specificity, positive_predictive_value):
        assert measure(np.ones(3), np.full(3, 0.7)) is None
    assert accuracy(np.ones(3), np.full(3, 0.7)) == 1.0
    assert accuracy(np.array([]), np.array([])) is None
    for measure in (accuracy, sensitivity, specificity, positive_predictive_value):
        with pytest.raises(ValueError, match="NaN"):
            measure(np.array([0, 1]), np.array([np.nan, 0.5]))


def test_calibration_error_tells_a_calibrated_model_from_a_confident_one():
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    labels = (rng.random(20_000) < truth).astype(int)
    assert ece(labels, truth) < 0.02
    assert ece(labels, np.where(truth > 0.5, 0.99, 0.01)) > 0.2


@pytest.mark.parametrize("labels", [np.zeros(5), np.ones(5)])
def test_one_class_has_no_ranking_but_a_loss(labels):
    assert [measure(labels, np.full(5, 0.5)) for measure in MEASURES] == [None, 0.5, None, pytest.approx(np.log(2))]


def test_nobody_has_no_figure():
    assert {measure(np.array([]), np.array([])) for measure in MEASURES} == {None}


def test_a_diverged_model_is_not_scored():
    for measure in (auroc, f1, log_loss):
        with pytest.raises(ValueError, match="NaN"):
            measure(np.array([0, 1]), np.array([np.nan, 0.5]))


ANY_PATIENTS = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", [np.int64, np.float32])
@settings(max_examples=150, deadline=None)
@given(st.one_of(PATIENTS, ANY_PATIENTS))
def test_measures_are_those_of_scikit_learn(kind, patients):
    labels, probabilities = columns(patients)
    labels = labels.astype(kind)
    if 0 < labels.sum() < len(labels):
        expected = {
            auroc: scikit_learn.roc_auc_score(labels, probabilities),
            accuracy: scikit_learn.accuracy_score(labels, probabilities >= 0.5),
            sensitivity: scikit_learn.recall_score(labels, probabilities >= 0.5),
            specificity: scikit_learn.recall_score(labels, probabilities >= 0.5, pos_label=0),
            positive_predictive_value: scikit_learn.precision_score(labels, probabilities >= 0.5, zero_division=0.0),
            f1: scikit_learn.f1_score(labels, probabilities >= 0.5, zero_division=0.0),
            log_loss: scikit_learn.log_loss(labels, probabilities.astype(np.float64)),
        }
        for measure, theirs in expected.items():
            assert measure(labels, probabilities) == pytest.approx(theirs, abs=1e-12)
