"""Influences are derivatives, and AUROC's give the variance of DeLong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, balanced_accuracy_score, brier_score_loss, roc_auc_score

from chainward.results import influence
from chainward.tasks import metrics

ORACLES = {
    "auroc": roc_auc_score,
    "auprc": average_precision_score,
    "brier": brier_score_loss,
    "balanced_accuracy": lambda labels, p, sample_weight=None: balanced_accuracy_score(
        labels, p >= 0.5, sample_weight=sample_weight
    ),
}


def drawn(seed: int, patients: int = 60, hospitals: int = 3, steps: int = 12):
    """Hospitals, labels and probabilities, with ties."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(patients) < 0.4).astype(float)
    labels[:2] = 0, 1
    probabilities = np.clip(np.round((0.3 * labels + rng.random(patients)) * steps / 1.3) / steps, 0, 1)
    return rng.integers(hospitals, size=patients).astype(str), labels, probabilities


@settings(max_examples=25)
@given(st.integers(0, 10_000))
@pytest.mark.parametrize("name", ORACLES)
def test_an_influence_is_what_a_little_more_weight_does(name: str, seed: int) -> None:
    hospitals, labels, probabilities = drawn(seed)
    found = influence.MEASURES[name](hospitals, labels, probabilities)
    assert found.value == pytest.approx(ORACLES[name](labels, probabilities))
    step, counts = 1e-6, np.where(labels > 0, labels.sum(), (1 - labels).sum())
    widened = {"auroc": counts, "balanced_accuracy": counts, "brier": np.full(len(labels), len(labels))}.get(name)
    factor = 1.0 if widened is None else np.sqrt(widened / (widened - 1))
    for patient in range(0, len(labels), 7):
        weights = np.ones(len(labels))
        weights[patient] += step
        moved = (ORACLES[name](labels, probabilities, sample_weight=weights) - found.value) / step
        assert found.of[patient] == pytest.approx(
            moved * (factor if np.isscalar(factor) else factor[patient]), abs=1e-5
        )


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_influences_on_auroc_give_the_variance_of_delong(seed: int) -> None:
    """Written out with all pairs: the variances of the placements of both classes over their numbers."""
    hospitals, labels, probabilities = drawn(seed)
    positives, negatives = probabilities[labels > 0], probabilities[labels == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    variance = wins.mean(axis=1).var(ddof=1) / len(positives) + wins.mean(axis=0).var(ddof=1) / len(negatives)
    found = influence.auroc(hospitals, labels, probabilities)
    assert found.value == pytest.approx(metrics.auroc(labels, probabilities))
    assert found.of @ found.of == pytest.approx(variance)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_within_hospital_is_the_share_of_won_pairs_of_one_hospital(seed: int) -> None:
    hospitals, labels, probabilities = drawn(seed)
    pairs = [
        (p > q) + 0.5 * (p == q)
        for p, h in zip(probabilities[labels > 0], hospitals[labels > 0], strict=True)
        for q, g in zip(probabilities[labels == 0], hospitals[labels == 0], strict=True)
        if h == g
    ]
    assert influence.within_hospital_auroc(hospitals, labels, probabilities).value == pytest.approx(np.mean(pairs))


def test_one_hospital_has_one_auroc() -> None:
    _, labels, probabilities = drawn(3)
    alone = np.full(len(labels), "A")
    within, overall = (
        influence.within_hospital_auroc(alone, labels, probabilities),
        influence.auroc(alone, labels, probabilities),
    )
    assert within.value == pytest.approx(overall.value)
    np.testing.assert_allclose(within.of, overall.of)


def test_prevalence_alone_is_worth_nothing_within_hospitals() -> None:
    hospitals, labels, _ = drawn(5, patients=300)
    prevalence = {name: labels[hospitals == name].mean() + 0.1 * number for number, name in enumerate("012")}
    found = influence.within_hospital_auroc(hospitals, labels, np.array([prevalence[name] for name in hospitals]))
    assert found.value == 0.5
    assert not found.of.any()


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
@pytest.mark.parametrize("name", influence.MEASURES)
def test_no_measure_depends_on_the_order_of_patients(name: str, seed: int, order: int) -> None:
    columns = drawn(seed)
    turned = np.random.default_rng(order).permutation(len(columns[1]))
    plain, moved = (influence.MEASURES[name](*part) for part in (columns, [column[turned] for column in columns]))
    assert moved.value == pytest.approx(plain.value)
    np.testing.assert_allclose(moved.of, plain.of[turned], atol=1e-12)


@pytest.mark.parametrize("name", [name for name in influence.MEASURES if name != "brier"])
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_has_no_figure(name: str, label: float) -> None:
    assert influence.MEASURES[name](np.array(["A", "B"]), np.full(2, label), np.array([0.2, 0.7])) is None


def test_no_pair_within_a_hospital_is_no_figure() -> None:
    assert influence.within_hospital_auroc(np.array(["A", "B"]), np.array([0.0, 1.0]), np.array([0.2, 0.7])) is None


@pytest.mark.parametrize("positives", [1, 2, 10])
def test_few_of_a_class_in_a_fold_still_tell_its_spread(positives: int) -> None:
    """The standard error is the deviation over populations, also where one positive is alone in each of five folds."""
    rng = np.random.default_rng(positives)
    fold, label = np.repeat(np.arange(5), positives + 60), np.tile(np.r_[np.ones(positives), np.zeros(60)], 5)
    drawn_anew = [rng.normal(size=len(label)) + label for _ in range(400)]
    found = [influence.auroc(np.empty(0), label, scores, fold) for scores in drawn_anew]
    assert np.sqrt(np.mean([one.of @ one.of for one in found])) == pytest.approx(
        np.std([one.value for one in found]), rel=0.15
    )


@pytest.mark.parametrize("name", influence.MEASURES)
def test_the_mean_over_folds_is_that_of_each_fold_alone(name: str) -> None:
    parts = [drawn(seed) for seed in (1, 2, 3)]
    whole = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    found = influence.MEASURES[name](*whole, np.repeat(np.arange(3), [len(part[1]) for part in parts]))
    alone = [influence.MEASURES[name](*part) for part in parts]
    assert found.value == pytest.approx(np.mean([one.value for one in alone]))
    np.testing.assert_allclose(found.of, np.concatenate([one.of / 3 for one in alone]), atol=1e-12)
