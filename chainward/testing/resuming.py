"""Running a trial that is abandoned after every round and continued in a world of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chainward.plans.specification import Specification
from chainward.results.predictions import encode
from chainward.results.record import Result
from chainward.testing.small import dataset
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepare
from chainward.trials.run import run_trial
from chainward.world import Receipt


class _Abandoned(Exception):
    """The process is gone."""


def _abandon(_: int) -> None:
    raise _Abandoned


def run_with_interruptions(
    specification: Specification, path: Path
) -> tuple[Result, bytes, tuple[Receipt, ...], Mapping[str, Any]]:
    """Return result, predictions, receipts and memories of a trial that never ran two rounds in a row."""
    patients = dataset(specification)
    for _ in range(specification.rounds + 1):
        prepared = prepare(specification, patients, "cpu")
        try:
            result, predicted = run_trial(prepared, Checkpoint(path, interval_s=0.0), _abandon)
        except _Abandoned:
            continue
        return result, encode(predicted), tuple(prepared.world.ledger.receipts), prepared.world.engine.snapshot()
    raise AssertionError("no checkpoint was written: the trial starts anew each time")
