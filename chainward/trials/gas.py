"""What every contract function of the line-up costs in one fixed small trial a strategy: the gas snapshot."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chainward import tasks
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepare
from chainward.trials.result import gas_functions
from chainward.trials.run import run_trial

ROUNDS = 3
TASK, TASK_PARAMS = "synthetic", {"hospitals": 6, "patients": 60}
# Hashes of trained weights are calldata, and their zero bytes are cheaper: the last digit of a float moves a few gas.
TOLERANCE = 0.005


def measure(keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return calls, least, median and most gas of every contract function these strategies call, set-up included."""
    rows = []
    for key in keys:
        if discovery.load(key).card.contracts:
            rows.extend(_functions(key))
    return rows


def differences(committed: list[dict[str, Any]], measured: list[dict[str, Any]]) -> list[str]:
    """Return a line for every function whose cost is not the committed one."""
    old, new = _by_function(committed), _by_function(measured)
    lines = [f"{name}: no longer called" for name in sorted(old.keys() - new.keys())]
    lines += [f"{name}: not in the snapshot" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        for figure in ("calls", "min", "median", "max"):
            before, after = old[name][figure], new[name][figure]
            if abs(after - before) > TOLERANCE * before * (figure != "calls"):
                lines.append(f"{name}: {figure} {before:g} -> {after:g}")
    return lines


def _functions(key: str) -> list[dict[str, Any]]:
    dataset = tasks.load(TASK, **TASK_PARAMS).dataset(0)
    specification = Specification(strategy=key, task=TASK, task_params=TASK_PARAMS, seed=0, rounds=ROUNDS)
    prepared = prepare(specification, dataset, "cpu")
    run_trial(prepared, Checkpoint())
    return [asdict(row) for row in gas_functions(prepared.world.ledger.receipts, "round")]


def _by_function(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{row['contract']}.{row['function']}": row for row in rows}
