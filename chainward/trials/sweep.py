"""What a plan comes to: its trials by name, and which of them are on record already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chainward.plans.identity import code_digest, data_digest, trial_id
from chainward.plans.plan import Plan
from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
from chainward.results import check, store
from chainward.results.manifest import Manifest
from chainward.results.record import Completed
from chainward.tasks.base import Task
from chainward.tasks.cohort import Cohort
from chainward.tasks.division import Division

Setting = tuple[str, str, int]
"""Strategy, task and rounds: trials that differ in nothing else take about as long as each other."""


@dataclass(frozen=True)
class Job:
    """One trial to run, with the name of its record; `notes` go with those of its data."""

    specification: Specification
    identifier: str
    data: str
    code: str
    notes: tuple[str, ...] = ()

    @property
    def setting(self) -> Setting:
        """What a trial of it takes as long as another."""
        return setting_of(self.specification)


@dataclass(frozen=True)
class Sweep:
    """What a plan comes to: trials to run, ids of sound records it can skip, and what is wrong with other records.

    `took` are the seconds that recorded trials of a setting took, as measured.
    """

    jobs: tuple[Job, ...]
    skipped: tuple[str, ...]
    problems: tuple[str, ...] = ()
    took: Mapping[Setting, Sequence[float]] = field(default_factory=dict)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Ids of all trials of the plan."""
        return (*self.skipped, *(job.identifier for job in self.jobs))


def sweep_of(plan: Plan, out: Path, manifest: Manifest | None = None) -> Sweep:
    """Name every trial of a plan and sort out those whose record is sound. Failed trials are run again.

    A record is held against the manifest, where that names it, and else against the digest of its own content.
    """
    jobs = {job.identifier: job for job in _jobs(plan)}
    recorded = [name for name in jobs if store.recorded(out, name)]
    found, problems = check.partition(out, recorded, manifest.files if manifest else {})
    done = {trial.record.id: trial.record for trial in found if isinstance(trial.record, Completed)}
    left = tuple(job for name, job in jobs.items() if name not in done)
    took: dict[Setting, list[float]] = {}
    for record in done.values():
        took.setdefault(setting_of(record.specification), []).append(record.measured.wall_s)
    return Sweep(left, tuple(name for name in jobs if name in done), tuple(problems), took)


def setting_of(specification: Specification) -> Setting:
    """Return what tells how long a trial takes, as far as that can be said without running one."""
    return specification.strategy, specification.task, specification.rounds


def job_of(resolved: Resolved, data: str | None = None) -> Job:
    """Return the job of a trial; `data` is the digest of its patients, where the caller has it at hand."""
    specification = resolved.specification
    data = data or data_digest(resolved.task.dataset(specification.seed, specification.division))
    code = code_digest(resolved)
    return Job(specification, trial_id(specification, data, code), data, code)


def _jobs(plan: Plan) -> Iterator[Job]:
    """Each trial's job; trials of one task follow each other, so its patients are read once."""
    data: dict[tuple[Task, int, Division], str] = {}
    read: tuple[Task, Cohort] | None = None
    for specification in plan.specifications():
        resolved, seed, division = resolve(specification), specification.seed, specification.division
        key = (resolved.task, seed, division)
        if key not in data:
            if read is None or read[0] != resolved.task:
                read = (resolved.task, resolved.task.cohort())
            data[key] = data_digest(resolved.task.divided(read[1], seed, division))
        yield job_of(resolved, data[key])
