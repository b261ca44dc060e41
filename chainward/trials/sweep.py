"""What a plan comes to: its trials by name, and which of them are on record already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chainward.plans.identity import code_digest, data_digest, trial_id
from chainward.plans.plan import Plan
from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
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


def job_of(resolved: Resolved, data: str | None = None) -> Job:
    """Return the job of a trial; `data` is the digest of its patients, where the caller has it at hand."""
    specification = resolved.specification
    data = data or data_digest(resolved.task.dataset(specification.seed))
    code = code_digest(resolved)
    return Job(specification, trial_id(specification, data, code), data, code)


def _jobs(plan: Plan) -> Iterator[Job]:
    data: dict[tuple[str, str, int], str] = {}
    for specification in plan.specifications():
        key = (specification.task, repr(specification.task_params), specification.seed)
        job = job_of(resolve(specification), data.get(key))
        data[key] = job.data
        yield job
