"""One trial: let the strategy run, write down what the meter saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from chainward.results.predictions import Predicted
from chainward.results.record import Result
from chainward.results.rounds import DisclosureRow, Latency, Round, Traffic
from chainward.trials import trained
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.predict import model_of, predicted, validation_auroc
from chainward.trials.prepare import Trial
from chainward.trials.result import result


def run_trial(
    trial: Trial, checkpoint: Checkpoint, progress: Callable[[int], None] = lambda _: None
) -> tuple[Result, Predicted]:
    """Run a trial from its checkpoint or from the start; return the result part of its record and its predictions.

    Raises:
        NobodyTrained, NothingLearned: see `trained.check`.
    """
    strategy, world = trial.strategy, trial.world
    state, entries = checkpoint.load(strategy, world)
    started = time.perf_counter()
    if not entries:
        state = strategy.open(world)
        entries = [_entry(trial, state, started, ())]
    while len(entries) <= trial.specification.rounds and not strategy.finished(state):
        started = time.perf_counter()
        world.begin(len(entries))
        state = strategy.round(state, world)
        entries.append(_entry(trial, state, started, entries))
        checkpoint.save(world, state, entries)
        progress(len(entries) - 1)
    model = model_of(trial, state)
    trained.check(trial, model)
    return result(trial, state, entries), predicted(trial, model)


def _entry(trial: Trial, state: Any, started: float, before: Sequence[Round]) -> Round:
    """What the meters saw since the entry before."""
    world = trial.world
    world.chain.settle()
    meter, receipts = world.meter, world.ledger.receipts
    spent = receipts[before[-1].transactions if before else 0 :]
    return Round(
        round=world.round,
        latency_s=Latency(**world.clock.lap()),
        bytes=Traffic(**meter.bytes()),
        validation_auroc=validation_auroc(trial, model_of(trial, state)),
        measured_compute_s=meter.measured_s,
        measured_wall_s=time.perf_counter() - started,
        missing=tuple(sorted(meter.missing)),
        unreadable=tuple(sorted(meter.unreadable)),
        audience=meter.audience(),
        disclosures=tuple(DisclosureRow(**row) for row in meter.disclosures()),
        raw_records=meter.raw_records,
        spoiled=meter.spoiled,
        transactions=len(receipts),
        gas=sum(receipt.gas for receipt in spent),
        gas_eip7623=sum(receipt.floor for receipt in spent),
    )
