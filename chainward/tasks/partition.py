"""Who trains, who validates, who is tested: five folds, stratified by hospital and label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.base import Integers

FOLDS = 5


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending: every row is in exactly one of the three."""

    train: Integers
    validation: Integers
    test: Integers


def split(hospitals: Integers, labels: NDArray[Any], seed: int) -> Split:
    """Seed s tests fold s % 5 of partition s // 5, so that five seeds test every patient once.

    hospitals: [n] the hospital's number of each row; labels: [n] 0 or 1. Raises ValueError for a negative seed.

    Examples:
        >>> hospitals, labels = np.repeat([0, 1], 20), np.tile([0, 1], 20)
        >>> [split(hospitals, labels, seed).test.size for seed in range(5)]
        [8, 8, 8, 8, 8]
        >>> len({int(row) for seed in range(5) for row in split(hospitals, labels, seed).test})
        40
    """
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    partition, fold = divmod(seed, FOLDS)
    strata = 2 * hospitals + labels.astype(np.int64)
    tested = _folds(strata, partition) == fold
    validated = _tenth(strata, ~tested, seed)
    return Split(np.flatnonzero(~tested & ~validated), np.flatnonzero(validated), np.flatnonzero(tested))


def _folds(strata: Integers, partition: int) -> Integers:
    """The fold of each row. Rows are dealt like cards, stratum after stratum without starting over, so the folds'
    shares of a stratum, of a hospital and of all patients differ by one at most, however small the stratum."""
    shuffled = np.random.default_rng([partition, 0]).permutation(len(strata))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    folds = np.empty(len(strata), dtype=np.int64)
    folds[ordered] = np.arange(len(strata)) % FOLDS
    return folds


def _tenth(strata: Integers, available: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Marks a tenth of each stratum's available rows, to the nearest: one with fewer than five can spare none."""
    rng = np.random.default_rng([seed, 1])
    chosen = np.zeros(len(strata), dtype=np.bool_)
    for stratum in np.unique(strata):
        members = np.flatnonzero(available & (strata == stratum))
        chosen[rng.permutation(members)[: (len(members) + 5) // 10]] = True
    return chosen
