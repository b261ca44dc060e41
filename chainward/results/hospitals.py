"""How well a model serves each hospital: its AUROC over the out-of-fold predictions of all seeds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainward.results.inference import FEWEST, Interval, clustered
from chainward.results.influence import Influence, auroc_by_group
from chainward.results.predictions import Predictions


@dataclass(frozen=True)
class HospitalScore:
    """One hospital's AUROC from its pooled out-of-fold predictions, None below ten distinct patients of a class."""

    hospital: str
    positives: int
    negatives: int
    auroc: Interval | None

    def __str__(self) -> str:
        """The figure with its interval, or why there is none."""
        if self.auroc is None:
            return f"not estimable ({self.positives}+, {self.negatives}\N{MINUS SIGN})"
        return f"{self.auroc.estimate:.3f} [{self.auroc.low:.3f}, {self.auroc.high:.3f}]"


def by_hospital(seeds: Sequence[Predictions]) -> tuple[HospitalScore, ...]:
    """Each hospital's AUROC over the predictions of all seeds together, hospitals in alphabetical order.

    Raises:
        ValueError: no seed was given.
    """
    whole = pooled(seeds)
    names, of = np.unique(whole.hospital, return_inverse=True)
    found = auroc_by_group(of, whole.label, whole.probability)
    return tuple(_score(str(name), whole, of == place, found[place]) for place, name in enumerate(names))


@dataclass(frozen=True, eq=False)
class Pooled:
    """The predictions of all seeds one after another; a patient is there once a partition."""

    hospital: npt.NDArray[np.str_]
    patient: npt.NDArray[np.int64]
    label: npt.NDArray[np.number]
    probability: npt.NDArray[np.float64]


def pooled(seeds: Sequence[Predictions]) -> Pooled:
    """Return the predictions of all seeds one after another.

    Raises:
        ValueError: no seed was given.
    """
    if not seeds:
        raise ValueError("no seed was given")
    names = ("hospital", "patient", "label", "probability")
    return Pooled(*(np.concatenate([getattr(seed, name) for seed in seeds]) for name in names))


def _score(name: str, whole: Pooled, mine: npt.NDArray[np.bool_], found: Influence | None) -> HospitalScore:
    """Counts distinct patients: with more than five seeds each has several predictions."""
    _, first = np.unique(whole.patient[mine], return_index=True)
    positives = int((whole.label[mine][first] > 0).sum())
    negatives = len(first) - positives
    if found is None or min(positives, negatives) < FEWEST:
        return HospitalScore(name, positives, negatives, None)
    return HospitalScore(
        name, positives, negatives, clustered([found], whole.patient[mine], whole.label[mine]).interval
    )


def worst(scores: Sequence[HospitalScore], digits: int = 6) -> HospitalScore | None:
    """The hospital with the lowest AUROC among those where it is estimable; of equals the first by name."""
    estimable = [score for score in scores if score.auroc is not None]
    return min(estimable, key=lambda one: (round(one.auroc.estimate, digits), one.hospital), default=None)  # type: ignore[union-attr]
