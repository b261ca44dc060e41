"""A recorded trial, run once more under the code and on the patients of now, and held against its record."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chainward.plans.resolve import resolve
from chainward.results import check, store
from chainward.results.manifest import Manifest
from chainward.results.record import Record
from chainward.results.sameness import Quantity, compared
from chainward.results.store import Ended
from chainward.trials.attempt import attempt
from chainward.trials.sweep import Job, job_of
from chainward.trials.workers import InProcess, Workers


@dataclass(frozen=True)
class Again:
    """A record, the job that it names today, how that ended, and every quantity of both compared."""

    recorded: Record
    job: Job
    record: Record
    quantities: tuple[Quantity, ...]

    @property
    def same_code(self) -> bool:
        """Whether the code is that of the record."""
        return self.job.code == self.recorded.digests.code

    @property
    def same_data(self) -> bool:
        """Whether the patients are those of the record."""
        return self.job.data == self.recorded.digests.data

    @property
    def equal(self) -> bool:
        """Whether no quantity differs."""
        return all(quantity.equal for quantity in self.quantities)


def recorded(out: Path, identifier: str, manifest: Manifest | None) -> Ended:
    """Return a trial as it is recorded, held against the manifest where that names it.

    Raises:
        Unsound: a file is missing, was changed or is not what it should be.
    """
    record = check.sound(out, identifier, manifest.files if manifest else {}).record
    if record.status == "failed":
        return Ended(record)
    return Ended(record, store.predictions_content(out, record.id, record.predictions))


def run_again(
    trial: Ended, place: InProcess | Workers, device: str, started: Callable[[Job], None] = lambda _: None
) -> Again:
    """Run a trial again as it is specified and compare. Nothing is written.

    Raises:
        ChainwardError: a strategy, task or parameter of the record does not exist any more, or its data are missing.
    """
    job = job_of(resolve(trial.record.specification))
    work = partial(attempt, out=None, device=device, contended=False)
    with closing(place.results([job], work, started)) as results:
        _, ended = next(results)
    return Again(trial.record, job, ended.record, compared(trial, ended))
