"""Rows -> what the page shows: tables, charts and anchors, still without any HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from chainward.report.formats import count, size
from chainward.report.page import columns
from chainward.report.page.columns import Column, hospital_columns
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row

if TYPE_CHECKING:
    from chainward.report.charts import Chart, Drawing


@dataclass(frozen=True)
class Table:
    """A table of the page; `intervals` is the AUROC range that its little interval pictures span."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    intervals: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Picture:
    """A chart, the table that holds the same figures and, once it is drawn, the drawing."""

    chart: Chart
    table: Table
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Setting:
    """Everything that may be compared with each other: one task, one track, one ledger, the same faults.

    `scenario` is its chain with the price of gas in words, `told` what its rows can be told apart by.
    """

    key: str
    task: str
    words: str
    scenario: str
    told: Row
    main: bool
    leaderboard: Table
    tables: Mapping[str, Table]
    pictures: Mapping[str, Picture]


def settings(tables: Tables) -> tuple[Setting, ...]:
    """The settings in leaderboard order; the first of each task is its main one."""
    found = []
    tasks: set[str] = set()
    shared = {name: _by_setting(tables[name]) for name in _SHARED}
    for number, (setting, rows) in enumerate(groupby(tables["leaderboard"], key=_setting), 1):
        mine = {name: rows_of.get(setting, []) for name, rows_of in shared.items()}
        found.append(_view(f"setting-{number}", list(rows), mine, main=setting[0] not in tasks))
        tasks.add(setting[0])
    return tuple(found)


_SHARED = ("learning_curves", "gas_functions", "hospitals", "disclosures", "resolution")


def _by_setting(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[_setting(row)].append(row)
    return found


def _setting(row: Row) -> tuple[str, str]:
    return row["task"], row["setting"]


def _view(key: str, rows: list[Row], mine: Mapping[str, list[Row]], main: bool) -> Setting:
    done = [row for row in rows if row["trials"] > row["failed"]]
    limits = _limits(done)
    told = [{**row, "opened": _opened(row["label"], mine["disclosures"])} for row in done]
    shapes = {
        "accuracy": ("Further measures of accuracy", columns.ACCURACY, done),
        "time": ("Latency and its parts", columns.TIME, done),
        "fees": ("Gas and what it would cost", columns.FEES, done),
        "privacy": ("Who saw what", columns.TRAFFIC, told),
        "curves": ("Validation AUROC by round", columns.CURVES, mine["learning_curves"]),
        "functions": ("Gas of each contract function", columns.GAS_FUNCTIONS, mine["gas_functions"]),
    }
    tables = {name: Table(caption, shape, tuple(found), limits) for name, (caption, shape, found) in shapes.items()}
    tables["hospitals"] = hospital_table(done, mine["hospitals"])
    leaderboard = Table(rows[0]["setting"], columns.LEADERBOARD, tuple(rows), limits)
    # A chart compares: a lone strategy in a side setting has its figures in the tables.
    pictures = _pictures(key, done, mine, tables) if done and (main or len(done) > 1) else {}
    words, scenario = rows[0]["setting"], rows[0]["scenario"]
    (resolution,) = mine["resolution"]
    return Setting(key, rows[0]["task"], words, scenario, resolution, main, leaderboard, tables, pictures)


def _pictures(
    key: str, rows: list[Row], mine: Mapping[str, list[Row]], tables: Mapping[str, Table]
) -> dict[str, Picture]:
    from chainward.report import charts  # and with them altair: only where there is something to draw

    drawn = {
        "pareto": (charts.pareto(rows, f"{key}-pareto"), tables["fees"]),
        "curves": (charts.learning_curves(mine["learning_curves"], f"{key}-curves"), tables["curves"]),
        "time": (charts.latency_parts(rows, f"{key}-time"), tables["time"]),
        "functions": (charts.gas_functions(mine["gas_functions"], f"{key}-functions"), tables["functions"]),
    }
    return {name: Picture(chart, table) for name, (chart, table) in drawn.items() if chart is not None}


def hospital_table(leaderboard: Sequence[Row], rows: Iterable[Row]) -> Table:
    """Strategies by hospitals; a cell is an AUROC or says why there is none."""
    rows = list(rows)
    names = tuple(dict.fromkeys(row["hospital"] for row in rows))
    lines = [
        {**line, **{f"hospital_{names.index(row['hospital'])}": row for row in rows if row["label"] == line["label"]}}
        for line in leaderboard
    ]
    return Table("AUROC in each hospital, pooled out-of-fold predictions", hospital_columns(names), tuple(lines))


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    known = [row for row in rows if row["auroc_low"] is not None]
    if not known:
        return 0.0, 1.0
    return min(row["auroc_low"] for row in known), max(row["auroc_high"] for row in known)


def _opened(label: str, disclosures: Iterable[Row]) -> str:
    return "; ".join(
        f"{row['kind']} by {row['audience']}: {count(row['count'])} ×, {size(row['bytes'])}"
        for row in disclosures
        if row["label"] == label
    )
