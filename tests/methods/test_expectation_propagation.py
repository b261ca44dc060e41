import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.methods.expectation_propagation import (
    MOST_FEATURES,
    Gaussian,
    K,
    auc,
    checked,
    fit,
    flops,
    form,
    predict,
    prior,
    with_bias,
)

# The hand vector: one patient x = 1 with the outcome, prior variance 5.
X, Y = np.array([[1.0]]), np.array([1.0])


def patients(rows=40, features=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, features))
    return x, (rng.random(rows) < expit(x @ np.arange(1, features + 1))).astype(float)


def from_messages(x, y, before, passes):
    """The same steps, each cavity put together anew from the prior and the messages of all other patients."""
    rows = with_bias(x) * np.where(y > 0.5, 1.0, -1.0)[:, None]
    prior_precision = np.linalg.inv(before.covariance)
    v, places = np.full(len(rows), math.inf), np.ones(len(rows))

    def belief(kept):
        precision = prior_precision + (rows[kept] / v[kept, None]).T @ rows[kept]
        shift = prior_precision @ before.mean + rows[kept].T @ (places[kept] / v[kept])
        return np.linalg.solve(precision, shift), np.linalg.inv(precision)

    for _ in range(passes):
        for i, a in enumerate(rows):
            m0, V0 = belief(np.arange(len(rows)) != i)
            q0 = a @ V0 @ a
            den = K * q0 + 1
            alpha = 1 / ((1 + math.exp(a @ m0 / math.sqrt(den))) * math.sqrt(den))
            g = alpha * (K * (a @ m0 + q0 * alpha) + alpha)
            v[i] = den / g - q0
            places[i] = a @ m0 + (q0 + v[i]) * alpha
    return belief(np.arange(len(rows)) >= 0)


def test_the_hand_vector():
    (mean, covariance), passes = fit(X, Y, prior(1))
    assert passes == 3
    assert mean == pytest.approx([1.126287157921453] * 2, abs=1e-14)
    expected = np.array([[3.731477237901, -1.268522762099], [-1.268522762099, 3.731477237901]])
    assert covariance == pytest.approx(expected, abs=1e-12)


def test_the_hand_vector_predicts_with_the_published_sign_and_with_the_textbook_s():
    model = fit(X, Y, prior(1)).posterior
    margin, variance = model.mean.sum(), model.covariance.sum()
    assert predict(model, X) == pytest.approx([0.97934], abs=5e-6)
    assert predict(model, X, exponent=0.0) == pytest.approx([0.904872], abs=5e-7)
    assert predict(model, X, exponent=-0.5) == pytest.approx([expit(margin / math.sqrt(1 + K * variance))], abs=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_rank_one_updates_agree_with_the_messages(seed):
    x, y = patients(seed=seed)
    posterior, passes = fit(x, y, prior(3))
    mean, covariance = from_messages(x, y, prior(3), passes)
    assert posterior.mean == pytest.approx(mean, abs=1e-9)
    assert posterior.covariance == pytest.approx(covariance, abs=1e-9)


def test_one_extra_pass_follows_convergence_and_passes_are_limited():
    assert [fit(X, Y, prior(1), max_passes=limit).passes for limit in (1, 2, 3, 200)] == [1, 2, 3, 3]
    x, y = patients()
    passes = fit(x, y, prior(3)).passes
    means = [fit(x, y, prior(3), tolerance=0, max_passes=count).posterior.mean for count in range(1, passes + 1)]
    steps = [np.abs(after - before).max() for before, after in pairwise(means)]
    assert [step < 1e-8 for step in steps] == [False] * (passes - 3) + [True, True]


def test_an_arriving_posterior_is_the_prior_and_nothing_is_removed_from_it():
    x, y = patients()
    once = fit(x, y, prior(3)).posterior
    twice = fit(x, y, once).posterior
    assert twice.mean == pytest.approx(from_messages(x, y, once, 20)[0], abs=1e-8)
    assert np.trace(twice.covariance) < 0.7 * np.trace(once.covariance)


def test_a_patient_whose_cavity_has_a_negative_variance_is_left_out():
    before = Gaussian(np.array([0.5, -0.5]), np.diag([1.0, -3.0]))
    alone = fit(np.array([[0.5]]), Y, before).posterior
    both = fit(np.array([[0.5], [1.0]]), np.array([1.0, 1.0]), before, max_passes=1).posterior
    skipped = fit(np.array([[1.0]]), Y, before).posterior
    assert skipped.mean.tolist() == before.mean.tolist()
    assert skipped.covariance.tolist() == before.covariance.tolist()
    assert both.mean == pytest.approx(alone.mean, abs=1e-12)


def test_a_prior_without_variance_learns_nothing():
    x, y = patients()
    model = fit(x, y, prior(3, variance=0.0)).posterior
    assert predict(model, x).tolist() == [0.5] * len(y)
    assert auc(y, predict(model, x)) == 0.5


def test_arithmetic_is_float64_whatever_comes_in():
    x, y = patients()
    model = fit(x.astype(np.float32), y.astype(np.float32), prior(3)).posterior
    assert model.mean.dtype == model.covariance.dtype == predict(model, x.astype(np.float32)).dtype == np.float64
    assert model.mean.tolist() == fit(x.astype(np.float32).astype(float), y, prior(3)).posterior.mean.tolist()


def test_patients_far_away_stay_finite():
    x = np.array([[3160.0], [-2900.0], [1e6], [0.1]])
    model = fit(x, np.array([1.0, 0.0, 1.0, 0.0]), prior(1)).posterior
    assert np.isfinite(model.mean).all()
    assert np.isfinite(predict(model, x)).all()


def test_auc_counts_a_tie_half():
    assert auc(np.array([0, 0, 1, 1]), [0.1, 0.4, 0.4, 0.8]) == 0.875
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(2, size=200), rng.integers(10, size=200)
    assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("label", [0, 1])
def test_auc_needs_both_classes(label):
    assert math.isnan(auc(np.full(3, label), [0.1, 0.2, 0.3]))


def test_work_is_counted_per_patient_pass_and_squared_coefficient():
    assert flops(np.zeros((7, 3)), 5) == 6 * 7 * 5 * 16


@pytest.mark.parametrize(
    ("task", "passes", "update", "apart"), [("edin", (12, 12), 8, 0.08), ("ca", (26, 25), 10, 0.12)]
)
def test_the_authors_files(task, passes, update, apart):
    lacking = tasks.load(task).requires()
    if lacking:
        pytest.skip(lacking)
    first, second = tasks.load(task).dataset(0).hospitals
    before = prior(first.train.features.shape[1])
    fits = [fit(site.train.features, site.train.labels, before) for site in (first, second)]
    assert tuple(found.passes for found in fits) == passes
    handed_on = fit(second.train.features, second.train.labels, fits[0].posterior)
    assert handed_on.passes == update
    x, y = (np.concatenate([getattr(site.train, part) for site in (first, second)]) for part in ("features", "labels"))
    pooled = fit(x, y, before).posterior
    assert np.abs(pooled.mean - handed_on.posterior.mean).max() == pytest.approx(apart, abs=0.005)


def test_more_features_than_a_covariance_can_be_kept_of_are_refused() -> None:
    assert prior(MOST_FEATURES).covariance.shape == (MOST_FEATURES + 1, MOST_FEATURES + 1)
    with pytest.raises(ChainwardError, match=r"3,888 features, and at most 1,000 are learned; .* view = \"summary\""):
        prior(3_888)


BELIEF = {"mean": np.zeros(2), "covariance": np.array([[2.0, 1.0], [1.0, 2.0]])}


def test_what_somebody_published_is_a_belief_or_refused():
    assert checked(BELIEF, 2).covariance is BELIEF["covariance"]
    rounded = {"mean": np.zeros(2), "covariance": np.array([[1.0, 1.000001], [1.0, 1.0]])}  # a little short of positive
    assert checked(rounded, 2).mean is rounded["mean"]
    wrong = [
        "?",
        {"mean": np.zeros(2)},
        BELIEF | {"more": 0},
        BELIEF | {"mean": np.zeros(3)},
        BELIEF | {"mean": [0.0, 0.0]},
        BELIEF | {"mean": np.zeros(2, np.float32)},
        BELIEF | {"mean": np.array([0.0, np.nan])},
        BELIEF | {"mean": np.array([0.0, 1e10])},
        BELIEF | {"covariance": np.array([[2.0, 1.0], [0.0, 2.0]])},
        BELIEF | {"covariance": np.array([[1.0, 2.0], [2.0, 1.0]])},
    ]
    for published in wrong:
        with pytest.raises(ValueError, match=r"."):
            checked(published, 2)
        with pytest.raises(ValidationError):
            TypeAdapter(form(2)).validate_python(published)
    assert TypeAdapter(form(2)).validate_python(BELIEF).mean is BELIEF["mean"]
