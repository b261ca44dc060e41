"""The few sentences a reader should take away, as figures with their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from chainward.report.formats import fixed, integer, significant
from chainward.report.tables.groups import Row

VERDICTS = (
    "reproduced",
    "partly",
    "not reproduced",
    "the published code does not implement the paper",
    "not testable here",
)
WITHIN = 0.02
"""How much AUROC a reader may give up for gas or latency: the margin of the claims' rules."""


def totals(leaderboard: Sequence[Row], claims: Sequence[Row]) -> Row:
    """Counts for the headline."""
    verdicts = Counter(row["verdict"] for row in claims)
    return {
        "strategies": len({row["strategy"] for row in leaderboard}),
        "tasks": len({row["task"] for row in leaderboard}),
        "trials": sum(row["trials"] for row in leaderboard),
        "failed": sum(row["failed"] for row in leaderboard),
        "verdicts": {one: verdicts[one] for one in sorted(verdicts, key=lambda one: (_place(one), one))},
    }


def glance(main: Sequence[Sequence[Row]]) -> list[Row]:
    """One row a task from its main setting: who is best at what. Papers only, references are no contestants."""
    return [row for row in map(_glance, main) if row]


def _place(verdict: str) -> int:
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def _glance(rows: Sequence[Row]) -> Row:
    able = [row for row in rows if row["auroc_mean"] is not None and not row["reference"]]
    if not able:
        return {}
    best = max(able, key=_auroc)
    near = [row for row in able if _auroc(row) >= _auroc(best) - WITHIN]
    unseen = [row for row in able if row["sees_individual_updates"] == "nobody"]
    return {
        "task": best["task"],
        "best": _told(best, lambda row: fixed(_auroc(row))),
        "frugal": _told(min(near, key=lambda row: row["gas_total"]), lambda row: f"{integer(row['gas_total'])} gas"),
        "fastest": _told(min(near, key=lambda row: row["latency_total_s"]), _latency),
        "discreet": _told(max(unseen, key=_auroc), lambda row: fixed(_auroc(row))) if unseen else "none",
    }


def _told(row: Row, figure: Callable[[Row], str]) -> str:
    return f"{row['label']}, {figure(row)}"


def _latency(row: Row) -> str:
    return f"{significant(row['latency_total_s'])} s"


def _auroc(row: Row) -> float:
    return float(row["auroc_mean"])
