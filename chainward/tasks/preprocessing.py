"""Preparing patients alike without pooling them: hospitals disclose sums over their training patients, no rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError
from chainward.tasks import partition
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, digest

Values = NDArray[np.float64]
MOST_NAMED = 20


@dataclass(frozen=True)
class Column:
    """A column of a schema: a number, or a category when it has `levels`, its vocabulary known without the data."""

    name: str
    levels: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """All patients of a task: values [n, c] float64 with NaN where missing, categories as one of their levels;
    labels [n] 0 or 1; hospitals [n] int64, positions in `names`. A patient's identity is the row's number."""

    columns: tuple[Column, ...]
    values: Values
    labels: NDArray[Any]
    hospitals: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Summary:
    """What one hospital discloses about its training patients: how many there are, observed [c] how many have each
    column, and over the m columns that are numbers total [m] and squares [m], the sums of values and their squares."""

    patients: int
    observed: NDArray[np.int64]
    total: Values
    squares: Values

    @property
    def nbytes(self) -> int:
        """Bytes disclosed: eight a number."""
        return 8 + self.observed.nbytes + self.total.nbytes + self.squares.nbytes

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.patients + other.patients,
            self.observed + other.observed,
            self.total + other.total,
            self.squares + other.squares,
        )


def summarise(columns: Sequence[Column], values: Values) -> Summary:
    """The summary of values [n, c]; no patient at all is a summary too."""
    numbers = values[:, _numbers(columns)]
    return Summary(
        patients=len(values),
        observed=np.count_nonzero(~np.isnan(values), axis=0).astype(np.int64),
        total=np.nansum(numbers, axis=0),
        squares=np.nansum(numbers**2, axis=0),
    )


@dataclass(frozen=True, eq=False)
class Preparation:
    """How everyone prepares a patient: mean [m] and deviation [m] of the numbers, and for each of the c columns
    whether it has a missing-indicator."""

    columns: tuple[Column, ...]
    mean: Values
    deviation: Values
    indicated: NDArray[np.bool_]

    @property
    def names(self) -> tuple[str, ...]:
        """The d prepared columns: numbers, one a category's level, missing-indicators."""
        numbers = tuple(column.name for column in self.columns if not column.levels)
        levels = tuple(f"{column.name}={level:g}" for column in self.columns for level in column.levels)
        missing = tuple(f"{self.columns[i].name} missing" for i in np.flatnonzero(self.indicated))
        return numbers + levels + missing

    def apply(self, values: Values) -> NDArray[np.float32]:
        """Values [n, c] to features [n, d]: numbers standardised, the mean (0) where missing; categories one-hot,
        all zeros where missing."""
        standard = (values[:, _numbers(self.columns)] - self.mean) / self.deviation
        one_hot = [
            values[:, [i]] == np.asarray(column.levels) for i, column in enumerate(self.columns) if column.levels
        ]
        missing = np.isnan(values[:, self.indicated])
        return np.hstack([np.nan_to_num(standard), *one_hot, missing]).astype(np.float32)


def prepare(columns: tuple[Column, ...], summaries: Sequence[Summary]) -> Preparation:
    """Combine the hospitals' summaries. Deviations are the population's (divided by n); a column that is constant or
    never observed keeps its scale. A column missing in any training patient gets an indicator."""
    everyone = reduce(add, summaries)
    observed = np.maximum(everyone.observed[_numbers(columns)], 1)
    mean = everyone.total / observed
    variance = everyone.squares / observed - mean**2
    # Below this the difference of the two large terms is rounding error, not spread.
    spread = variance > 1e-12 * (everyone.squares / observed)
    deviation = np.sqrt(np.where(spread, variance, 1.0))
    return Preparation(columns, mean, deviation, everyone.observed < everyone.patients)


def dataset(table: Table, seed: int, split: str, notes: tuple[str, ...]) -> FederatedDataset:
    """Split `table` for `seed`, fit the preparation on the training patients only, apply it to everyone.

    A hospital without a training patient is outside, and a note says so.

    Raises:
        ChainwardError: no hospital has a training patient.
    """
    parts = partition.split(table.hospitals, table.labels, seed, split)
    trained: list[int] = np.unique(table.hospitals[parts.train]).tolist()
    if not trained:
        raise ChainwardError(f"no hospital has a training patient ({split}, seed {seed}); have more patients")
    summaries = [summarise(table.columns, table.values[_own(table, parts.train, number)]) for number in trained]
    preparation = prepare(table.columns, summaries)
    everyone = [_hospital(table, number, parts, preparation) for number in range(len(table.names))]
    hospitals = tuple(everyone[number] for number in trained)
    outside = tuple(hospital for hospital in everyone if not len(hospital.train))
    disclosed = {hospital.name: summary.nbytes for hospital, summary in zip(hospitals, summaries, strict=True)}
    told = digest((*hospitals, *outside))
    return FederatedDataset(hospitals, preparation.names, disclosed, told, (*notes, *_sit_out(outside)), outside)


def _own(table: Table, rows: NDArray[np.int64], hospital: int) -> NDArray[np.int64]:
    own: NDArray[np.int64] = rows[table.hospitals[rows] == hospital]
    return own


def _hospital(table: Table, number: int, parts: partition.Split, preparation: Preparation) -> HospitalDataset:
    def records(rows: NDArray[np.int64]) -> Patients:
        own = _own(table, rows, number)
        return Patients(preparation.apply(table.values[own]), table.labels[own].astype(np.float32), own)

    return HospitalDataset(table.names[number], *map(records, (parts.train, parts.validation, parts.test)))


def _sit_out(outside: Sequence[HospitalDataset]) -> tuple[str, ...]:
    names = [hospital.name for hospital in outside]
    if len(names) > MOST_NAMED:
        names[MOST_NAMED:] = [f"{len(names) - MOST_NAMED} more"]
    if len(names) > 1:
        return (f"{', '.join(names[:-1])} and {names[-1]} have no training patient in this seed and sit out.",)
    return tuple(f"{name} has no training patient in this seed and sits out." for name in names)


def _numbers(columns: Sequence[Column]) -> NDArray[np.int64]:
    return np.array([i for i, column in enumerate(columns) if not column.levels], dtype=np.int64)
