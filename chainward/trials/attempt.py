"""From a job to its record, whatever the trial raises."""

from __future__ import annotations

import traceback
from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chainward import codec, tasks
from chainward.errors import ChainwardError, Revealing
from chainward.plans.resolve import Resolved, resolve
from chainward.results import predictions, store
from chainward.results.document import digest
from chainward.results.predictions import Predicted
from chainward.results.provenance import provenance
from chainward.results.record import SCHEMA, Completed, Digests, Failed, Failure, Heading, HospitalSize, Result
from chainward.results.store import Ended
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.sweep import Job
from chainward.trials.threads import one_thread
from chainward.trials.words import presentable

if TYPE_CHECKING:
    from chainward.tasks.base import FederatedDataset
    from chainward.trials.prepare import EngineBuilder, Make


WITHHELD = "the message is withheld, since it may hold private data; the traceback says where it was raised"


def checkpoint(out: Path | None, identifier: str) -> Checkpoint:
    """Return where a trial saves its progress; without a folder, nowhere."""
    return Checkpoint(out / "checkpoints" / f"{identifier}.cbor" if out else None)


def attempt(
    job: Job, out: Path | None, device: str, *, contended: bool = False, build: EngineBuilder | None = None
) -> Ended:
    """Run one trial; whatever it raises becomes a failed record. One thread, so that sums never depend on it.

    `contended` says that others run beside it; `build` makes the engine, where the caller has one of its own.
    """
    from chainward.engines.local.sites import device_for
    from chainward.trials.prepare import prepared

    heading = _heading(job)
    with one_thread():
        try:
            resolved = resolve(job.specification)
            dataset = resolved.task.dataset(job.specification.seed, job.specification.division)
            if dataset.digest != job.data:
                raise ChainwardError("the task's data are others than when this trial was named; run the command again")
            heading = _with_dataset(heading, dataset, str(device_for(device)), job.notes)
            make = partial(prepared, dataset=dataset, device=device, build=build)
            run = _tuned if job.specification.track == "tuned" else _as_given
            saved = checkpoint(None if resolved.task.private else out, job.identifier)  # it may hold shared records
            result, predicted = run(resolved, make, saved)
            result = replace(result, measured=replace(result.measured, contended=contended))
            file = predictions.encode(predicted)
            record = Completed(**codec.fields(heading), **codec.fields(result), predictions=digest(file))
            store.to_bytes(record)  # what no record can hold fails this trial, not the run
            return Ended(record, file)
        except Exception as error:
            return _failed(heading, _why(error, private=_is_private(job)))


def _as_given(resolved: Resolved, make: Make, saved: Checkpoint) -> tuple[Result, Predicted]:
    from chainward.trials.run import run_trial

    with closing(make(resolved)) as trial:
        return run_trial(trial, saved)


def _tuned(resolved: Resolved, make: Make, saved: Checkpoint) -> tuple[Result, Predicted]:
    from chainward.trials.tuning import run_tuned

    return run_tuned(resolved, make, saved)


def _is_private(job: Job) -> bool:
    try:
        return tasks.kind(job.specification.task).private
    except ChainwardError:
        return False


def _why(error: Exception, *, private: bool) -> Failure:
    """Why a trial failed; on private data only where, unless it is in words of ours that show no cell of theirs."""
    if not private:
        return failure(type(error).__name__, str(error), "".join(traceback.format_exception(error)))
    ours = isinstance(error, ChainwardError) and not isinstance(error, Revealing)
    where = "".join(traceback.format_tb(error.__traceback__))
    return failure(type(error).__name__, str(error) if ours else WITHHELD, where)


def failed(job: Job, kind: str, message: str) -> Ended:
    """Return the record of a trial that could not tell itself how it ended."""
    return _failed(_heading(job), failure(kind, message))


def failure(kind: str, message: str, traced: str = "") -> Failure:
    """Return why a trial failed; text that is no Unicode, such as half a surrogate pair, is escaped."""
    texts = (kind, presentable(message), presentable(traced))
    return Failure(*(text.encode("utf-8", "backslashreplace").decode() for text in texts))


def _failed(heading: Heading, error: Failure) -> Ended:
    return Ended(Failed(**codec.fields(heading), error=error))


def _heading(job: Job) -> Heading:
    return Heading(
        id=job.identifier,
        specification=job.specification,
        digests=Digests(job.data, job.code),
        provenance=provenance(""),
        hospitals=(),
        notes=(),
        preprocessing={},
        schema=SCHEMA,
    )


def _with_dataset(heading: Heading, dataset: FederatedDataset, device: str, notes: tuple[str, ...]) -> Heading:
    """The heading, with where the trial runs and on whose patients."""
    sizes = (HospitalSize(h.name, len(h.train), len(h.validation), len(h.test)) for h in dataset.hospitals)
    return replace(
        heading,
        provenance=provenance(device),
        hospitals=tuple(sizes),
        notes=(*dataset.notes, *notes),
        preprocessing=_disclosed(dataset),
    )


def _disclosed(dataset: FederatedDataset) -> dict[str, int]:
    """Bytes that all hospitals together disclosed beforehand, by kind."""
    total: Counter[str] = Counter()
    for kinds in dataset.preprocessing.values():
        total.update(kinds)
    return dict(sorted(total.items()))
