"""Running a plan: skip what is recorded, run the rest in one or more processes, record failures and go on."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.plans.plan import Plan
from chainward.plans.specification import Specification, code_digest, data_digest, trial_id
from chainward.results import store
from chainward.strategy import discovery
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.on_ray import Cluster

if TYPE_CHECKING:
    from chainward.trials.prepare import EngineBuilder


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


def sweep(plan: Plan, out: Path) -> Sweep:
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


def run(
    jobs: Sequence[Job], out: Path, workers: int | Cluster, device: str, done: Callable[[Job, dict[str, Any]], None]
) -> None:
    """Run the jobs in so many processes or on a cluster and write a record for each; `done` is told after each."""
    for job, document in _results(jobs, out, workers, device):
        store.write(out, document)
        checkpoint(out, job.identifier).discard()
        done(job, document)


def _results(
    jobs: Sequence[Job], out: Path, workers: int | Cluster, device: str
) -> Iterator[tuple[Job, dict[str, Any]]]:
    if isinstance(workers, Cluster):
        # A cluster need not share this disk, so its trials save no progress of their own.
        return workers.results(jobs, partial(_attempt, out=None, device=device, contended=True))
    if workers == 1:
        return ((job, _attempt(job, out, device, contended=False)) for job in jobs)
    return _in_processes(jobs, out, workers, device)


def _in_processes(jobs: Sequence[Job], out: Path, processes: int, device: str) -> Iterator[tuple[Job, dict[str, Any]]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(_attempt, job, out, device, contended=True): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise ChainwardError("a worker process was ended from outside; start the same command again") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def checkpoint(out: Path | None, identifier: str) -> Checkpoint:
    """Return where a trial saves its progress; without a folder, nowhere."""
    return Checkpoint(out / "checkpoints" / f"{identifier}.cbor" if out else None)


def attempt(job: Job, out: Path, device: str, build: EngineBuilder) -> dict[str, Any]:
    """Run one trial on an engine of the caller's making and return its record."""
    return _attempt(job, out, device, contended=False, build=build)


def _attempt(
    job: Job, out: Path | None, device: str, *, contended: bool, build: EngineBuilder | None = None
) -> dict[str, Any]:
    """Run one trial; whatever it raises becomes a failed record. One torch thread, so that sums never depend on it."""
    import torch

    from chainward.trials.prepare import prepare
    from chainward.trials.run import run_trial

    torch.set_num_threads(1)
    specification = job.specification
    document = _frame(job)
    ending = ExitStack()
    try:
        task = tasks.load(specification.task, **specification.task_params)
        dataset = task.dataset(specification.seed)
        prepared = prepare(specification, dataset, device, build)
        ending.callback(prepared.world.ledger.close)
        ending.callback(prepared.world.engine.close)
        document |= {
            "provenance": store.provenance(str(prepared.network.device)),
            "hospitals": [
                {"name": h.name, "train": len(h.train), "validation": len(h.validation), "test": len(h.test)}
                for h in dataset.hospitals
            ],
            "notes": list(dataset.notes),
            "preprocessing_bytes": sum(dataset.preprocessing.values()),
        }
        result = run_trial(prepared, checkpoint(out, job.identifier))
        result["measured"]["contended"] = contended
        store.encode(result)  # what no record can hold fails this trial, not the run
        document |= result
    except Exception as error:
        document |= {"status": "failed", "error": _error(error)}
    finally:
        ending.close()
    return document


def _frame(job: Job) -> dict[str, Any]:
    strategy = discovery.load(job.specification.strategy)
    from chainward.trials.prepare import card_document

    return {
        "schema": store.SCHEMA,
        "id": job.identifier,
        "specification": job.specification.document(),
        "digests": {"data": job.data, "code": job.code},
        "status": "completed",
        "error": None,
        "provenance": store.provenance(""),
        "hospitals": [],
        "notes": [],
        "preprocessing_bytes": 0,
        "card": card_document(strategy),
        "claims": [dict(claim) for claim in discovery.claims(job.specification.strategy)],
    }


def _error(error: Exception) -> dict[str, str]:
    lines = "".join(traceback.format_exception(error))
    return {"type": type(error).__name__, "message": str(error), "traceback": lines}
