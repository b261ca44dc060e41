"""The leaderboard as `run` and `report` print it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from chainward.cli.output import as_table, shown, tell

Rows = Sequence[dict[str, Any]]

TABLES = 20
"""How many tables of a kind are printed."""

_COLUMNS = {
    "place": "rank",
    "label": "strategy",
    "auroc": "AUROC [95 %]",
    "baseline": "minus fedavg",
    "best": "minus best paper",
    "auroc_worst_hospital": "worst hospital",
    "rounds": "rounds",
    "latency_per_round_s": "s/round (modelled)",
    "latency_total_s": "s total",
    "gas_total": "gas total",
    "raw_records_shared": "raw records",
    "sees_individual_updates": "sees updates",
}
_SPARE = (
    *("gas_total", "latency_total_s", "sees_individual_updates", "best", "baseline"),
    *("raw_records_shared", "rounds", "auroc_worst_hospital", "latency_per_round_s"),
)
"""What a narrow terminal may go without, the most wanted first."""


def print_leaderboard(rows: Rows, resolution: Rows) -> None:
    """Print one table a task and setting, by ranks that ties share, and what it can tell apart; failures say so."""
    from chainward.report.page.summary import resolution as sentence

    told = {(one["task"], one["setting"]): one for one in resolution}
    for lines in _tables(rows, "task", "setting", file="leaderboard.csv"):
        first = lines[0]
        title = f"\n{first['task']}: {first['setting']} · {first['scenario']}"
        as_table([_line(row) for row in lines], _COLUMNS, title, _SPARE, "leaderboard.csv")
        tell(sentence(told[first["task"], first["setting"]]))


def _tables(rows: Rows, *names: str, file: str) -> Iterator[list[dict[str, Any]]]:
    """The rows of each table, as far as a terminal is for; then say where the rest is."""
    tables = [list(members) for _, members in groupby(rows, key=itemgetter(*names))]
    yield from tables[:TABLES]
    if tables[TABLES:]:
        tell(f"\n{len(tables) - TABLES} more tables are in {file}")


def print_verdicts(verdicts: Rows) -> None:
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


def print_attacks(rows: Rows) -> None:
    """Print what each attack costs each strategy at the honest hospitals, by ranks that ties share."""
    columns = {
        "place": "rank",
        "label": "strategy",
        "attackers": "attackers",
        "without": "AUROC without",
        "under": "with",
        "loss": "drop [95 %]",
        "note": "note",
    }
    for found in _tables(rows, "task", "setting", "attack", file="attacks.csv"):
        lines = [
            {
                **row,
                "place": shown(row["rank"]),
                "without": _fixed(row["auroc_without"]),
                "under": _fixed(row["auroc_under"]),
                "loss": _bounded(row, "drop"),
            }
            for row in found
        ]
        title = f"\n{found[0]['attack']}, on {found[0]['task']}: {found[0]['setting']}"
        as_table(lines, columns, title, ("loss", "note", "under", "without", "attackers"), "attacks.csv")


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    worst = row["auroc_worst_hospital"]
    return {
        **row,
        "place": f"{shown(row['rank'])}{' =' if row['tied_with_best'] else ''}",
        "auroc": _auroc(row),
        "baseline": _bounded(row, "auroc_minus_baseline"),
        "best": _bounded(row, "auroc_minus_best"),
        "auroc_worst_hospital": "not estimable" if worst is None else shown(worst),
    }


def _auroc(row: Mapping[str, Any]) -> str:
    missing = f" ({row['trials'] - row['failed']} of {row['trials']})" if row["failed"] else ""
    if row["auroc_mean"] is None:
        return f"failed ({row['failed']} of {row['trials']})" if row["failed"] else "–"
    return f"{row['auroc_mean']:.3f} [{row['auroc_low']:.3f}, {row['auroc_high']:.3f}]{missing}"


def _bounded(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        return "–"
    return " ".join((_signed(row[name]), f"[{_signed(row[f'{name}_low'])}, {_signed(row[f'{name}_high'])}]"))


def _signed(value: float) -> str:
    return f"{value:+z.3f}"


def _fixed(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
