"""How sure an AUROC is: percentile bootstraps, seeds resampled outside, patients within hospital inside."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainward.results.predictions import Predictions as Predictions
from chainward.tasks.metrics import auroc, weighted_aurocs

REPLICATES = 2000
LEVEL = 0.95
FEWEST = 10

Names = NDArray[np.str_]
Numbers = NDArray[np.number]


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its 95 % percentile interval."""

    estimate: float
    low: float
    high: float


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


def auroc_interval(seeds: Sequence[Predictions], *, replicates: int = REPLICATES, rng_seed: int = 0) -> Interval | None:
    """The mean over seeds of the AUROC on each seed's test patients, all hospitals together.

    None when a seed's test patients are all of one class. Raises ValueError without any seed.
    """
    estimates = _estimates(seeds)
    if estimates is None:
        return None
    return _interval(estimates.mean(), _bootstrap([seeds], replicates, rng_seed)[0])


def auroc_difference(
    first: Sequence[Predictions], second: Sequence[Predictions], *, replicates: int = REPLICATES, rng_seed: int = 0
) -> Interval | None:
    """The AUROC of `first` minus that of `second`, paired: every replicate draws the same seeds and patients for both.

    Raises ValueError unless the k-th seed of both tests the same patients with the same labels at the same hospitals.
    """
    _require_same_patients(first, second)
    ours, theirs = _estimates(first), _estimates(second)
    if ours is None or theirs is None:
        return None
    drawn = _bootstrap([first, second], replicates, rng_seed)
    return _interval((ours - theirs).mean(), drawn[0] - drawn[1])


def by_hospital(
    seeds: Sequence[Predictions], *, replicates: int = REPLICATES, rng_seed: int = 0
) -> tuple[HospitalScore, ...]:
    """Each hospital's AUROC over the predictions of all seeds together, hospitals in alphabetical order."""
    hospital, patient, label, probability = (
        np.concatenate([getattr(seed, name) for seed in seeds])
        for name in ("hospital", "patient", "label", "probability")
    )
    return tuple(
        _hospital_score(str(name), patient[mine], label[mine], probability[mine], replicates, rng_seed)
        for name in np.unique(hospital)
        for mine in [hospital == name]
    )


def worst(scores: Sequence[HospitalScore]) -> HospitalScore | None:
    """The hospital with the lowest AUROC among those where it is estimable; the first of equals, None without any."""
    estimable = [(score.auroc.estimate, score.hospital, score) for score in scores if score.auroc is not None]
    return min(estimable, key=lambda entry: entry[:2])[2] if estimable else None


def _estimates(seeds: Sequence[Predictions]) -> NDArray[np.float64] | None:
    """The AUROC of each seed, None when one has none."""
    if not seeds:
        raise ValueError("no seed was given")
    values = [auroc(seed.label, seed.probability) for seed in seeds]
    return None if None in values else np.array(values, dtype=np.float64)


def _bootstrap(strategies: Sequence[Sequence[Predictions]], replicates: int, rng_seed: int) -> NDArray[np.float64]:
    """AUROCs [strategies, replicates], each a mean over drawn seeds. Strategies share every draw."""
    rng = np.random.default_rng(rng_seed)
    count = len(strategies[0])
    drawn = rng.integers(count, size=(replicates, count))
    aurocs = np.empty((len(strategies), replicates, count))
    for number, seed in enumerate(strategies[0]):
        slots = drawn == number
        weights = _resampled(seed.hospital, int(slots.sum()), rng)
        for strategy, predictions in zip(aurocs, strategies, strict=True):
            strategy[slots] = weighted_aurocs(seed.label, predictions[number].probability, weights)
    # A replicate may miss a class on a very small test set; the seeds that have both still count.
    lost = np.isnan(aurocs).all(axis=(0, 2))
    averages: NDArray[np.float64] = np.nanmean(aurocs[:, ~lost], axis=2)
    return averages


def _resampled(groups: NDArray[np.generic], draws: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """How often each of n patients is drawn [draws, n] when every group is resampled to its own size."""
    weights = np.zeros((draws, len(groups)), dtype=np.int32)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        picks = rng.integers(len(members), size=(draws, len(members)))
        flat = (picks + len(members) * np.arange(draws)[:, None]).ravel()
        weights[:, members] = np.bincount(flat, minlength=draws * len(members)).reshape(draws, -1)
    return weights


def _hospital_score(
    name: str,
    patient: NDArray[np.int64],
    label: Numbers,
    probability: NDArray[np.float64],
    replicates: int,
    rng_seed: int,
) -> HospitalScore:
    """Counts distinct patients: with more than five seeds each has several predictions, which are drawn together."""
    patients, rows, of = np.unique(patient, return_index=True, return_inverse=True)
    positives = int(np.sum(label[rows] > 0))
    negatives = len(patients) - positives
    if min(positives, negatives) < FEWEST:
        return HospitalScore(name, positives, negatives, None)
    weights = _resampled(np.zeros(len(patients)), replicates, np.random.default_rng(rng_seed))[:, of]
    estimate = weighted_aurocs(label, probability, np.ones((1, len(label)), dtype=np.int64))[0]
    return HospitalScore(name, positives, negatives, _interval(estimate, weighted_aurocs(label, probability, weights)))


def _interval(estimate: float, replicates: NDArray[np.float64]) -> Interval:
    low, high = np.nanquantile(replicates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(estimate), float(low), float(high))


def _require_same_patients(first: Sequence[Predictions], second: Sequence[Predictions]) -> None:
    same = len(first) == len(second) and all(
        np.array_equal(getattr(ours, name), getattr(theirs, name))
        for ours, theirs in zip(first, second, strict=False)
        for name in ("hospital", "patient", "label")
    )
    if not same:
        raise ValueError("a paired difference needs the same seeds and patients on both sides")
