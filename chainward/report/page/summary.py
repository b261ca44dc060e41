"""The few sentences a reader should take away, as figures with their rows."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence

from chainward.report.formats import fixed
from chainward.report.tables.groups import Row
from chainward.results.manifest import Manifest

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


def headline(manifest: Manifest | None, machines: Sequence[Row], plan: str = "") -> Row:
    """The title of the plan (TOML), or else its name, the day of the last trial and the versions that ran them.

    What is not known is empty.
    """
    name = manifest.plan if manifest else ""
    versions = {
        told.removeprefix("chainward ")
        for row in machines
        for told in row["versions"].split(", ")
        if told.startswith("chainward ")
    }
    return {
        "title": str(tomllib.loads(plan).get("title") or name),
        "date": max((row["last"] for row in machines), default="")[:10],
        "version": " and ".join(sorted(versions)),
    }


def resolution(told: Row) -> str:
    """What a table can tell apart, in a sentence; empty where it has no pair."""
    if not told["pairs"]:
        return f"{told['not_compared']} rows cannot be compared." if told["not_compared"] > 1 else ""
    apart = f"{told['pairs_told_apart']} of {told['pairs']} pairs of rows are told apart"
    least, median, most = (fixed(told[f"needed_{name}"]) for name in ("least", "median", "most"))
    several = f"{least} to {most} is enough, by the pair, {median} in the median"
    reach = f"; a difference of AUROC of {f'{least} is enough' if least == most else several}"
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
