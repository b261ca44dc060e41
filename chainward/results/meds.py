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
from numpy.typing import NDArray

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.results.collection import Results
from chainward.results.predictions import Predictions
from chainward.results.record import Completed
from chainward.tasks.cohort import Cohort, Integers
from chainward.tasks.meds import Meds

THRESHOLD = 0.5
DEALT_ANEW = ("iid", "labels", "quantity", "features")
"""Partitions whose sites are not the cohort's hospitals."""
Identified = tuple[Cohort, Integers, Integers]


def files(results: Results) -> Iterator[tuple[str, bytes]]:
    """A name and the content of a Parquet file for every trial on a MEDS data set, in the order of records.

    Records know patients by number alone: whose they are is read again from the data set, which must be as it was.

    Raises:
        ChainwardError: no trial was on a MEDS data set, the data set is not here or not as it was, or a partition drew
            some of a subject's prediction times, which patient numbers cannot tell apart.
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
    anew = record.specification.division.partition.kind in DEALT_ANEW
    row = rows_of(cohort, None if anew else told.hospital, told.patient)
    if row is None:
        raise ChainwardError(f"{label}: only some of a subject's prediction times take part; which is not recorded")
    columns = {
        "subject_id": pa.array(subjects[row], pa.int64()),
        "prediction_time": pa.array(times[row], pa.timestamp("us")),
        "boolean_value": pa.array(told.label > 0, pa.bool_()),
        "predicted_boolean_value": pa.array(told.probability >= THRESHOLD, pa.bool_()),
        "predicted_boolean_probability": pa.array(told.probability.astype(np.float32), pa.float32()),
    }
    return pa.table(columns)


def rows_of(cohort: Cohort, hospital: NDArray[np.str_] | None, patient: Integers) -> Integers | None:
    """The cohort's row of each prediction [m], made for `patient` [m] at `hospital` [m]; None where it cannot be known.

    The k-th prediction for a patient at a hospital is of the k-th row there, as all are predicted in their order.
    Without `hospital`, where patients were dealt anew, of the k-th row anywhere: they were dealt with all rows.
    """
    places = {name: place for place, name in enumerate(cohort.names)}
    sites = np.zeros(len(cohort), dtype=np.int64) if hospital is None else cohort.hospitals
    told = np.zeros(len(patient), dtype=np.int64) if hospital is None else np.array([places[one] for one in hospital])
    keys, wanted = (site + who * len(places) for site, who in ((sites, cohort.identities), (told, patient)))
    order, asked = np.argsort(keys, kind="stable"), np.argsort(wanted, kind="stable")
    here = np.isin(keys[order], wanted)
    if not np.array_equal(keys[order][here], wanted[asked]):
        return None
    rows = np.empty(len(patient), dtype=np.int64)
    rows[asked] = order[here]
    return rows


def _parquet(table: Any) -> bytes:
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()
