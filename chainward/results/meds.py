"""Predictions of trials on a MEDS data set, as the Medical Event Data Standard writes them for evaluation.

Columns: subject_id int64, prediction_time timestamp[us], boolean_value bool, predicted_boolean_value bool (whether the
probability is 0.5 or more), predicted_boolean_probability float32.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.results.collection import Results
from chainward.results.predictions import Predictions
from chainward.results.record import Completed
from chainward.tasks.cohort import Cohort, Integers
from chainward.tasks.meds import Meds

THRESHOLD = 0.5
Identified = tuple[Cohort, Integers, Integers]


def files(results: Results) -> Iterator[tuple[str, bytes]]:
    """A name and the content of a Parquet file for every trial on a MEDS data set, in the order of records.

    Records know patients by number alone: whose they are is read again from the data set, which must be as it was.

    Raises:
        ChainwardError: no trial was on a MEDS data set, the data set is not here or not as it was, or it has several
            predictions a subject, which patient numbers cannot tell apart.
    """
    identified = cache(Meds.identified)
    found = False
    for record in results.completed:
        task = tasks.load(record.specification.task, **record.specification.task_params)
        if isinstance(task, Meds):
            found = True
            told = results.opener.predictions(record)
            yield _name(record), _parquet(_table(record, told, task, identified(task)))
    if not found:
        raise ChainwardError("no trial of this report ran on a MEDS data set (task meds), so there is nothing to write")


def _name(record: Completed) -> str:
    """Strategy, seed and the first digits of the trial's id, which tells apart what else differs."""
    specification = record.specification
    return f"{specification.strategy.replace(':', '.')}-seed-{specification.seed}-{record.id[:12]}.parquet"


def _table(record: Completed, told: Predictions, task: Meds, identified: Identified) -> Any:
    import pyarrow as pa

    cohort, subjects, times = identified
    label = record.specification.label
    if task.divided(cohort, record.specification.seed, record.specification.division).digest != record.digests.data:
        raise ChainwardError(f"{label}: {task.folder} or {task.labels} is not as it was when this trial ran")
    patients, first, rows = np.unique(cohort.identities, return_index=True, return_counts=True)
    if (rows > 1).any():
        raise ChainwardError(f"{label}: subjects have several prediction times, which its record does not tell apart")
    row = first[np.searchsorted(patients, told.patient)]
    columns = {
        "subject_id": pa.array(subjects[row], pa.int64()),
        "prediction_time": pa.array(times[row], pa.timestamp("us")),
        "boolean_value": pa.array(told.label > 0, pa.bool_()),
        "predicted_boolean_value": pa.array(told.probability >= THRESHOLD, pa.bool_()),
        "predicted_boolean_probability": pa.array(told.probability.astype(np.float32), pa.float32()),
    }
    return pa.table(columns)


def _parquet(table: Any) -> bytes:
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()
