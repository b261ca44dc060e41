"""Trials that take a fraction of a second: six hospitals of about forty patients, and the four of `heart`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from chainward import tasks
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.results import check, store
from chainward.results.collection import InMemory, Results
from chainward.results.papers import papers_of
from chainward.results.record import Completed, Measured, Provenance, Record, Result
from chainward.results.rounds import Rounds
from chainward.results.store import Ended
from chainward.strategy import discovery
from chainward.tasks.base import FederatedDataset
from chainward.trials import runner
from chainward.trials.sweep import job_of
from chainward.trials.workers import InProcess

T = TypeVar("T", bound=Result)

TASKS: Mapping[str, Mapping[str, Any]] = {
    "synthetic": {"task_params": {"hospitals": 6, "patients": 40, "size_skew": 0.5}, "rounds": 2},
    "heart": {"rounds": 3},
}
"""Settings of each small set-up; the synthetic hospitals differ in size."""


def small(key: str, task: str = "synthetic", **overrides: Any) -> Specification:
    """Return a small trial of the strategy `key`; `overrides` are fields of `Specification` (seed, params, faults…).

    Its hyper-parameters are those that the strategy calls `quick`, and then those given.
    """
    params = {**discovery.load(key).quick, **overrides.get("params", {})}
    chosen = {**overrides, "params": params} if params else overrides
    return Specification(**{"strategy": key, "task": task, "seed": 0, **TASKS.get(task, {}), **chosen})


def dataset(specification: Specification) -> FederatedDataset:
    """Return the patients of a trial."""
    return tasks.load(specification.task, **specification.task_params).dataset(
        specification.seed, specification.division
    )


def run_small(key: str, task: str = "synthetic", **overrides: Any) -> Record:
    """Run a small trial on the CPU and return the record that `chainward run` would write.

    A trial that raised has a record too, with `status` "failed" and the traceback in its `error`; see `completed`.
    """
    return run(small(key, task, **overrides))


def run(specification: Specification) -> Record:
    """Run any trial on the CPU and return its record as it would be read from its file."""
    return run_whole(specification).record


def run_whole(specification: Specification) -> Ended:
    """Run any trial on the CPU and return its record and predictions as they would be read from their files."""
    job = job_of(resolve(specification))
    with TemporaryDirectory() as folder:
        runner.run([job], Path(folder), InProcess(), "cpu", lambda *_: None)
        file = Path(folder, store.predictions_name(job.identifier))
        record = check.sound(Path(folder), job.identifier, {}).record
        return Ended(record, file.read_bytes() if file.exists() else None)


def recorded(specification: Specification) -> Ended:
    """Like `run_whole`, but a trial that was run before in this process is not run again."""
    return _recorded(json.dumps(specification.document()))


@lru_cache(maxsize=256)
def _recorded(document: str) -> Ended:
    return run_whole(Specification(**json.loads(document)))


def results_of(*trials: Ended) -> Results:
    """Return trials, with their papers as they are now, as the results of a report."""
    records = sorted((trial.record for trial in trials), key=lambda record: record.order)
    files = {trial.record.id: trial.predictions for trial in trials if trial.predictions is not None}
    return Results(tuple(records), papers_of(one.specification.strategy for one in records), InMemory(files))


def completed(record: Record) -> Completed:
    """Return a record of a trial that ran to its end.

    Raises:
        AssertionError: it failed; the message is the trial's traceback.
    """
    if record.status != "completed":
        raise AssertionError(f"the trial failed:\n{record.error.traceback}")
    return record


def without_times(result: T) -> T:
    """Return a completed record, or the result part of one, without what depends on the machine and its speed."""
    entries = [replace(entry, measured_compute_s=0.0, measured_wall_s=0.0) for entry in result.entries]
    timeless = replace(result, setup=entries[0], rounds=Rounds.of(entries[1:]), measured=_NO_TIMES)
    return replace(timeless, provenance=_NOWHERE) if isinstance(timeless, Completed) else timeless


_NO_TIMES = Measured(0.0, 0.0, apportioned=False, contended=False, inclusion_s=None, wire_bytes=None)
_NOWHERE = Provenance(created="", versions={}, platform="", device="", commit=None)
