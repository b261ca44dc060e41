"""A cohort's columns as arrays: numbers, codes of categories, and who lacks what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Cohort, Column

Values = NDArray[np.float64]
MISSING = -1


@dataclass(frozen=True, eq=False)
class Encoded:
    """Rows of a cohort. numbers [n, m] float64 are its numbers and flags with NaN where missing; codes [n, k] int64
    its categories, places in `texts` [k], MISSING where missing; missing [n, c] says so of each of the c features.
    patients [n] are whose rows they are. series [n, t, v] float32, or None."""

    columns: tuple[Column, ...]
    texts: tuple[tuple[str, ...], ...]
    numbers: Values
    codes: NDArray[np.int64]
    missing: NDArray[np.bool_]
    patients: NDArray[np.int64]
    series: NDArray[np.float32] | None
    variables: tuple[Column, ...]

    def take(self, rows: NDArray[np.int64]) -> Encoded:
        """Some of the rows."""
        series = None if self.series is None else self.series[rows]
        parts = (self.numbers[rows], self.codes[rows], self.missing[rows], self.patients[rows])
        return Encoded(self.columns, self.texts, *parts, series, self.variables)

    def __len__(self) -> int:
        return len(self.missing)


def encode(cohort: Cohort) -> Encoded:
    """The arrays of all rows. A category's codes follow its levels where it declares them, else its texts' order.

    Raises:
        ValueError: a category holds a text that is none of its declared levels.
    """
    columns, frame = cohort.features, cohort.frame
    numbers = [column.name for column in columns if column.kind != "category"]
    texts, codes = [], []
    for column in columns:
        if column.kind == "category":
            levels, code = _coded(column, frame[column.name].to_numpy(dtype=object))
            texts.append(levels)
            codes.append(code)
    values = frame[numbers].to_numpy(dtype=np.float64)
    stacked = np.column_stack(codes) if codes else np.empty((len(cohort), 0), dtype=np.int64)
    missing = np.empty((len(cohort), len(columns)), dtype=np.bool_)
    category = np.array([column.kind == "category" for column in columns], dtype=np.bool_)
    missing[:, ~category], missing[:, category] = np.isnan(values), stacked == MISSING
    series = cohort.series
    if series is None:
        return Encoded(columns, tuple(texts), values, stacked, missing, cohort.identities, None, ())
    own = (series.values, series.variables)
    return Encoded(columns, tuple(texts), values, stacked, missing, cohort.identities, *own)


def _coded(column: Column, texts: NDArray[np.object_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    import pandas as pd

    present = ~pd.isna(texts)
    levels = column.levels or tuple(sorted(pd.unique(texts[present]).tolist()))
    coded = pd.Categorical(texts, categories=list(levels)).codes.astype(np.int64)  # -1 is missing here too
    unknown = texts[present & (coded == MISSING)]
    if len(unknown):
        raise ValueError(f"column {column.name!r}: {unknown[0]!r} is none of its levels {', '.join(levels)}")
    return levels, coded
