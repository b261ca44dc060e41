"""All patients of a task before anybody splits or prepares them: what a source's file yields."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "category", "flag", "time"]
Integers = NDArray[np.int64]
_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Column:
    """One column of a cohort, or one variable of a series.

    kind: a number, a flag (0 or 1), a category (text), or a time, which orders patients and is no feature.
    unit: of a number, as UCUM writes it where it can. missing: what an empty cell means.
    levels: a category's vocabulary where it is known without the data; else hospitals disclose theirs.
    least, most: what a number can plausibly be; a loader makes anything beyond missing and counts it as repaired.
    clipped: a number with a long tail is held between the 1 % and 99 % quantiles of all training patients.
    """

    name: str
    kind: Kind = "number"
    unit: str = ""
    missing: str = "not recorded"
    levels: tuple[str, ...] = ()
    least: float = -math.inf
    most: float = math.inf
    clipped: bool = False


@dataclass(frozen=True, eq=False)
class Series:
    """What was measured over time: values [n, t, v] float32 of v variables at t times, NaN where nothing was."""

    variables: tuple[Column, ...]
    values: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cohort:
    """All patients of a task, one row each, or one a stay where `patients` says whose it is.

    columns: what is known of a row; frame: the n rows with just these columns, numbers and flags float64 with NaN where
    missing, categories text with None where missing, times datetime64.
    labels: [n] 0 or 1. hospitals: [n] positions in `names`, which are in an order that never changes.
    patients: [n] equal numbers are one patient, who is never split; row numbers where nothing is said.
    times: [n] datetime64[s], when a row's record begins, for a split by time; None where the source has no times.
    series: what was measured over time, beside the frame.
    rows: how many rows were read; excluded: how many of them are not here, by reason; repaired: cells put right, by
    reason. notes: what a reader of the results must know about these data.

    Raises:
        ChainwardError: rows are neither kept nor excluded, labels are not 0 or 1, or parts do not fit each other.
    """

    columns: tuple[Column, ...]
    frame: pd.DataFrame
    labels: NDArray[Any]
    hospitals: Integers
    names: tuple[str, ...]
    rows: int
    excluded: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    repaired: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    patients: Integers | None = None
    times: NDArray[np.datetime64] | None = None
    series: Series | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kept = len(self.labels)
        if self.rows != kept + sum(self.excluded.values()):
            told = f"{kept:,} kept, {sum(self.excluded.values()):,} excluded"
            raise ChainwardError(f"{self.rows:,} rows were read and {told}: name a reason for every row left out")
        parts: dict[str, Any] = {"series": self.series and self.series.values}
        parts |= {name: getattr(self, name) for name in ("frame", "hospitals", "patients", "times")}
        for name, part in parts.items():
            if part is not None and len(part) != kept:
                raise ChainwardError(f"{name}: {len(part):,} rows, but {kept:,} labels")
        if list(self.frame.columns) != [column.name for column in self.columns]:
            raise ChainwardError("frame: its columns are not those of `columns`, in their order")
        if not np.isin(self.labels, (0, 1)).all():
            raise ChainwardError("labels: a label is neither 0 nor 1")
        if kept and (self.hospitals.min() < 0 or self.hospitals.max() >= len(self.names)):
            raise ChainwardError("hospitals: a row's hospital has no name")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def identities(self) -> Integers:
        """Whose each row is [n]: `patients`, or the row's number."""
        return np.arange(len(self), dtype=np.int64) if self.patients is None else self.patients

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that models may learn from: all but times."""
        return tuple(column for column in self.columns if column.kind != "time")
