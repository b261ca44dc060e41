"""AUROC against total gas, with the front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from chainward.report.charts.base import Chart, data, gas_axis, pick, specified
from chainward.report.charts.labels import Box, place
from chainward.report.charts.svg import ACCENT, INK, PAPER, SOFT
from chainward.report.tables.groups import Row

WIDTH, HEIGHT, ZERO_WIDTH = 720, 340, 118
Domain = tuple[float, float]


def pareto(rows: Sequence[Row], key: str) -> Chart | None:
    """Gas is on a log axis; what spends none stands apart at 0, where a log axis has no place."""
    known = [row for row in rows if row["auroc_mean"] is not None]
    if not known:
        return None
    front = [row["label"] for row in known if row["on_front"]]
    description = f"AUROC with its 95 % interval over total gas. On the Pareto front: {', '.join(front) or 'none'}."
    y = _domain(known)
    free = [row for row in known if row["gas_total"] <= 0]
    paid = [row for row in known if row["gas_total"] > 0]
    panels = [_zero_panel(free, y)] if free else []
    panels += [_gas_panel(paid, y, free)] if paid else []
    return specified(
        alt.hconcat(*panels, spacing=6), key, f"Accuracy against total gas, {known[0]['task']}", description
    )


def _zero_panel(rows: Sequence[Row], y: Domain) -> Any:
    x = alt.X("place:Q", title="no gas", scale=alt.Scale(domain=[0, 1]), axis=_zero_axis())
    values = [{**row, "place": 0.3} for row in _named(rows, [0.3 * ZERO_WIDTH] * len(rows), ZERO_WIDTH, y)]
    return _points(values, x, y, bare=False).properties(width=ZERO_WIDTH, height=HEIGHT)


def _zero_axis() -> alt.Axis:
    return alt.Axis(values=[0.3], labelExpr="'0'", grid=False, titleX=0.3 * ZERO_WIDTH)


def _gas_panel(rows: Sequence[Row], y: Domain, free: Sequence[Row]) -> Any:
    exponents = [math.log10(row["gas_total"]) for row in rows]
    low, high = min(exponents) - 0.15, max(exponents) + 0.35
    scale = alt.Scale(type="log", domain=[10**low, 10**high], nice=False)
    x = alt.X("gas_total:Q", scale=scale, title="total gas, log scale (measured)", axis=gas_axis(10**low, 10**high))
    values = _named(rows, [(each - low) / (high - low) * WIDTH for each in exponents], WIDTH, y)
    line = alt.Chart(data(_steps(rows, free, 10**low, 10**high))).mark_line(
        interpolate="step-after", color=ACCENT, strokeWidth=1, strokeDash=[3, 2]
    )
    layers = alt.layer(line.encode(x=x, y=_y(y, bool(free))), _points(values, x, y, bare=bool(free)))
    return layers.properties(width=WIDTH, height=HEIGHT)


def _steps(rows: Sequence[Row], free: Sequence[Row], low: float, high: float) -> list[Row]:
    """Corners of the front's line, from what is reached without gas to the right edge."""
    start = [row["auroc_mean"] for row in free if row["on_front"]]
    front = sorted((row for row in rows if row["on_front"]), key=lambda row: float(row["gas_total"]))
    corners = [{"gas_total": low, "auroc_mean": max(start)}] if start else []
    corners += [pick(row, "gas_total", "auroc_mean") for row in front]
    return corners + [{"gas_total": high, "auroc_mean": corner["auroc_mean"]} for corner in corners[-1:]]


def _points(values: Sequence[Row], x: alt.X, y: Domain, bare: bool) -> Any:
    """Intervals, points (filled on the front, square for a reference) and names."""
    base = alt.Chart(data(values)).encode(x=x)
    shape = alt.Shape("reference:N", scale=alt.Scale(domain=[False, True], range=["circle", "square"]), legend=None)
    front, middle = alt.datum.on_front, _y(y, bare)
    words = base.encode(y=middle, text="label:N")
    name = {"type": "text", "fontSize": 11, "dx": {"expr": "datum.dx"}, "dy": {"expr": "datum.dy"}}
    # A name keeps clear of the lines behind it by an edge in the colour of the paper.
    edge = {"stroke": PAPER, "strokeWidth": 3.5, "strokeJoin": "round"}
    return alt.layer(
        base.mark_rule(color=SOFT, opacity=0.45).encode(y=_y(y, bare, "auroc_low"), y2="auroc_high:Q"),
        base.mark_point(size=52, opacity=1, strokeWidth=1.4).encode(
            y=middle,
            shape=shape,
            fill=alt.condition(front, alt.value(ACCENT), alt.value(PAPER)),
            stroke=alt.condition(front, alt.value(ACCENT), alt.value(SOFT)),
        ),
        words.properties(mark={**name, **edge}),
        words.properties(mark=name).encode(color=alt.condition(front, alt.value(INK), alt.value(SOFT))),
    )


def _named(rows: Sequence[Row], xs: Sequence[float], width: float, y: Domain) -> list[Row]:
    """What the points need, with the place of each name."""
    low, high = y
    points = [(x, (high - row["auroc_mean"]) / (high - low) * HEIGHT) for x, row in zip(xs, rows, strict=True)]
    offsets = place(points, [row["label"] for row in rows], Box(0, 0, width, HEIGHT))
    fields = ("label", "gas_total", "auroc_mean", "auroc_low", "auroc_high", "on_front", "reference")
    return [{**pick(row, *fields), "dx": dx, "dy": dy} for row, (dx, dy) in zip(rows, offsets, strict=True)]


def _domain(rows: Sequence[Row]) -> Domain:
    low, high = min(row["auroc_low"] for row in rows), max(row["auroc_high"] for row in rows)
    margin = 0.06 * (high - low) + 0.004
    return max(0.0, low - margin), min(1.0, high + margin)


def _y(domain: Domain, bare: bool, field: str = "auroc_mean") -> alt.Y:
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    if bare:
        return alt.Y(
            f"{field}:Q", scale=scale, axis=alt.Axis(tickCount=6, labels=False, ticks=False, title=None, domain=False)
        )
    return alt.Y(
        f"{field}:Q", scale=scale, axis=alt.Axis(tickCount=6, format=".2f", title="AUROC (measured)", domain=False)
    )
