"""What tasks with time series share: from long events to values by the hour, and from these to one row of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Column, Series

if TYPE_CHECKING:
    import pandas as pd

Integers = NDArray[np.int64]
Values = NDArray[np.float64]
MEASURES = ("first", "last", "min", "max", "mean", "count")


def plausible(variable: Integers, value: Values, variables: Sequence[Column]) -> tuple[Values, dict[str, int]]:
    """Values [e] of events with NaN for what lies beyond `least` to `most` of their variable (`variable` [e] is its
    place in `variables`), and how many were made missing so, by reason."""
    least = np.array([column.least for column in variables])[variable]
    most = np.array([column.most for column in variables])[variable]
    beyond = (value < least) | (value > most)
    counts = np.bincount(variable[beyond], minlength=len(variables))
    reasons = {
        f"{column.name} beyond {column.least:g} to {column.most:g} {column.unit} is missing": int(count)
        for column, count in zip(variables, counts, strict=True)
        if count
    }
    return np.where(beyond, np.nan, value), reasons


def events_to_hours(
    row: Integers, hour: Integers, variable: Integers, value: Values, rows: int, hours: int, variables: int
) -> NDArray[np.float32]:
    """Events [e] of `rows` patients as values [rows, hours, variables] float32: the mean of each hour, NaN where none.

    An event whose value is NaN is none. The work and the memory beside the result are of the events, not of the cells.

    Raises:
        ValueError: a row, an hour or a variable is not below how many there are, or negative.

    Examples:
        >>> rows, hours, variables = np.array([0, 0, 1]), np.array([1, 1, 0]), np.array([0, 0, 0])
        >>> events_to_hours(rows, hours, variables, np.array([80.0, 90.0, 70.0]), 2, 2, 1)[:, :, 0]
        array([[nan, 85.],
               [70., nan]], dtype=float32)
    """
    shape = (rows, hours, variables)
    result = np.full(shape, np.nan, dtype=np.float32)
    present = ~np.isnan(value)
    if not present.any():
        return result
    cell = np.ravel_multi_index((row[present], hour[present], variable[present]), shape)
    order = np.argsort(cell, kind="stable")
    cells, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    result.reshape(-1)[cells] = np.add.reduceat(value[present][order], first) / count
    return result


def summaries(series: Series) -> tuple[tuple[Column, ...], pd.DataFrame]:
    """A series as one row a patient: the first, last, least, greatest and mean value of each variable, NaN where it was
    never measured, and at how many times it was. Returns 6 v columns, and their frame [n, 6 v] float64."""
    import pandas as pd

    values = [_measures(series.values[:, :, v]) for v in range(len(series.variables))]
    columns = tuple(_column(variable, measure) for variable in series.variables for measure in MEASURES)
    matrix = np.column_stack(values) if values else np.empty((len(series.values), 0))
    return columns, pd.DataFrame(matrix, columns=[column.name for column in columns])


def _column(variable: Column, measure: str) -> Column:
    name = f"{variable.name} {measure}"
    if measure == "count":
        return Column(name, unit="{times}", missing="never: 0 is written", least=0)
    return replace(variable, name=name, missing="never measured")


def _measures(values: NDArray[Any]) -> Values:
    """The six measures [n, 6] of one variable's values [n, t]."""
    measured = ~np.isnan(values)
    count = measured.sum(axis=1)
    patients, times = np.arange(len(values)), values.shape[1]
    first, last = measured.argmax(axis=1), times - 1 - measured[:, ::-1].argmax(axis=1)
    total = np.where(measured, values, 0).sum(axis=1, dtype=np.float64)
    mean = np.where(count, total / np.maximum(count, 1), np.nan)
    least, most = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    return np.column_stack([values[patients, first], values[patients, last], least, most, mean, count])
