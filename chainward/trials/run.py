"""One trial: let the strategy run, write down what the meter saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chainward.trials.checkpoint import Checkpoint
from chainward.trials.predict import validation_auroc
from chainward.trials.prepare import Trial
from chainward.trials.result import result


def run_trial(trial: Trial, checkpoint: Checkpoint, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Run a trial from its checkpoint or from the start and return the result part of its record."""
    strategy, world = trial.strategy, trial.world
    state, entries = checkpoint.load(strategy, world)
    started = time.perf_counter()
    if not entries:
        state = strategy.open(world)
        entries.append(_entry(trial, state, started))
    while len(entries) <= trial.specification.rounds and not strategy.finished(state):
        started = time.perf_counter()
        world.begin(len(entries))
        state = strategy.round(state, world)
        entries.append(_entry(trial, state, started))
        checkpoint.save(world, state, entries)
        progress(len(entries) - 1)
    return result(trial, state, entries)


def _entry(trial: Trial, state: Any, started: float) -> dict[str, Any]:
    world = trial.world
    world.chain.settle()
    meter = world.meter
    return {
        "round": world.round,
        "latency_s": world.clock.lap(),
        "bytes": dict(meter.bytes()),
        "validation_auroc": validation_auroc(trial, state),
        "measured_compute_s": meter.measured_s,
        "measured_wall_s": time.perf_counter() - started,
        "missing": sorted(meter.missing),
        "audience": meter.audience().value,
        "disclosures": meter.disclosures(),
        "raw_records": meter.raw_records,
        "transactions": len(world.ledger.receipts),
    }
