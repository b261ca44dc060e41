"""Rows -> what the page shows: tables, charts and anchors, still without any HTML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chainward.report.formats import size
from chainward.report.page import columns
from chainward.report.page.columns import Column, hospital_columns
from chainward.report.page.patients import BY_PATIENTS, GAS_PER_PATIENT
from chainward.report.page.privacy import matrix, matrix_columns
from chainward.report.tables.by_name import Tables
from chainward.report.tables.groups import Row

if TYPE_CHECKING:
    from chainward.report.charts import Chart, Drawing


ROWS, SIDE_ROWS, OTHERS, PICTURED, PANELS, HOSPITALS = 120, 25, 6, 1, 36, 30
"""How much a page holds: rows a table of a main setting and of another, other settings, settings and rows that have
pictures, hospitals."""

ROUNDS = frozenset(step * 10**power for step in (1, 2, 5) for power in range(6))
"""Rounds that a table of a page shows, besides the last."""


@dataclass(frozen=True)
class Table:
    """A table of the page; `intervals` is the AUROC range that its little interval pictures span.

    `left_out` rows more stand in the CSV called `file`.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    file: str
    intervals: tuple[float, float] = (0.0, 1.0)
    left_out: int = 0

    @classmethod
    def of(
        cls,
        caption: str,
        columns: tuple[Column, ...],
        rows: Sequence[Row],
        file: str,
        intervals: tuple[float, float] = (0.0, 1.0),
        most: int = ROWS,
    ) -> Table:
        """Return a table of the first rows that a page has room for."""
        return cls(caption, columns, tuple(rows[:most]), file, intervals, max(0, len(rows) - most))


@dataclass(frozen=True)
class Picture:
    """A chart, the table that holds the same figures and, once it is drawn, the drawing."""

    chart: Chart
    table: Table
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Setting:
    """Everything that may be compared with each other: one task, one track, one ledger, the same faults.

    `rows` are those of its leaderboard, of which the table may hold the first, and `told` what tells them apart;
    `disclosed` what hospitals disclosed beforehand, by kind.
    """

    key: str
    task: str
    words: str
    told: Row
    disclosed: str
    main: bool
    rows: tuple[Row, ...]
    leaderboard: Table
    tables: Mapping[str, Table]
    pictures: Mapping[str, Picture]


def settings(tables: Tables) -> tuple[Setting, ...]:
    """The settings in leaderboard order that a page has room for; the first of each task is its main one."""
    shared = {name: _by_setting(tables[name]) for name in _SHARED}
    found: list[Setting] = []
    dealt: dict[str, list[list[Row]]] = defaultdict(list)
    for setting, rows in _by_setting(tables["leaderboard"]).items():
        main = all(setting[0] != one.task for one in found)
        others = len(found) - len({one.task for one in found})
        if main or others < OTHERS:
            mine = {name: rows_of.get(setting, []) for name, rows_of in shared.items()}
            mine["partition"] = _new(mine["partition"], dealt[setting[0]])
            number = len(found) + 1
            found.append(_view(f"setting-{number}", rows, mine, main, number <= PICTURED))
    return tuple(found)


_SHARED = (
    *("learning_curves", "gas_functions", "hospitals", "partition", "preprocessing"),
    *("gas_per_patient", "accuracy_by_patients", "privacy"),
    "resolution",
)


def _new(rows: list[Row], seen: list[list[Row]]) -> list[Row]:
    """Whose patients are where, unless another setting of the task has shown the same."""
    told = [{name: value for name, value in row.items() if name != "setting"} for row in rows]
    if told in seen:
        return []
    seen.append(told)
    return rows


def _by_setting(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[_setting(row)].append(row)
    return found


def _setting(row: Row) -> tuple[str, str]:
    return row["task"], row["setting"]


def _view(key: str, rows: list[Row], mine: Mapping[str, list[Row]], main: bool, early: bool) -> Setting:
    done = [row for row in rows if row["trials"] > row["failed"]]
    limits = _limits(done)
    most = ROWS if main else SIDE_ROWS
    curves = _some_rounds(mine["learning_curves"])
    shapes = {
        "accuracy": ("Further measures of accuracy", columns.ACCURACY, done, "leaderboard"),
        "time": ("Latency and its parts", columns.TIME, done, "leaderboard"),
        "fees": ("Gas and what it would cost", columns.FEES, done, "leaderboard"),
        "privacy": ("Who saw what", columns.TRAFFIC, done, "leaderboard"),
        "matrix": ("Who opened what, a trial", matrix_columns(mine["privacy"]), matrix(mine["privacy"]), "privacy"),
        "curves": ("Validation AUROC by round; every round is in the CSV", columns.CURVES, curves, "learning_curves"),
        "functions": ("Gas of each contract function", columns.GAS_FUNCTIONS, mine["gas_functions"], "gas_functions"),
        "patients": ("Gas a patient", GAS_PER_PATIENT, mine["gas_per_patient"], "gas_per_patient"),
        "by_patients": ("Accuracy by patients", BY_PATIENTS, mine["accuracy_by_patients"], "accuracy_by_patients"),
        "partition": ("Patients of each hospital", columns.PARTITION, mine["partition"], "partition"),
    }
    tables = {
        name: Table.of(caption, shape, found, file, limits, most)
        for name, (caption, shape, found, file) in shapes.items()
    }
    tables["hospitals"] = hospital_table(done, mine["hospitals"], most)
    leaderboard = Table.of(
        f"{rows[0]['setting']} · {rows[0]['scenario']}", columns.LEADERBOARD, rows, "leaderboard", limits, most
    )
    # A chart compares: a lone strategy in a side setting has its figures in the tables.
    pictured = done and (main or (len(done) > 1 and early))
    pictures = _pictures(key, done, mine, tables) if pictured else {}
    (resolution,) = mine["resolution"]
    first = rows[0]
    disclosed = ", ".join(f"{row['kind']} {size(row['bytes'])}" for row in mine["preprocessing"])
    return Setting(
        key, first["task"], first["setting"], resolution, disclosed, main, tuple(rows), leaderboard, tables, pictures
    )


def _some_rounds(rows: Sequence[Row]) -> list[Row]:
    last = {row["label"]: row["round"] for row in rows}
    return [row for row in rows if row["round"] in ROUNDS or row["round"] == last[row["label"]]]


def _pictures(
    key: str, rows: list[Row], mine: Mapping[str, list[Row]], tables: Mapping[str, Table]
) -> dict[str, Picture]:
    from chainward.report import charts  # and with them altair: only where there is something to draw

    labels = {row["label"] for place, row in enumerate(rows) if place < PANELS or row["on_front"]}
    first, curves, functions, opened = (
        [row for row in found if row["label"] in labels]
        for found in (rows, mine["learning_curves"], mine["gas_functions"], mine["privacy"])
    )
    with charts.unchecked():
        drawn = {
            "pareto": (charts.pareto(first, f"{key}-pareto"), tables["fees"]),
            "pareto_time": (charts.pareto_latency(first, f"{key}-pareto-time"), tables["time"]),
            "curves": (charts.learning_curves(curves, f"{key}-curves"), tables["curves"]),
            "time": (charts.latency_parts(first, f"{key}-time"), tables["time"]),
            "functions": (charts.gas_functions(functions, f"{key}-functions"), tables["functions"]),
            "privacy": (charts.audiences(opened, f"{key}-privacy"), tables["matrix"]),
            "partition": (charts.partition(mine["partition"], f"{key}-partition"), tables["partition"]),
        }
    left = len(rows) - len(first)
    more = f" {left} more rows are in the table." if left else ""
    return {
        name: Picture(chart if name == "partition" else replace(chart, description=f"{chart.description}{more}"), table)
        for name, (chart, table) in drawn.items()
        if chart is not None
    }


def hospital_table(leaderboard: Sequence[Row], rows: Iterable[Row], most: int = ROWS) -> Table:
    """Strategies by hospitals, the first ones; a cell is an AUROC or says why there is none."""
    cells: dict[str, dict[str, Row]] = defaultdict(dict)
    names: dict[str, int] = {}
    for row in rows:
        place = names.setdefault(row["hospital"], len(names))
        if place < HOSPITALS:
            cells[row["label"]][f"hospital_{place}"] = row
    shown = tuple(names)[:HOSPITALS]
    more = f"; {len(names) - len(shown)} more hospitals are in hospitals.csv" if len(names) > len(shown) else ""
    caption = f"AUROC in each hospital, pooled out-of-fold predictions{more}"
    lines = [{**line, **cells[line["label"]]} for line in leaderboard]
    return Table.of(caption, hospital_columns(shown), lines, "hospitals", most=most)


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    known = [row for row in rows if row["auroc_low"] is not None]
    if not known:
        return 0.0, 1.0
    return min(row["auroc_low"] for row in known), max(row["auroc_high"] for row in known)
