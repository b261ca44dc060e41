"""How often 95 % intervals hold the truth: `python benchmarks/interval_coverage.py HOSPITALS PATIENTS POPULATIONS`.

Populations are drawn again and again from the same hospitals, every procedure is trained anew on each, in five folds a
partition, and what its models reach on new patients of these hospitals is not sampled but integrated.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from populations import FEATURES, Floats, Patients, Population
from scipy.special import expit

from chainward.results.inference import Mean, difference, mean_over_seeds
from chainward.results.influence import Influential, auroc, within_hospital_auroc
from chainward.results.predictions import Predictions
from chainward.tasks.splits import split

SEEDS = (5, 10, 25)

Procedure = Callable[[Patients, Floats], Floats]
"""From patients and who is trained on [m, n] to the weights [m, FEATURES + 1] of m models, the intercept last."""


def logistic(patients: Patients, trained: Floats, *, penalty: float = 1.0, features: int = FEATURES) -> Floats:
    """Penalised logistic regressions on the first so many features, by Newton's method all at once."""
    columns = np.append(np.arange(features), FEATURES)
    design = np.column_stack([patients.features, np.ones(len(patients.label))])[:, columns]
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    ridge = np.append(np.full(features, penalty), 1e-6)
    weights, step = np.zeros((len(trained), features + 1)), np.inf
    while np.abs(step).max() > 1e-8:
        chance = expit(weights @ design.T)
        slope = (trained * (chance - patients.label)) @ design + ridge * weights
        curvature = (trained * chance * (1 - chance)) @ squares
        hessian = curvature.reshape(-1, features + 1, features + 1) + np.diag(ridge)
        step = np.linalg.solve(hessian, slope[..., None])[..., 0]
        weights -= step
    whole = np.zeros((len(trained), FEATURES + 1))
    whole[:, columns] = weights
    return whole


def averaged(patients: Patients, trained: Floats) -> Floats:
    """A logistic regression a hospital, and the mean of their weights."""
    alone = []
    for hospital in np.unique(patients.hospital):
        mine = patients.hospital == hospital
        only = Patients(patients.hospital[mine], patients.features[mine], patients.label[mine])
        alone.append(logistic(only, trained[:, mine]))
    return np.mean(alone, axis=0)


PROCEDURES: Mapping[str, Procedure] = {
    "six features": logistic,
    "three features": partial(logistic, features=3),
    "penalised": partial(logistic, penalty=1000.0),
    "averaged": averaged,
}
MEASURES = {"AUROC": auroc, "within-hospital AUROC": within_hospital_auroc}
PAIRS = tuple(("six features", other) for other in ("three features", "penalised", "averaged"))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A column a quantity over all populations: estimate, interval, standard error, and the truth of these models."""

    estimate: Floats
    low: Floats
    high: Floats
    error: Floats
    truth: Floats

    @property
    def covered(self) -> float:
        """Share of intervals that hold what these very models reach on new patients, the mean over seeds."""
        return float(((self.low <= self.truth) & (self.truth <= self.high)).mean())

    @property
    def covered_anew(self) -> float:
        """Share that hold what the procedure reaches on average over populations."""
        average = self.truth.mean()
        return float(((self.low <= average) & (average <= self.high)).mean())

    @property
    def bias(self) -> float:
        """Mean error in standard errors."""
        return float((self.estimate - self.truth).mean() / self.error.mean())

    @property
    def width(self) -> float:
        """Root of the mean estimated variance over the actual deviation from the truth of these models."""
        return float(np.sqrt((self.error**2).mean()) / (self.estimate - self.truth).std())


def drawn(hospitals: int, patients: int, draws: int, seeds: Sequence[int] = SEEDS) -> dict[tuple[str, int], Drawn]:
    """What so many populations gave, by quantity and number of seeds."""
    population, rng = Population(hospitals), np.random.default_rng(0)
    rows = defaultdict(list)
    for _ in range(draws):
        for key, row in _one(population, population.draw(patients, rng), seeds).items():
            rows[key].append(row)
    return {key: Drawn(*np.array(found).T) for key, found in rows.items()}


def _one(population: Population, patients: Patients, seeds: Sequence[int]) -> dict[tuple[str, int], Sequence[float]]:
    """Estimate, bounds, standard error and truth on one population."""
    tests = [split(patients.hospital, patients.label, seed).test for seed in range(max(seeds))]
    trained = np.array([~np.isin(np.arange(len(patients.label)), test) for test in tests], dtype=np.float64)
    weights = {name: train(patients, trained) for name, train in PROCEDURES.items()}
    reached = {name: population.reached(found[:, :FEATURES]) for name, found in weights.items()}
    predicted = {name: _predicted(patients, tests, found) for name, found in weights.items()}
    rows = {}
    for count in seeds:
        means = {name: _mean(auroc, trials[:count]) for name, trials in predicted.items()}
        truths = {name: float(found[auroc][:count].mean()) for name, found in reached.items()}
        for ours, theirs in PAIRS:
            gap = difference(means[ours], means[theirs])
            row = (gap.estimate, gap.low, gap.high, gap.error, truths[ours] - truths[theirs])
            rows[f"difference: {ours} - {theirs}", count] = row
        for name, measure in MEASURES.items():
            found = _mean(measure, predicted["six features"][:count]).interval
            truth = float(reached["six features"][measure][:count].mean())
            rows[name, count] = (found.estimate, found.low, found.high, found.error, truth)
    return rows


def _predicted(patients: Patients, tests: Sequence[NDArray[np.int64]], weights: Floats) -> list[Predictions]:
    """What each seed's model predicts for the patients that the seed tests."""
    chances = expit(patients.features @ weights[:, :FEATURES].T + weights[:, FEATURES])
    return [
        Predictions(patients.hospital[test], test, patients.label[test], chances[test, seed])
        for seed, test in enumerate(tests)
    ]


def _mean(measure: Influential, trials: Sequence[Predictions]) -> Mean:
    """The mean over seeds of samples that always hold both classes."""
    found = mean_over_seeds(measure, trials)
    assert found is not None
    return found


def table(found: Mapping[tuple[str, int], Drawn]) -> str:
    """The rows as Markdown."""
    head = "| quantity | seeds | these models | procedure | bias | error / deviation |\n|---|---|---|---|---|---|"
    rows = (
        f"| {name} | {count} | {one.covered:.1%} | {one.covered_anew:.1%} | {one.bias:+.2f} | {one.width:.2f} |"
        for (name, count), one in sorted(found.items())
    )
    return "\n".join([head, *rows])


if __name__ == "__main__":
    print(table(drawn(*map(int, sys.argv[1:4]))))
