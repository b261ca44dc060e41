"""Running a plan: skip what is recorded, run the rest in one or more processes, record failures and go on."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

from chainward.errors import ChainwardError
from chainward.results import store
from chainward.results.record import Record
from chainward.results.store import Ended
from chainward.trials.attempt import attempt, checkpoint
from chainward.trials.on_ray import Cluster
from chainward.trials.sweep import Job


def run(
    jobs: Sequence[Job], out: Path, workers: int | Cluster, device: str, done: Callable[[Job, Record], None]
) -> None:
    """Run the jobs in so many processes or on a cluster and write a record for each; `done` is told after each."""
    for job, ended in _results(jobs, out, workers, device):
        store.write(out, ended)
        checkpoint(out, job.identifier).discard()
        done(job, ended.record)


def _results(jobs: Sequence[Job], out: Path, workers: int | Cluster, device: str) -> Iterator[tuple[Job, Ended]]:
    if isinstance(workers, Cluster):
        # A cluster need not share this disk, so its trials save no progress of their own.
        return workers.results(jobs, partial(attempt, out=None, device=device, contended=True))
    if workers == 1:
        return ((job, attempt(job, out, device, contended=False)) for job in jobs)
    return _in_processes(jobs, out, workers, device)


def _in_processes(jobs: Sequence[Job], out: Path, processes: int, device: str) -> Iterator[tuple[Job, Ended]]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        futures = {pool.submit(attempt, job, out, device, contended=True): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise ChainwardError("a worker process was ended from outside; start the same command again") from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
