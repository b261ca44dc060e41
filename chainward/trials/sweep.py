"""What a plan comes to: its trials by name, and which of them are on record already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from chainward import tasks
from chainward.plans.plan import Plan
from chainward.plans.specification import Specification, code_digest, data_digest, trial_id
from chainward.results import store


@dataclass(frozen=True)
class Job:
    """One trial to run, with the name of its record."""

    specification: Specification
    identifier: str
    data: str
    code: str


@dataclass(frozen=True)
class Sweep:
    """What a plan comes to: trials to run, and ids of sound records it can skip."""

    jobs: tuple[Job, ...]
    skipped: tuple[str, ...]

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Ids of all trials of the plan."""
        return (*self.skipped, *(job.identifier for job in self.jobs))


def sweep_of(plan: Plan, out: Path) -> Sweep:
    """Name every trial of a plan and sort out those whose record is sound. Failed trials are run again."""
    jobs, skipped = [], []
    for job in {job.identifier: job for job in _jobs(plan)}.values():
        done = store.read(store.path_of(out, job.identifier))
        if done and done["status"] == "completed":
            skipped.append(job.identifier)
        else:
            jobs.append(job)
    return Sweep(tuple(jobs), tuple(skipped))


def _jobs(plan: Plan) -> Iterator[Job]:
    data: dict[tuple[str, str, int], str] = {}
    code = cache(code_digest)
    for specification in plan.specifications():
        key = (specification.task, repr(specification.task_params), specification.seed)
        if key not in data:
            task = tasks.load(specification.task, **specification.task_params)
            data[key] = data_digest(task.dataset(specification.seed))
        digests = data[key], code(specification.strategy)
        yield Job(specification, trial_id(specification, *digests), *digests)
