"""On `heart`, intervals as wide as those of DeLong's placements under a cluster-robust covariance of statsmodels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import percentileofscore
from sklearn.linear_model import LogisticRegression

from chainward.results.inference import difference, mean_over_seeds
from chainward.results.influence import auroc
from chainward.results.predictions import Predictions
from chainward.tasks import heart

PENALISED, PLAIN = 0.001, 1.0


@cache
def predicted(seed: int, strength: float) -> Predictions:
    """Logistic regression on the training patients of all hospitals, on the test patients of a seed."""
    hospitals = heart.Heart().dataset(seed).hospitals
    features, labels = (
        np.concatenate([getattr(one.train, name) for one in hospitals]) for name in ("features", "labels")
    )
    model = LogisticRegression(C=strength, max_iter=1000).fit(features, labels)
    tested = [one.test for one in hospitals]
    return Predictions(
        np.repeat([one.name for one in hospitals], [len(test) for test in tested]),
        np.concatenate([test.patients for test in tested]),
        np.concatenate([test.labels for test in tested]),
        np.concatenate([model.predict_proba(test.features)[:, 1] for test in tested]),
    )


def clustered(trials: list[Predictions], others: list[Predictions] | None = None) -> tuple[float, float]:
    """Mean AUROC over seeds, less that of `others`, and its standard error.

    The mean placement of a seed's positives is its AUROC, and so is that of its negatives; DeLong adds the variances of
    both. As a regression: placements on seed and class, and the covariance of the coefficients clustered by patient.
    """
    placed = [_placements(one) for one in trials]
    if others:
        placed = [ours - theirs for ours, theirs in zip(placed, map(_placements, others), strict=True)]
    label, patient = (np.concatenate([getattr(one, name) for one in trials]) for name in ("label", "patient"))
    seed = np.repeat(np.arange(len(trials)), [len(one.label) for one in trials])
    cell = 2 * seed + (label > 0)
    design = (cell[:, None] == np.arange(2 * len(trials))).astype(float)
    fitted = sm.OLS(np.concatenate(placed), design).fit(cov_type="cluster", cov_kwds={"groups": patient})
    found = fitted.t_test(np.full(2 * len(trials), 1 / len(trials)))
    return float(found.effect.item()) / 2, float(found.sd.item())


def _placements(one: Predictions) -> np.ndarray:
    """The share of rivals that a positive is above, or a negative below, by scipy; ties count half."""
    positive, scores = one.label > 0, one.probability
    below = [percentileofscore(scores[rivals], scores, kind="mean") / 100 for rivals in (~positive, positive)]
    return np.where(positive, below[0], 1 - below[1])


@pytest.mark.parametrize("seeds", [5, 10])
def test_an_interval_is_as_wide_as_a_patient_clustered_delong_interval(seeds: int) -> None:
    trials = [predicted(seed, PLAIN) for seed in range(seeds)]
    ours, (value, error) = mean_over_seeds(auroc, trials), clustered(trials)
    assert (ours.value, ours.error) == (pytest.approx(value), pytest.approx(error, rel=0.01))
    # Ours is symmetric in the logit, theirs is not.
    assert ours.interval.high - ours.interval.low == pytest.approx(2 * 1.959964 * error, rel=0.1)


@pytest.mark.parametrize("seeds", [5, 10])
def test_a_paired_difference_is_as_wide_as_a_patient_clustered_delong_interval(seeds: int) -> None:
    plain, penalised = ([predicted(seed, strength) for seed in range(seeds)] for strength in (PLAIN, PENALISED))
    found = difference(*(mean_over_seeds(auroc, trials) for trials in (plain, penalised)))
    value, error = clustered(plain, penalised)
    assert (found.estimate, found.error) == (pytest.approx(value), pytest.approx(error, rel=0.01))
    assert found.high - found.low == pytest.approx(2 * 1.959964 * error, rel=0.1)
