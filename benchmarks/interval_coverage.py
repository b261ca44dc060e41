"""Coverage of intervals in one setting: `python benchmarks/interval_coverage.py HOSPITALS PATIENTS POPULATIONS`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from chainward.results.inference import Mean, difference, mean_over_seeds
from chainward.results.influence import Influential, auroc, within_hospital_auroc
from chainward.results.predictions import Predictions
from chainward.tasks.partition import split

SEEDS = (5, 10, 25)
FEATURES, FEWER = 6, 3
NEW_PATIENTS = 20_000


class Population:
    """Hospitals that differ in prevalence and covariates; patients are drawn from them at will."""

    def __init__(self, hospitals: int) -> None:
        rng = np.random.default_rng(hospitals)
        self.shift, self.effect = rng.normal(size=hospitals), 0.5 * rng.normal(size=FEATURES)

    def draw(self, patients: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
        """Hospital, features and label of so many patients of each hospital."""
        hospital = np.repeat(np.arange(len(self.shift)), patients)
        features = rng.normal(size=(len(hospital), FEATURES)) + 0.2 * self.shift[hospital, None]
        chance = 1 / (1 + np.exp(-(features @ self.effect + self.shift[hospital])))
        return hospital, features, (rng.random(len(hospital)) < chance).astype(np.float64)


def coverage(hospitals: int, patients: int, draws: int, seeds: Sequence[int] = SEEDS) -> dict[tuple[str, int], float]:
    """Share of populations whose interval holds what the models trained there reach on new patients."""
    population, rng = Population(hospitals), np.random.default_rng(0)
    fresh = population.draw(NEW_PATIENTS // hospitals, np.random.default_rng(1))
    held = defaultdict(list)
    for _ in range(draws):
        drawn = population.draw(patients, rng)
        trials = [_trial(drawn, seed, fresh) for seed in range(max(seeds))]
        for count in seeds:
            for measure, inside in _held(trials[:count]).items():
                held[measure, count].append(inside)
    return {key: float(np.mean(values)) for key, values in held.items()}


def _trial(drawn: Any, seed: int, fresh: Any) -> list[tuple[Predictions, Predictions]]:
    """Two models of one seed, each with what it predicts for its test patients and for new ones."""
    hospital, features, labels = drawn
    parts = split(hospital, labels, seed)
    trained = np.concatenate([parts.train, parts.validation])
    return [_models(features[:, :width], labels, hospital, trained, parts.test, fresh) for width in (FEATURES, FEWER)]


def _models(
    features: Any, labels: Any, hospital: Any, trained: Any, test: Any, fresh: Any
) -> tuple[Predictions, Predictions]:
    model = LogisticRegression().fit(features[trained], labels[trained])
    new_hospital, new_features, new_labels = fresh
    width = features.shape[1]
    here = model.predict_proba(features[test])[:, 1]
    there = model.predict_proba(new_features[:, :width])[:, 1]
    return (
        Predictions(hospital[test], test, labels[test], here),
        Predictions(new_hospital, np.arange(len(new_labels)), new_labels, there),
    )


def _held(trials: Sequence[Any]) -> dict[str, bool]:
    """Whether the intervals of the first model, and of its difference to the second, hold the truth."""
    found = {}
    for name, measure in (("AUROC", auroc), ("within-hospital AUROC", within_hospital_auroc)):
        estimate, truth = _here_and_there(measure, [trial[0] for trial in trials])
        found[name] = estimate.interval.low <= truth.value <= estimate.interval.high
    ours, true_ours = _here_and_there(auroc, [trial[0] for trial in trials])
    theirs, true_theirs = _here_and_there(auroc, [trial[1] for trial in trials])
    gap = difference(ours, theirs)
    return found | {"difference of AUROC": gap.low <= true_ours.value - true_theirs.value <= gap.high}


def _here_and_there(measure: Influential, models: Sequence[tuple[Predictions, Predictions]]) -> tuple[Mean, Mean]:
    """Means over seeds on the test patients and on new ones, of samples that always hold both classes."""
    here, there = (mean_over_seeds(measure, [model[side] for model in models]) for side in (0, 1))
    assert here is not None
    assert there is not None
    return here, there


if __name__ == "__main__":
    for (measure, count), share in coverage(*map(int, sys.argv[1:4])).items():
        print(f"{measure}, {count} seeds: {share:.1%}")
