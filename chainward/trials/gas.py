"""What every contract function of the line-up costs in one fixed small trial a strategy: the gas snapshot."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepared
from chainward.trials.result import gas_functions
from chainward.trials.run import run_trial

ROUNDS = 3
TASK, TASK_PARAMS = "synthetic", {"hospitals": 6, "patients": 60}
# Hashes of trained weights are calldata, and their zero bytes are cheaper: the last digit of a float moves a few gas.
TOLERANCE = 0.005


def measure(keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return calls, least, median and most gas of every contract function these strategies call, set-up included."""
    quick = ((key, discovery.load(key).quick) for key in keys)
    resolved = (resolve(Specification(key, TASK, 0, ROUNDS, params, task_params=TASK_PARAMS)) for key, params in quick)
    return [row for one in resolved if one.strategy.card.contracts for row in _functions(one)]


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


def _functions(resolved: Resolved) -> list[dict[str, Any]]:
    trial = prepared(resolved, resolved.task.dataset(0), "cpu")
    run_trial(trial, Checkpoint())
    return [asdict(row) for row in gas_functions(trial.world.ledger.receipts, "round")]


def _by_function(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{row['contract']}.{row['function']}": row for row in rows}
