"""Who trains, who validates, who is tested: a fifth of everybody's patients by turns, or one hospital's by turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.base import BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, Integers

FOLDS = 5
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending: every row is in exactly one of the three."""

    train: Integers
    validation: Integers
    test: Integers


def split(hospitals: Integers, labels: NDArray[Any], seed: int, how: str = BY_PATIENT) -> Split:
    """Who is tested is a matter of `how`; a tenth of the others, stratified by hospital and label, validates.

    By patient, seed s tests fold s % 5 of partition s // 5, so that five seeds test every patient once. Leaving one
    hospital out, seed s tests hospital s % H of H, so that H seeds do.

    hospitals: [n] the hospital's number of each row; labels: [n] 0 or 1. Raises ValueError for a negative seed.

    Examples:
        >>> hospitals, labels = np.repeat([0, 1], 20), np.tile([0, 1], 20)
        >>> [split(hospitals, labels, seed).test.size for seed in range(5)]
        [8, 8, 8, 8, 8]
        >>> len({int(row) for seed in range(5) for row in split(hospitals, labels, seed).test})
        40
        >>> split(hospitals, labels, 1, "leave-one-hospital-out").test.tolist() == list(range(20, 40))
        True
    """
    if seed < 0:
        raise ValueError(f"a seed is 0 or more, not {seed}")
    tested = _TESTED[how](hospitals, labels, seed)
    validated = _tenth(_strata(hospitals, labels), ~tested, seed)
    return Split(np.flatnonzero(~tested & ~validated), np.flatnonzero(validated), np.flatnonzero(tested))


def _fold(hospitals: Integers, labels: NDArray[Any], seed: int) -> Mask:
    """Marks fold s % 5 of partition s // 5."""
    partition, fold = divmod(seed, FOLDS)
    marked: Mask = _folds(_strata(hospitals, labels), partition) == fold
    return marked


def _hospital(hospitals: Integers, _: NDArray[Any], seed: int) -> Mask:
    """Marks the patients of one hospital, of those that have any."""
    present = np.unique(hospitals)
    number = seed % max(len(present), 1)
    return np.isin(hospitals, present[number : number + 1])


def _strata(hospitals: Integers, labels: NDArray[Any]) -> Integers:
    return 2 * hospitals + labels.astype(np.int64)


def _folds(strata: Integers, partition: int) -> Integers:
    """The fold of each row. Rows are dealt like cards, stratum after stratum without starting over, so the folds'
    shares of a stratum, of a hospital and of all patients differ by one at most, however small the stratum."""
    shuffled = np.random.default_rng([partition, 0]).permutation(len(strata))
    ordered = shuffled[np.argsort(strata[shuffled], kind="stable")]
    folds = np.empty(len(strata), dtype=np.int64)
    folds[ordered] = np.arange(len(strata)) % FOLDS
    return folds


def _tenth(strata: Integers, available: Mask, seed: int) -> Mask:
    """Marks a tenth of each stratum's available rows, to the nearest: one with fewer than five can spare none."""
    rng = np.random.default_rng([seed, 1])
    chosen = np.zeros(len(strata), dtype=np.bool_)
    for stratum in np.unique(strata):
        members = np.flatnonzero(available & (strata == stratum))
        chosen[rng.permutation(members)[: (len(members) + 5) // 10]] = True
    return chosen


_TESTED: Mapping[str, Callable[[Integers, NDArray[Any], int], Mask]] = {
    BY_PATIENT: _fold,
    LEAVE_ONE_HOSPITAL_OUT: _hospital,
}
