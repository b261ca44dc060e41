"""The leaderboard as `run` and `report` print it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import click

from chainward.cli.output import as_table, shown
from chainward.names import visible

_COLUMNS = {
    "label": "strategy",
    "auroc": "AUROC [95 %]",
    "auroc_worst_hospital": "worst hospital",
    "rounds": "rounds",
    "latency_per_round_s": "s/round (modelled)",
    "latency_total_s": "s total",
    "gas_per_round": "gas/round",
    "gas_deploy": "gas set-up",
    "gas_total": "gas total",
    "raw_records_shared": "raw records",
    "sees_individual_updates": "sees updates",
}


def print_leaderboard(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one table a task and setting, best first; failed strategies say so."""
    ordered = sorted(rows, key=lambda row: (row["task"], row["setting"], -(row["auroc_mean"] or 0.0)))
    for (task, setting), group in groupby(ordered, key=lambda row: (row["task"], row["setting"])):
        as_table([_line(row) for row in group], _COLUMNS, title=f"\n{task}: {setting}")


def print_verdicts(verdicts: Sequence[Mapping[str, Any]]) -> None:
    """Print every claim with its verdict, what is to be said of its rule, and what decided it."""
    if verdicts:
        columns = {"strategy": "strategy", "claim": "claim", "tier": "tier", "verdict": "verdict", "basis": "found"}
        lines = [
            {
                **row,
                "verdict": "\n".join([row["verdict"], *_of_the_rule(row)]),
                "basis": row["found"] or row["why"],
                "trials": len(row["records"]),
            }
            for row in verdicts
        ]
        as_table(lines, {**columns, "trials": "trials"}, title="\nclaims")


def _of_the_rule(row: Mapping[str, Any]) -> Iterator[str]:
    """Whether it is the first of two rules, and what of it could not have failed."""
    told = {"first rule": row["first_rule"], "identity": row["identity"]}
    return (f"{mark}: {why}" for mark, why in told.items() if why)


def print_attacks(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print what each attack costs each strategy."""
    names = ("auroc_without", "auroc_under", "drop")
    columns = {"label": "strategy", "attack": "attack", "auroc_without": "AUROC without", "auroc_under": "with"}
    for (task, setting), group in groupby(rows, key=lambda row: (row["task"], row["setting"])):
        lines = [{**row, **{name: _figure(row[name]) for name in names}} for row in group]
        as_table(lines, {**columns, "drop": "drop"}, title=f"\nattacks on {task}: {setting}")


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    if row["auroc_mean"] is None:
        interval = f"failed ({row['failed']} of {row['trials']})" if row["failed"] else "–"
    else:
        interval = f"{row['auroc_mean']:.3f} [{row['auroc_low']:.3f}, {row['auroc_high']:.3f}]"
    worst = row["auroc_worst_hospital"]
    return {**row, "auroc": interval, "auroc_worst_hospital": "not estimable" if worst is None else shown(worst)}


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def say(text: str) -> None:
    """Print one line of progress to standard error."""
    click.echo(visible(text, keep="\n"), err=True)
