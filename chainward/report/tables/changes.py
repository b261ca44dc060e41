"""Changes between two reports -> a row a line, as JSON holds it."""

from __future__ import annotations

from chainward.report.tables.groups import Row
from chainward.results.changes import Change
from chainward.results.moves import Accuracy, Cost, Time
from chainward.results.snapshots import Line


def line_row(line: Line) -> Row:
    """Return the columns that name a line."""
    return {name: getattr(line, name) for name in ("task", "strategy", "setting", "label")}


def change_row(change: Change) -> Row:
    """Return everything that is known of one line's change; null what could not be compared."""
    return {
        **line_row(change.after),
        "trials": change.pairs,
        "equal": change.equal,
        "other_code": change.other_code,
        **_accuracy(change.accuracy),
        **{name: _cost(cost) for name, cost in change.costs.items()},
        "seconds": change.time and _time(change.time),
        "newly_failed": dict(change.newly_failed),
        "missing_seeds": list(change.missing),
        "notes": [*change.notes, *([change.uncompared] if change.uncompared else [])],
    }


def _accuracy(found: Accuracy | None) -> Row:
    change = found and found.difference
    return {
        "predictions_apart": found and found.apart,
        "auroc_before": found and found.before and found.before.value,
        "auroc_after": found and found.after and found.after.value,
        "auroc_change": change and change.estimate,
        "auroc_change_low": change and change.low,
        "auroc_change_high": change and change.high,
        "auroc_change_p": change and change.p,
    }


def _cost(cost: Cost) -> Row:
    """Means a trial, and of each part that changed; `rounding` names those whose hashes alone are others."""
    trials = cost.trials
    parts = [
        {
            "name": name,
            "before": part.before / trials,
            "after": part.after / trials,
            "calls_before": part.calls_before / trials,
            "calls_after": part.calls_after / trials,
        }
        for name, part in cost.moved.items()
    ]
    return {
        "before": cost.before,
        "after": cost.after,
        "change": cost.more,
        "parts": parts,
        "rounding": sorted(cost.rounded),
    }


def _time(found: Time) -> Row:
    return {
        "before": found.before_s,
        "expected": found.expected_s,
        "after": found.after_s,
        "ratio": found.ratio,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "calibrated": found.calibrated,
    }
