"""What the meters saw -> the result part of a record."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np

from chainward.strategy import Audience
from chainward.trials.predict import own_models, predictions
from chainward.trials.prepare import Trial
from chainward.world import Engine, Receipt


def result(trial: Trial, state: Any, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the result part of a trial's record from the entries of its set-up and rounds."""
    receipts = trial.world.ledger.receipts
    bounds = [0, *(entry["transactions"] for entry in entries)]
    spent = [receipts[start:end] for start, end in pairwise(bounds)]
    setup, *rounds = (
        entry | {"gas": sum(r.gas for r in part), "gas_eip7623": sum(r.floor for r in part)}
        for entry, part in zip(entries, spent, strict=True)
    )
    return {
        "setup": setup,
        "rounds": rounds,
        "gas_functions": _gas_by_phase(receipts, len(spent[0])),
        "disclosures": _disclosures(entries),
        "facts": _facts(trial, state, entries, receipts),
        "numbers": dict(trial.strategy.numbers(len(trial.world.hospitals))),
        "attackers": list(trial.attackers),
        "outcomes": {name: dict(values) for name, values in trial.strategy.outcomes(state).items()},
        "predictions": predictions(trial, state),
        "own_models": own_models(trial, state),
        "measured": {
            "compute_s": sum(entry["measured_compute_s"] for entry in entries),
            "wall_s": sum(entry["measured_wall_s"] for entry in entries),
            "apportioned": trial.world.engine.apportioned,
            "contended": False,
            **_inclusion(receipts),
            **_wire_bytes(trial.world.engine),
        },
    }


def _wire_bytes(engine: Engine) -> dict[str, int]:
    """Measured bytes of an engine that sends messages."""
    sent = getattr(engine, "wire_bytes", None)
    return {} if sent is None else {"wire_bytes": sent}


def _inclusion(receipts: list[Receipt]) -> dict[str, Any]:
    """Measured seconds from sending to inclusion, from a ledger that has a node."""
    seconds = [receipt.inclusion_s for receipt in receipts if receipt.inclusion_s is not None]
    if not seconds:
        return {}
    return {"inclusion_s": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))}}


def _facts(trial: Trial, state: Any, entries: list[dict[str, Any]], receipts: list[Receipt]) -> dict[str, Any]:
    audiences = (Audience(entry["audience"]) for entry in entries)
    return {
        "sees_individual_updates": max(audiences, key=lambda audience: audience.rank).value,
        "raw_records_shared": sum(entry["raw_records"] for entry in entries),
        "spends_gas": any(receipt.gas for receipt in receipts),
        "ended_by_itself": bool(trial.strategy.finished(state)),
        "rounds_used": len(entries) - 1,
    }


def _gas_by_phase(receipts: list[Receipt], setup: int) -> list[dict[str, Any]]:
    phases = {"setup": receipts[:setup], "round": receipts[setup:]}
    rows = [{**row, "phase": phase} for phase, part in phases.items() for row in gas_functions(part)]
    return sorted(rows, key=lambda row: (row["contract"], row["function"], row["phase"]))


def gas_functions(receipts: list[Receipt]) -> list[dict[str, Any]]:
    """Return what each contract function cost over some receipts: calls, least, median, most and total gas."""
    groups: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        groups[receipt.contract, receipt.function].append(receipt)
    return [
        {
            "contract": contract,
            "function": function,
            "calls": len(group),
            "min": min(r.gas for r in group),
            "median": float(np.median([r.gas for r in group])),
            "max": max(r.gas for r in group),
            "total": sum(r.gas for r in group),
            "total_eip7623": sum(r.floor for r in group),
            "reverted": sum(not r.succeeded for r in group),
        }
        for (contract, function), group in sorted(groups.items())
    ]


def _disclosures(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in (row for entry in entries for row in entry["disclosures"]):
        total = totals[row["kind"], row["audience"]]
        total[0] += row["count"]
        total[1] += row["bytes"]
    return [
        {"kind": kind, "audience": audience, "count": count, "bytes": size}
        for (kind, audience), (count, size) in sorted(totals.items())
    ]
