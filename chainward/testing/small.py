"""Trials that take a fraction of a second: six hospitals of about forty patients, and the four of `heart`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainward import tasks
from chainward.plans.specification import Specification, code_digest, data_digest, trial_id
from chainward.tasks.base import FederatedDataset
from chainward.trials import runner
from chainward.trials.sweep import Job
from chainward.trials.workers import InProcess

Record = dict[str, Any]

TASKS: Mapping[str, Mapping[str, Any]] = {
    "synthetic": {"task_params": {"hospitals": 6, "patients": 40, "size_skew": 0.5}, "rounds": 2},
    "heart": {"rounds": 3},
}
"""Settings of each small set-up; the synthetic hospitals differ in size."""


def small(key: str, task: str = "synthetic", **overrides: Any) -> Specification:
    """Return a small trial of the strategy `key`; `overrides` are fields of `Specification` (seed, params, faults…)."""
    return Specification(**{"strategy": key, "task": task, "seed": 0, **TASKS[task], **overrides})


def dataset(specification: Specification) -> FederatedDataset:
    """Return the patients of a trial."""
    return tasks.load(specification.task, **specification.task_params).dataset(specification.seed)


def run_small(key: str, task: str = "synthetic", **overrides: Any) -> Record:
    """Run a small trial on the CPU and return the record that `chainward run` would write.

    A trial that raised is a record too, with `status` "failed" and the traceback under `error`; see `completed`.
    """
    return run(small(key, task, **overrides))


def run(specification: Specification) -> Record:
    """Run any trial on the CPU and return its record as it would be read from its file."""
    digests = data_digest(dataset(specification)), code_digest(specification.strategy)
    job = Job(specification, trial_id(specification, *digests), *digests)
    records: list[Record] = []
    with TemporaryDirectory() as folder:
        runner.run([job], Path(folder), InProcess(), "cpu", lambda _, record: records.append(record))
    document: Record = json.loads(json.dumps(records[0]))
    return document


def recorded(specification: Specification) -> Record:
    """Like `run`, but a trial that was run before in this process is not run again."""
    record: Record = json.loads(_recorded(json.dumps(specification.document())))
    return record


@lru_cache(maxsize=256)
def _recorded(document: str) -> str:
    return json.dumps(run(Specification(**json.loads(document))))


def completed(record: Record) -> Record:
    """Return a record of a trial that ran to its end.

    Raises:
        AssertionError: it failed; the message is the trial's traceback.
    """
    if record["status"] != "completed":
        raise AssertionError(f"the trial failed:\n{record['error']['traceback']}")
    return record


def without_times(record: Record) -> Record:
    """Return all of a record, or of the result part of one, that may not depend on how fast the machine is."""
    kept = {name: value for name, value in record.items() if name not in ("measured", "provenance")}
    entries = [_without_seconds(entry) for entry in (kept["setup"], *kept["rounds"])]
    return {**kept, "setup": entries[0], "rounds": entries[1:]}


def _without_seconds(entry: Record) -> Record:
    return {name: value for name, value in entry.items() if not name.startswith("measured_")}
