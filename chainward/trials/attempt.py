"""From a job to its record, whatever the trial raises."""

from __future__ import annotations

import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainward import tasks
from chainward.results import store
from chainward.strategy import discovery
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.sweep import Job
from chainward.trials.words import presentable

if TYPE_CHECKING:
    from chainward.trials.prepare import EngineBuilder


def checkpoint(out: Path | None, identifier: str) -> Checkpoint:
    """Return where a trial saves its progress; without a folder, nowhere."""
    return Checkpoint(out / "checkpoints" / f"{identifier}.cbor" if out else None)


def attempt(
    job: Job, out: Path | None, device: str, *, contended: bool = False, build: EngineBuilder | None = None
) -> dict[str, Any]:
    """Run one trial; whatever it raises becomes a failed record. One torch thread, so that sums never depend on it.

    `contended` says that others run beside it; `build` makes the engine, where the caller has one of its own.
    """
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
        traced = "".join(traceback.format_exception(error))
        document |= failure(type(error).__name__, str(error), traced)
    finally:
        ending.close()
    return document


def failed(job: Job, kind: str, message: str) -> dict[str, Any]:
    """Return the record of a trial that could not tell itself how it ended."""
    return {**_frame(job), **failure(kind, message)}


def failure(kind: str, message: str, traced: str = "") -> dict[str, Any]:
    """Return what a failed record says beside its frame."""
    error = {"type": kind, "message": presentable(message), "traceback": presentable(traced)}
    return {"status": "failed", "error": error}


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
