"""Hospitals' own figures, and predictions that cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.results.hospitals import by_hospital, worst
from chainward.results.predictions import Predictions
from chainward.tasks.metrics import auroc


def trials(seed, size=60):
    """Five seeds of other patients each at three hospitals; positives score a little higher."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(5):
        labels = rng.integers(0, 2, size)
        hospital = np.array(["a", "b", "c"])[rng.integers(0, 3, size)]
        patient = np.arange(size * number, size * (number + 1))
        found.append(Predictions(hospital, patient, labels, 1 / (1 + np.exp(-rng.normal(labels)))))
    return found


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ((["a"], [1, 2], [0, 1], [0.1, 0.2]), "length"),
        ((["a", "a"], [1, 2], [0, 1], [0.1, float("nan")]), "finite"),
        ((["a", "a"], [1, 2], [0, 1], [0.1, 1.1]), "between 0 and 1"),
        ((["a", "a"], [1, 2], [0, 1], [-0.1, 1.0]), "between 0 and 1"),
    ],
)
def test_unsound_predictions_are_refused(broken, said):
    with pytest.raises(ValueError, match=said):
        Predictions(*broken)


def hospital(name, positives, negatives, offset, probability=None):
    size = positives + negatives
    rng = np.random.default_rng(offset)
    return Predictions(
        np.full(size, name),
        np.arange(offset, offset + size),
        np.repeat([1, 0], [positives, negatives]),
        rng.random(size) if probability is None else probability,
    )


def test_ten_of_each_class_make_a_hospital_estimable():
    few, enough = by_hospital([hospital("few", 115, 9, 0), hospital("plenty", 10, 10, 500)])
    assert (few.auroc, str(few)) == (None, "not estimable (115+, 9−)")
    assert enough.auroc.low <= enough.auroc.estimate <= enough.auroc.high
    assert str(enough).startswith("0.")


def test_repeated_partitions_do_not_multiply_patients():
    seeds = [hospital("swiss", 30, 8, 0), hospital("swiss", 30, 8, 0)]
    assert str(by_hospital(seeds)[0]) == "not estimable (30+, 8−)"
    (once,), (twice,) = by_hospital([hospital("b", 30, 30, 0)]), by_hospital([hospital("b", 30, 30, 0)] * 2)
    assert (twice.positives, twice.negatives) == (30, 30)
    # Not to the digit: sixty rows of a class are widened by 60 / 59, thirty by 30 / 29.
    assert (twice.auroc.low, twice.auroc.high) == (
        pytest.approx(once.auroc.low, rel=0.02),
        pytest.approx(once.auroc.high, rel=0.02),
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_hospital_figures_pool_all_seeds(seed):
    seeds = trials(seed)
    for score in by_hospital(seeds):
        labels, scores = (
            np.concatenate([getattr(one, name)[one.hospital == score.hospital] for one in seeds])
            for name in ("label", "probability")
        )
        assert score.auroc.estimate == pytest.approx(auroc(labels, scores))
        assert (score.positives, score.negatives) == (labels.sum(), (1 - labels).sum())


def test_the_worst_hospital_is_an_estimable_one():
    right = np.repeat([0.9, 0.1], [20, 20])
    scores = by_hospital(
        [hospital("good", 20, 20, 0, right), hospital("bad", 20, 20, 100, 1 - right), hospital("tiny", 9, 20, 200)]
    )
    assert worst(scores).hospital == "bad"
    assert worst(scores[1:2]) is scores[1]
    assert worst([score for score in scores if score.hospital == "tiny"]) is None


def test_equals_are_named_by_name_and_not_by_noise():
    right = np.repeat([0.9, 0.1], [20, 20])
    scores = by_hospital([hospital("b", 20, 20, 0, right), hospital("a", 20, 20, 100, right)])
    assert worst(scores).hospital == worst(scores[::-1]).hospital == "a"


def test_a_patient_of_both_classes_counts_in_both():
    patients = np.repeat(np.arange(40), 2)
    one = Predictions(np.full(80, "A"), patients, np.tile([0, 1], 40), np.tile([0.2, 0.6], 40))
    (score,) = by_hospital([one])
    assert (score.positives, score.negatives) == (40, 40)
    assert score.auroc is not None
