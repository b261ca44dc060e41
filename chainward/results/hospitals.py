"""How well a model serves each hospital: its AUROC over the out-of-fold predictions of all seeds together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainward.results.inference import FEWEST, Clusters, Interval
from chainward.results.influence import Influence, auroc_by_group
from chainward.results.predictions import Pooled, Predictions, pooled


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


def _score(name: str, whole: Pooled, mine: npt.NDArray[np.bool_], found: Influence | None) -> HospitalScore:
    """Counts distinct patients: with more than five seeds each has several predictions."""
    units = Clusters.of_rows(whole.patient[mine], whole.label[mine])
    positives, negatives = units.positives, units.negatives
    if found is None or min(positives, negatives) < FEWEST:
        return HospitalScore(name, positives, negatives, None)
    return HospitalScore(name, positives, negatives, units.mean(found).interval)


def worst(scores: Sequence[HospitalScore], digits: int = 6) -> HospitalScore | None:
    """The hospital with the lowest AUROC among those where it is estimable; of equals the first by name."""
    estimable = [
        (round(score.auroc.estimate, digits), score.hospital, score) for score in scores if score.auroc is not None
    ]
    return min(estimable, key=lambda entry: entry[:2])[2] if estimable else None
