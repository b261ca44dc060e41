"""Patients drawn from one known logistic model, at any number of hospitals that differ as much as asked."""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit

from chainward.tasks.base import FederatedDataset, Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.division import Division
from chainward.tasks.metrics import auroc

Vector = NDArray[np.float64]
Skew = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
Spread = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]

INTERCEPT = -0.5
SIGNAL = 2.0
MOST_VALUES = 100_000_000


@dataclass(frozen=True)
class Synthetic(Task):
    """A patient x of hospital h is Normal(m_h, I) and is positive with probability sigmoid(b + w.x), w of length 2.

    The outcome follows one law everywhere: the dials only move the hospitals' sizes and their m_h, and each is off
    at 0. So w.x is the best score that exists, and `best_auroc` its AUROC.

    hospitals, patients: how many, and how many patients at each on average.
    size_skew a: sizes are proportional to rank ** -a (the total stays), so -1 gives 1, 2, 3, ... parts.
    label_skew: standard deviation over hospitals of m_h along w, which moves the prevalence.
    covariate_skew: standard deviation of m_h in every direction across w, which leaves the prevalence alone.
    population: seed of the patients; the trial's seed only chooses who is tested.
    """

    key = "synthetic"
    title = "Synthetic logistic patients"
    outcome = "positive with probability sigmoid(b + w.x)"
    citation = "chainward"
    licence = "Apache-2.0"
    training = Training(network="mlp", hidden=16, learning_rate=0.3, batch_size=32, local_steps=10)
    rounds = 30

    hospitals: Annotated[int, Field(ge=1, le=100_000)] = 20
    patients: Annotated[int, Field(ge=1, le=MOST_VALUES)] = 200
    features: Annotated[int, Field(ge=2, le=10_000)] = 10
    size_skew: Skew = 0.0
    label_skew: Spread = 0.0
    covariate_skew: Spread = 0.0
    population: Annotated[int, Field(ge=0, lt=2**63)] = 0

    def __post_init__(self) -> None:
        values = self.hospitals * self.patients * self.features
        if values > MOST_VALUES:
            product = f"{self.hospitals} hospitals × {self.patients} patients × {self.features} features"
            raise ValueError(f"{product} are {values:,} values; at most {MOST_VALUES:,} are drawn")

    def cohort(self) -> Cohort:
        """See `Task.cohort`."""
        import pandas as pd

        weights, sizes = self.weights(), self.sizes()
        drawn = [self._draw(number, size, weights) for number, size in enumerate(sizes)]
        names = [f"x{number}" for number in range(1, self.features + 1)]
        return Cohort(
            columns=tuple(map(Column, names)),
            frame=pd.DataFrame(np.concatenate([features for features, _ in drawn]), columns=names),
            labels=np.concatenate([labels for _, labels in drawn]),
            hospitals=np.repeat(np.arange(self.hospitals), sizes),
            names=tuple(f"hospital {number:0{len(str(self.hospitals))}}" for number in range(1, self.hospitals + 1)),
            rows=int(sizes.sum()),
        )

    def divided(self, cohort: Cohort, seed: int, division: Division) -> FederatedDataset:
        """See `Task.divided`; a note tells what the best score reaches, of everybody and of these test patients."""
        found = super().divided(cohort, seed, division)
        return replace(found, notes=(self._best(cohort, found), *found.notes))

    def _best(self, cohort: Cohort, found: FederatedDataset) -> str:
        """What the true score reaches: over few test patients, chance can put it and a model above the population's."""
        tested = np.concatenate([hospital.test.patients for hospital in found.everyone])
        here = auroc(cohort.labels[tested], cohort.frame.to_numpy()[tested] @ self.weights())
        reached = "this seed's test patients are of one class"
        if here is not None:
            reached = f"on this seed's test patients it reaches {here:.4f}"
        return f"Expected of the true score: AUROC {self.best_auroc():.4f} over the population; {reached}."

    def weights(self) -> Vector:
        """The true w [features], float64."""
        direction = np.random.default_rng([self.population, 0]).standard_normal(self.features)
        weights: Vector = SIGNAL * direction / np.linalg.norm(direction)
        return weights

    def sizes(self) -> NDArray[np.int64]:
        """Patients at each hospital; they add up to hospitals * patients, each has one at least."""
        shares = np.arange(1, self.hospitals + 1) ** -float(self.size_skew)
        spare = self.hospitals * (self.patients - 1)
        # Rounding the running total keeps the sum exact.
        ends = np.rint(spare * np.cumsum(shares) / shares.sum()).astype(np.int64)
        sizes: NDArray[np.int64] = 1 + np.diff(ends, prepend=0)
        return sizes

    def best_auroc(self) -> float:
        """The AUROC of the true probabilities over the whole population, by integration (error below 1e-6).

        With one intercept and slope everywhere, hospital h's logits are Normal(b + w.m_h, |w|); the population's are
        their mixture by size.
        """
        from scipy.integrate import cumulative_trapezoid, trapezoid  # a report need not wait for it

        weights = self.weights()
        centres = np.array([INTERCEPT + self._centre(h, weights) @ weights for h in range(self.hospitals)])
        logits = np.linspace(centres.min() - 8 * SIGNAL, centres.max() + 8 * SIGNAL, 10_001)
        density = np.zeros_like(logits)
        for centre, size in zip(centres, self.sizes(), strict=True):
            density += size * np.exp(-(((logits - centre) / SIGNAL) ** 2) / 2)  # the factor they share cancels out
        positive, negative = density * expit(logits), density * expit(-logits)
        below = cumulative_trapezoid(negative, logits, initial=0)
        return float(trapezoid(positive * below, logits) / (trapezoid(positive, logits) * below[-1]))

    def _draw(self, number: int, size: int, weights: Vector) -> tuple[Vector, NDArray[np.bool_]]:
        rng = np.random.default_rng([self.population, 2, number])
        features = self._centre(number, weights) + rng.standard_normal((size, self.features))
        return features, rng.random(size) < expit(INTERCEPT + features @ weights)

    def _centre(self, number: int, weights: Vector) -> Vector:
        """m_h [features]. A hospital's draws are its own, so it stays the same when others are added."""
        rng = np.random.default_rng([self.population, 1, number])
        along, across = rng.standard_normal(), rng.standard_normal(self.features)
        unit = weights / SIGNAL
        centre: Vector = self.label_skew * along * unit + self.covariate_skew * (across - across @ unit * unit)
        return centre
