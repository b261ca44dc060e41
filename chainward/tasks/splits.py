"""Who trains, who validates, who is tested: a fifth of everybody's patients by turns, one hospital's, or the latest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.base import Integers
from chainward.tasks.division import BY_PATIENT, BY_TIME, LEAVE_ONE_HOSPITAL_OUT

FOLDS = 5
Mask = NDArray[np.bool_]
Times = NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers, ascending: every row is in exactly one of the three, or of a patient who is tested elsewhere."""

    train: Integers
    validation: Integers
    test: Integers


def split(
    hospitals: Integers,
    labels: NDArray[Any],
    seed: int,
    how: str = BY_PATIENT,
    patients: Integers | None = None,
    times: Times = None,
) -> Split:
    """Who is tested is a matter of `how`; a tenth of the others, stratified by hospital and label, validates.

    By patient, seed s tests fold s % 5 of partition s // 5, so that five seeds test every patient once. Leaving one
    hospital out, seed s tests hospital s % H of H, so that H seeds do. By time, every seed tests the latest fifth of
    each hospital's patients.

    hospitals: [n] the hospital's number of each row; labels: [n] 0 or 1; patients: [n] whose row it is, who is dealt
    with all rows together, by the hospital and label of the first; times: [n] when it begins, needed by time alone.
    Rows of a tested patient elsewhere take no part, and by time later rows of those who train do not either. Raises
    ValueError for a negative seed.

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
    if patients is None:
        return _of_patients(hospitals, labels, seed, how, times)
    _, first, whose = np.unique(patients, return_index=True, return_inverse=True)
    order = np.argsort(first)  # patients in the order of their first rows, as rows are where each has one
    place = np.argsort(order)[whose]
    first = first[order]
    if how == LEAVE_ONE_HOSPITAL_OUT:
        return _left_out(hospitals, labels, seed, place)
    parts = _of_patients(hospitals[first], labels[first], seed, how, _earliest(times, place))
    rows = [np.isin(place, part) for part in (parts.train, parts.validation, parts.test)]
    if how == BY_TIME and times is not None:
        before = times <= _cuts(hospitals, times, rows[2])
        rows = [rows[0] & before, rows[1] & before, rows[2]]
    return Split(*map(np.flatnonzero, rows))


def given(hospitals: Integers, labels: NDArray[Any], seed: int, tested: Mask) -> Split:
    """Who is tested is given [n]; a tenth of the others, stratified by hospital and label, validates."""
    validated = _tenth(_strata(hospitals, labels), ~tested, seed)
    return Split(np.flatnonzero(~tested & ~validated), np.flatnonzero(validated), np.flatnonzero(tested))


def _earliest(times: Times, place: Integers) -> Times:
    """The time of each patient's earliest row [p]; `place` [n] is whose each row is."""
    return None if times is None else _least(times, place, np.ones(len(place), dtype=np.bool_))


def _cuts(hospitals: Integers, times: NDArray[Any], tested: Mask) -> NDArray[Any]:
    """When the first tested row at each row's hospital begins [n]; where none is tested, nothing is too late."""
    return _least(times, hospitals, tested)[hospitals]


def _least(times: NDArray[Any], groups: Integers, among: Mask) -> NDArray[Any]:
    """The least time of each group [g] among the rows marked; the most of all times where none is."""
    found = np.full(groups.max(initial=-1) + 1, times.max() if len(times) else 0, dtype=times.dtype)
    np.minimum.at(found, groups[among], times[among])
    return found


def _of_patients(hospitals: Integers, labels: NDArray[Any], seed: int, how: str, times: Times) -> Split:
    """Every row is a patient."""
    return given(hospitals, labels, seed, _TESTED[how](hospitals, labels, seed, times))


def _left_out(hospitals: Integers, labels: NDArray[Any], seed: int, place: Integers) -> Split:
    """One hospital's rows are tested, and whoever has one there trains and validates nowhere."""
    tested = _hospital(hospitals, labels, seed, None)
    free = ~np.isin(place, place[tested])
    _, first = np.unique(np.where(free, place, -1), return_index=True)
    lead = np.zeros(len(place), dtype=np.bool_)
    lead[first] = True
    validated = np.isin(place, place[_tenth(_strata(hospitals, labels), free & lead, seed)])
    return Split(np.flatnonzero(free & ~validated), np.flatnonzero(validated), np.flatnonzero(tested))


def _fold(hospitals: Integers, labels: NDArray[Any], seed: int, _: Times) -> Mask:
    """Marks fold s % 5 of partition s // 5."""
    partition, fold = divmod(seed, FOLDS)
    marked: Mask = _folds(_strata(hospitals, labels), partition) == fold
    return marked


def _hospital(hospitals: Integers, _: NDArray[Any], seed: int, __: Times) -> Mask:
    """Marks the patients of one hospital, of those that have any."""
    present = np.unique(hospitals)
    number = seed % max(len(present), 1)
    return np.isin(hospitals, present[number : number + 1])


def _latest(hospitals: Integers, _: NDArray[Any], __: int, times: Times) -> Mask:
    """Marks the latest fifth of each hospital's patients, rounded down; of equal times the later rows."""
    assert times is not None, "a task without times refuses to be split by time"
    marked = np.zeros(len(hospitals), dtype=np.bool_)
    order = np.lexsort((times, hospitals))
    ends = np.cumsum(np.bincount(hospitals))
    for end, size in zip(ends, np.bincount(hospitals), strict=True):
        marked[order[end - size // FOLDS : end]] = True
    return marked


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


_TESTED: Mapping[str, Callable[[Integers, NDArray[Any], int, Times], Mask]] = {
    BY_PATIENT: _fold,
    LEAVE_ONE_HOSPITAL_OUT: _hospital,
    BY_TIME: _latest,
}
