"""Cohorts to check tasks with: read once, made smaller, altered in some rows, dealt to awkward hospitals."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.base import Task
from chainward.tasks.cohort import Cohort, Column, Series


@lru_cache(maxsize=4)
def read(task: Task) -> Cohort:
    """Return the cohort of a task, read once a process."""
    return task.cohort()


def digest(cohort: Cohort) -> str:
    """Return the SHA-256, in hex, of everything a cohort holds."""
    total = hashlib.sha256(repr((cohort.columns, cohort.names, cohort.rows, cohort.notes)).encode())
    total.update(repr((dict(cohort.excluded), dict(cohort.repaired))).encode())
    for column in cohort.frame.columns:
        values = cohort.frame[column].to_numpy()
        total.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())
    series = cohort.series and cohort.series.values
    for part in (cohort.labels, cohort.hospitals, cohort.patients, cohort.times, series):
        total.update(b"none" if part is None else np.ascontiguousarray(part).tobytes())
    return total.hexdigest()


def some(cohort: Cohort, most: int) -> Cohort:
    """Return at most so many rows of a cohort, from all over it."""
    rows = np.unique(np.linspace(0, len(cohort) - 1, min(most, len(cohort))).astype(np.int64))
    series = cohort.series and Series(cohort.series.variables, cohort.series.values[rows])
    return replace(
        cohort,
        frame=cohort.frame.iloc[rows].reset_index(drop=True),
        labels=np.asarray(cohort.labels)[rows],
        hospitals=cohort.hospitals[rows],
        patients=None if cohort.patients is None else cohort.patients[rows],
        times=None if cohort.times is None else cohort.times[rows],
        series=series,
        rows=len(rows) + sum(cohort.excluded.values()),
    )


def extreme(cohort: Cohort) -> Cohort:
    """Return the rows dealt to a hospital of one patient, one of two, one of one class and one of all others."""
    sites = np.full(len(cohort), 3, dtype=np.int64)
    sites[3 : len(cohort) // 2] = 2
    sites[:1], sites[1:3] = 0, 1
    labels = np.array(cohort.labels).astype(np.float64)
    labels[sites == 2] = 0
    return replace(cohort, hospitals=sites, labels=labels, names=("one", "two", "one class", "others"))


def altered(cohort: Cohort, rows: NDArray[np.bool_]) -> Cohort:
    """Return a cohort with other values in some rows, each still what its column may hold."""
    frame = cohort.frame.copy()
    for column in cohort.columns:
        if column.kind != "time":
            values = frame[column.name].to_numpy().copy()
            values[rows] = _others(column, values, rows)
            frame[column.name] = values
    if cohort.series is None:
        return replace(cohort, frame=frame)
    values = cohort.series.values.copy()
    values[rows] = np.nan_to_num(values[rows]) + 1
    return replace(cohort, frame=frame, series=Series(cohort.series.variables, values))


def _others(column: Column, values: NDArray[Any], rows: NDArray[np.bool_]) -> Any:
    """Another value for each of some rows."""
    if column.kind == "flag":
        return 1 - np.nan_to_num(values[rows].astype(np.float64))
    if column.kind == "number":
        known = values[~np.isnan(values)]
        limit = column.most if np.isfinite(column.most) else 10 + 2 * np.abs(known).max(initial=0)
        return np.where(values[rows] == limit, limit / 2, limit)
    levels = column.levels or tuple(sorted({str(text) for text in values if isinstance(text, str)}))
    places = {level: place for place, level in enumerate(levels)}
    return [levels[(places.get(text, -1) + 1) % len(levels)] if levels else None for text in values[rows]]


def other_value(column: Column, values: Any) -> Any:
    """Return a value that a category may not hold, None where there is none."""
    texts = (text for text in values if not isinstance(text, str) or not text or text not in (column.levels or (text,)))
    return next(texts, None)
