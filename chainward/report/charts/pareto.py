"""AUROC against what it costs, gas or time, with the front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from chainward.report.charts.base import Chart, data, log_axis, pick, specified
from chainward.report.charts.points import HEIGHT, WIDTH, ZERO_AT, ZERO_WIDTH, Domain, around, beside, points, up
from chainward.report.charts.svg import ACCENT
from chainward.report.charts.text import short_names
from chainward.report.formats import fixed, integer, significant
from chainward.report.tables.groups import Row

NAME = 150
"""Pixels that a name takes at most."""


@dataclass(frozen=True)
class Cost:
    """What accuracy is held against: a field of the leaderboard, its name and form, and who is on its front."""

    field: str
    title: str
    style: str
    free: str
    words: Callable[[float], str]
    on_front: Callable[[Sequence[Row], Row], bool]


def pareto(rows: Sequence[Row], key: str) -> Chart | None:
    """Gas is on a log axis; what spends none stands apart at 0, where a log axis has no place."""
    cost = Cost(
        "gas_total", "total gas, log scale (measured)", "~s", "no gas", _gas, lambda _, row: bool(row["on_front"])
    )
    return _against(rows, key, cost, "total gas")


def pareto_latency(rows: Sequence[Row], key: str) -> Chart | None:
    """The same over modelled seconds, whose front is found by the rule of gas."""
    cost = Cost("latency_total_s", "total latency in s, log scale (modelled)", ",~r", "no time", _seconds, fastest)
    return _against(rows, key, cost, "total latency")


def fastest(rows: Sequence[Row], row: Row) -> bool:
    """Whether no other paper takes less time without being told apart below, or as much and is told apart above."""
    return bool(_contests(row)) and not any(_beats(other, row) for other in rows if _contests(other))


def _gas(value: float) -> str:
    return f"{integer(value)} gas"


def _seconds(value: float) -> str:
    return f"{significant(value)} s"


def _interval(row: Row) -> str:
    low, mean, high = (fixed(row[f"auroc_{name}"]) for name in ("low", "mean", "high"))
    return f"{mean} [{low}, {high}]"


def _contests(row: Row) -> bool:
    return not row["reference"] and row["better_than"] is not None


def _beats(other: Row, row: Row) -> bool:
    mine, theirs = (float(f"{one['latency_total_s']:.3g}") for one in (row, other))
    if theirs == mine:
        return row["label"] in other["better_than"]
    return theirs < mine and other["label"] not in row["better_than"]


def _against(rows: Sequence[Row], key: str, cost: Cost, words: str) -> Chart | None:
    able = [row for row in rows if row["auroc_mean"] is not None and row[cost.field] is not None]
    if not able:
        return None
    names = short_names((row["label"] for row in able), NAME)
    known = [
        {
            **row,
            "label": names[row["label"]],
            "cost": row[cost.field],
            "front": cost.on_front(able, row),
            "tip": f"{row['label']}: AUROC {_interval(row)}, {cost.words(row[cost.field])}",
        }
        for row in able
    ]
    front = [row["label"] for row in known if row["front"]]
    y = _domain(known)
    free, paid = ([row for row in known if (row["cost"] > 0) is spent] for spent in (False, True))
    panels = [_zero_panel(free, y, cost.free)] if free else []
    panels += [_paid_panel(paid, y, free, cost)] if paid else []
    description = f"AUROC with its 95 % interval over {words}. On the Pareto front: {', '.join(front) or 'none'}."
    chart = alt.hconcat(*panels, spacing=10)
    return specified(chart, key, f"Accuracy against {words}, {known[0]['task']}", description)


def _zero_panel(rows: Sequence[Row], y: Domain, title: str) -> Any:
    """One above the other at 0, their names beside them in a column."""
    scale = alt.Scale(domain=[0, ZERO_WIDTH], nice=False)
    axis = alt.Axis(values=[ZERO_AT], labelExpr="'0'", grid=False, titleAnchor="start")
    x = alt.X("cost:Q", title=title, scale=scale, axis=axis)
    values = beside([{**row, "cost": ZERO_AT} for row in rows], y)
    return points(values, x, y, bare=False, align="left").properties(width=ZERO_WIDTH, height=HEIGHT)


def _paid_panel(rows: Sequence[Row], y: Domain, free: Sequence[Row], cost: Cost) -> Any:
    exponents = [math.log10(row["cost"]) for row in rows]
    margin = 0.04 * (max(exponents) - min(exponents)) + 0.1
    low, high = min(exponents) - margin, max(exponents) + margin
    scale = alt.Scale(type="log", domain=[10**low, 10**high], nice=False)
    x = alt.X("cost:Q", scale=scale, title=cost.title, axis=log_axis(10**low, 10**high, cost.style))
    line = alt.Chart(data(_steps(rows, free, 10**low, 10**high))).mark_line(
        interpolate="step-after", color=ACCENT, strokeWidth=1, strokeDash=[3, 2]
    )
    wide = WIDTH if free else WIDTH + ZERO_WIDTH
    values = around(rows, (low, high), y, wide)
    layers = alt.layer(line.encode(x=x, y=up(y, bool(free))), points(values, x, y, bare=bool(free), align="center"))
    return layers.properties(width=wide, height=HEIGHT)


def _steps(rows: Sequence[Row], free: Sequence[Row], low: float, high: float) -> list[Row]:
    """Corners of the front's line, from what is reached without cost to the right edge."""
    start = [row["auroc_mean"] for row in free if row["front"]]
    front = sorted((row for row in rows if row["front"]), key=lambda row: float(row["cost"]))
    corners = [{"cost": low, "auroc_mean": max(start)}] if start else []
    corners += [pick(row, "cost", "auroc_mean") for row in front]
    return corners + [{"cost": high, "auroc_mean": corner["auroc_mean"]} for corner in corners[-1:]]


def _domain(rows: Sequence[Row]) -> Domain:
    low, high = min(row["auroc_low"] for row in rows), max(row["auroc_high"] for row in rows)
    margin = 0.06 * (high - low) + 0.004
    return max(0.0, low - margin), min(1.0, high + margin)
