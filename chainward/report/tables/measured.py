"""Results -> what the meters saw: gas by function, learning curves, disclosures, hospitals, outcomes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, TypeVar

from chainward.report.tables.costs import mean
from chainward.report.tables.groups import Group, Row
from chainward.results.record import Completed

T = TypeVar("T")


def gas_function_rows(groups: Sequence[Group]) -> list[Row]:
    """Gas a contract function: extremes over all trials, the median of the trials' medians, means of the totals."""
    rows = []
    for one in groups:
        trials = len(one.completed)
        kinds = _by(one, lambda trial: trial.gas_functions, lambda row: (row.contract, row.function, row.phase))
        for (contract, function, phase), found in kinds:
            names = {"contract": contract, "function": function, "phase": phase}
            spread = {
                "min": min(each.min for each in found),
                "median": median(each.median for each in found),
                "max": max(each.max for each in found),
            }
            sums = {name: sum(getattr(each, name) for each in found) for name in _TOTALS}
            rows.append({**one.identity, **names, **spread, **{name: value / trials for name, value in sums.items()}})
    return rows


_TOTALS = ("calls", "total", "total_eip7623", "reverted")


def learning_curve_rows(groups: Sequence[Group]) -> list[Row]:
    """Validation AUROC a round: mean, least and greatest over the seeds that reached it."""
    rows = []
    for one in groups:
        known: dict[int, list[float]] = defaultdict(list)
        for trial in one.completed:
            for number, value in zip(trial.rounds.round, trial.rounds.validation_auroc, strict=True):
                if value is not None:
                    known[number].append(value)
        for number, values in sorted(known.items()):
            spread = {"auroc_mean": mean(values), "auroc_min": min(values), "auroc_max": max(values)}
            rows.append({**one.identity, "round": number, "trials": len(values), **spread})
    return rows


def disclosure_rows(groups: Sequence[Group]) -> list[Row]:
    """What was opened by whom: count and bytes a trial, means over the completed trials."""
    rows = []
    for one in groups:
        trials = len(one.completed)
        for (kind, audience), found in _by(one, lambda trial: trial.disclosures, lambda row: (row.kind, row.audience)):
            figures = {"count": sum(each.count for each in found), "bytes": sum(each.bytes for each in found)}
            means = {name: value / trials for name, value in figures.items()}
            rows.append({**one.identity, "kind": kind, "audience": audience, **means})
    return rows


def hospital_rows(leaderboard: Iterable[Row]) -> list[Row]:
    """AUROC in each hospital from pooled out-of-fold predictions, or why there is none; from leaderboard rows."""
    names = ("task", "strategy", "track", "label", "setting")
    return [{**{name: row[name] for name in names}, **one} for row in leaderboard for one in row["auroc_hospitals"]]


def outcome_rows(groups: Sequence[Group]) -> list[Row]:
    """What a protocol decided about each party or part in the end (pay, scores, forks), mean over completed trials."""
    rows = []
    for one in groups:
        found: dict[tuple[str, str], list[float]] = {}
        for trial in one.completed:
            for quantity, values in trial.outcomes.items():
                for party, value in values.items():
                    found.setdefault((quantity, party), []).append(value)
        for (quantity, party), told in sorted(found.items()):
            rows.append({**one.identity, "quantity": quantity, "party": party, "value": mean(told)})
    return rows


def _by(one: Group, entries: Callable[[Completed], Iterable[T]], key: Callable[[T], Any]) -> list[tuple[Any, list[T]]]:
    """Entries of all completed trials, by a key and in its order."""
    found: dict[Any, list[T]] = {}
    for trial in one.completed:
        for entry in entries(trial):
            found.setdefault(key(entry), []).append(entry)
    return sorted(found.items(), key=lambda item: item[0])
