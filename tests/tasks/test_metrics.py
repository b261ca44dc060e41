import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as scikit_learn

from chainward.tasks.metrics import MEASURES, auprc, auroc, balanced_accuracy, brier, ece, f1, measures, weighted_aurocs

# Few distinct probabilities, so that most examples have ties.
PATIENTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0])), min_size=1, max_size=40)


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


@settings(max_examples=80, deadline=None)
@given(PATIENTS, st.integers(0, 2**32 - 1))
def test_weighted_auroc_is_the_auroc_of_repeated_patients(patients, seed):
    labels, probabilities = columns(patients)
    weights = np.random.default_rng(seed).integers(0, 4, size=(3, len(labels)))
    for weight, found in zip(weights, weighted_aurocs(labels, probabilities, weights), strict=True):
        expected = auroc(np.repeat(labels, weight), np.repeat(probabilities, weight))
        assert np.isnan(found) if expected is None else found == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(PATIENTS, st.randoms(use_true_random=False))
def test_no_measure_depends_on_the_order_of_patients(patients, random):
    shuffled = random.sample(patients, len(patients))
    ours, theirs = measures(*columns(patients)), measures(*columns(shuffled))
    assert ours == {name: value if value is None else pytest.approx(value) for name, value in theirs.items()}


def test_perfect_and_inverted_predictions():
    labels = np.array([0, 0, 1, 1])
    perfect = measures(labels, labels.astype(float))
    assert perfect == {"auroc": 1, "auprc": 1, "brier": 0, "ece": 0, "balanced_accuracy": 1, "f1": 1}
    inverted = measures(labels, 1.0 - labels)
    assert (inverted["auroc"], inverted["brier"], inverted["ece"], inverted["f1"]) == (0, 1, 1, 0)


def test_figures_by_hand():
    labels, probabilities = np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.5, 0.9])
    assert auroc(labels, probabilities) == 0.75
    assert auprc(labels, probabilities) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert brier(labels, probabilities) == pytest.approx((0.01 + 0.36 + 0.25 + 0.01) / 4)
    assert (balanced_accuracy(labels, probabilities), f1(labels, probabilities)) == (0.5, 0.5)
    assert ece(labels, probabilities, bins=2) == pytest.approx((0.5 * 0.25) + (0.5 * 0.2))


def test_calibration_error_tells_a_calibrated_model_from_a_confident_one():
    rng = np.random.default_rng(0)
    truth = rng.random(20_000)
    labels = (rng.random(20_000) < truth).astype(int)
    assert ece(labels, truth) < 0.02
    assert ece(labels, np.where(truth > 0.5, 0.99, 0.01)) > 0.2


@pytest.mark.parametrize("labels", [np.zeros(5), np.ones(5)])
def test_one_class_has_no_ranking_but_a_brier_score(labels):
    found = measures(labels, np.full(5, 0.5))
    assert [name for name, value in found.items() if value is not None] == ["brier", "ece"]
    assert (found["brier"], found["ece"]) == (0.25, 0.5)


def test_nobody_has_no_figure():
    assert set(measures(np.array([]), np.array([])).values()) == {None}
    assert next(iter(MEASURES)) == "auroc"


def test_a_diverged_model_is_not_scored():
    for measure in (auroc, auprc, balanced_accuracy, brier, f1):
        with pytest.raises(ValueError, match="NaN"):
            measure(np.array([0, 1]), np.array([np.nan, 0.5]))
    with pytest.raises(ValueError, match="NaN"):
        brier(np.array([1]), np.array([np.nan]))


ANY_PATIENTS = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1, width=32)), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", [np.int64, np.float32])
@settings(max_examples=150, deadline=None)
@given(st.one_of(PATIENTS, ANY_PATIENTS))
def test_measures_are_those_of_scikit_learn(kind, patients):
    labels, probabilities = columns(patients)
    labels = labels.astype(kind)
    called = probabilities >= 0.5
    assert brier(labels, probabilities) == pytest.approx(
        scikit_learn.brier_score_loss(labels, probabilities, pos_label=1), abs=1e-12
    )
    if 0 < labels.sum() < len(labels):
        expected = {
            auprc: scikit_learn.average_precision_score(labels, probabilities),
            auroc: scikit_learn.roc_auc_score(labels, probabilities),
            balanced_accuracy: scikit_learn.balanced_accuracy_score(labels, called),
            f1: scikit_learn.f1_score(labels, called, zero_division=0.0),
        }
        for measure, theirs in expected.items():
            assert measure(labels, probabilities) == pytest.approx(theirs, abs=1e-12)


def test_many_patients_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    labels, probabilities = rng.integers(0, 2, 500), rng.random(500).round(2)
    found = weighted_aurocs(labels, probabilities, np.ones((1, 500), dtype=np.int64))
    assert found[0] == pytest.approx(scikit_learn.roc_auc_score(labels, probabilities))
    assert auroc(labels, probabilities) == pytest.approx(scikit_learn.roc_auc_score(labels, probabilities), abs=1e-12)
