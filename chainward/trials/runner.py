"""Running a plan's trials: each becomes a record, written by this process as it comes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from chainward.results import store
from chainward.results.record import Record
from chainward.trials.attempt import attempt, checkpoint
from chainward.trials.on_ray import Cluster
from chainward.trials.sweep import Job
from chainward.trials.workers import InProcess, Workers

Place = InProcess | Workers | Cluster


def run(
    jobs: Sequence[Job],
    out: Path,
    place: Place,
    device: str,
    done: Callable[[Job, Record], None],
    started: Callable[[Job], None] = lambda _: None,
) -> None:
    """Run the jobs at a place and write a record for each; `done` and `started` are told of each.

    Raises:
        ChainwardError: a record cannot be written, or the place is gone.
    """
    # A cluster need not share this disk, so its trials save no progress of their own.
    progress = out.absolute() if place.shares_disk else None
    work = partial(attempt, out=progress, device=device, contended=place.contended)
    with closing(place.results(jobs, work, started)) as results:
        for job, ended in results:
            store.write(out, ended)
            checkpoint(out, job.identifier).discard()
            done(job, ended.record)
