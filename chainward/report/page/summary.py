"""The few sentences a reader should take away, as figures with their rows; who cannot be told apart stands together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from chainward.report.formats import fixed, integer, significant
from chainward.report.tables.groups import Row
from chainward.results.comparison import best

VERDICTS = (
    "reproduced",
    "partly",
    "not reproduced",
    "the published code does not implement the paper",
    "not testable here",
)


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


def glance(main: Sequence[tuple[Sequence[Row], Row]]) -> list[Row]:
    """One row a task from the rows of its main setting and what they can be told apart by.

    Who is best at what: papers only, references are no contestants.
    """
    return [row for rows, told in main if (row := _glance(rows, told))]


def resolution(told: Row) -> str:
    """What a table can tell apart, in a sentence; empty where it has no pair."""
    if not told["pairs"]:
        return f"{told['not_compared']} rows cannot be compared." if told["not_compared"] > 1 else ""
    apart = f"{told['pairs_told_apart']} of {told['pairs']} pairs of rows are told apart"
    least, median, most = (fixed(told[f"needed_{name}"]) for name in ("least", "median", "most"))
    reach = f"; a difference of AUROC of {least} to {most} is enough, by the pair, {median} in the median"
    count = told["not_compared"]
    left = f"; {count} row{'s take' if count > 1 else ' takes'} no part" if count else ""
    return f"{apart}, with {told['units']} {told['unit']}s as units{reach}{left}. {_decision(told)}".strip()


def _decision(told: Row) -> str:
    others = [label for label in told["tied_with_best"] if label != told["best"]]
    if told["best"] is None:
        return ""
    if not others:
        return f"{told['best']} is told apart from all others."
    return f"The ranking is not decisive: {', '.join(others)} cannot be told apart from {told['best']}."


def _place(verdict: str) -> int:
    return VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)


def _glance(rows: Sequence[Row], told: Row) -> Row:
    able = [row for row in rows if row["rank"] is not None and not row["reference"]]
    if not able:
        return {}
    near = not_told_apart(able)
    unseen = [row for row in able if row["sees_individual_updates"] == "nobody"]
    return {
        "task": rows[0]["task"],
        "best": _told(near, lambda row: fixed(row["auroc_mean"])),
        "frugal": _least(near, lambda row: f"{integer(row['gas_total'])} gas", lambda row: round(row["gas_total"])),
        "fastest": _least(near, _latency, lambda row: float(f"{row['latency_total_s']:.3g}")),
        "discreet": _told(not_told_apart(unseen), lambda row: fixed(row["auroc_mean"])) if unseen else "none",
        "resolution": resolution(told),
    }


def not_told_apart(rows: Sequence[Row]) -> list[Row]:
    """The rows that cannot be told apart from the most accurate of them, in the order of labels."""
    top = rows[best([row["auroc_mean"] for row in rows], [row["label"] for row in rows])]
    tied = [row for row in rows if row["label"] not in top["better_than"] and top["label"] not in row["better_than"]]
    return sorted(tied, key=lambda row: str(row["label"]))


def _least(rows: Sequence[Row], words: Callable[[Row], str], cost: Callable[[Row], float]) -> str:
    """Those whose cost as printed is least: what rounding hides is no difference."""
    least = min(cost(row) for row in rows)
    found = [row for row in rows if cost(row) == least]
    return f"{', '.join(row['label'] for row in found)}: {words(found[0])}"


def _told(rows: Sequence[Row], figure: Callable[[Row], str]) -> str:
    return ", ".join(f"{row['label']} {figure(row)}" for row in rows)


def _latency(row: Row) -> str:
    return f"{significant(row['latency_total_s'])} s"
