"""What every export shows of the tables: the first setting of each task, and cells as a reader sees them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from chainward.report.formats import fixed, shown, signed
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row


def main_settings(tables: Tables) -> Iterator[tuple[Row, list[Row]]]:
    """Yield, for each task, what its main setting can tell apart and the rows of its leaderboard."""
    resolution = {(row["task"], row["setting"]): row for row in tables["resolution"]}
    for _, members in groupby(tables["leaderboard"], key=lambda row: row["task"]):
        rows = list(members)
        first = rows[0]["task"], rows[0]["setting"]
        yield resolution[first], [row for row in rows if (row["task"], row["setting"]) == first]


def figure(row: Row, name: str, style: str) -> str:
    """A figure as the page writes it; a dash where there is none."""
    return shown(row.get(name), style)


def name(row: Row) -> str:
    """The label of a row, and whether it is a reference."""
    return f"{row['label']}{' (reference)' if row['reference'] else ''}"


def auroc(row: Row) -> str:
    """AUROC with its interval; why there is none, where there is none."""
    if row["auroc_mean"] is None:
        return "failed" if row["failed"] else "–"
    low, high = (fixed(row[f"auroc_{end}"]) for end in ("low", "high"))
    return f"{fixed(row['auroc_mean'])} [{low}, {high}]"


def difference(row: Row, name: str) -> str:
    """A difference with its interval."""
    if row.get(name) is None:
        return "–"
    return f"{signed(row[name])} [{signed(row[f'{name}_low'])}, {signed(row[f'{name}_high'])}]"


def rank(row: Row) -> str:
    """The rank, with a mark where the row is not told apart from the best paper."""
    return f"{shown(row['rank'], 'count')}{' =' if row['tied_with_best'] else ''}"


def outcome(row: Row) -> tuple[str, ...]:
    """What came of a row: AUROC, its difference to fedavg, total gas, total latency, who sees updates."""
    return (
        auroc(row),
        difference(row, "auroc_minus_baseline"),
        figure(row, "gas_total", "integer"),
        figure(row, "latency_total_s", "significant"),
        figure(row, "sees_individual_updates", "text"),
    )


def verdict_counts(claims: Sequence[Row]) -> list[tuple[str, int]]:
    """How many claims have each verdict, in the order in which the rows tell them."""
    names = sorted(dict.fromkeys(str(row["verdict"]) for row in claims))
    return [(name, sum(row["verdict"] == name for row in claims)) for name in names]
