"""Points of accuracy over what it costs: intervals, marks, and names that cover neither."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt

from chainward.report.charts.base import data, pick, tip
from chainward.report.charts.labels import LINE, POINT, Box, Place, box_of, place, spread
from chainward.report.charts.svg import ACCENT, INK, PAPER, SOFT
from chainward.report.tables.groups import Row

WIDTH, HEIGHT, ZERO_WIDTH, ZERO_AT, NAMES_AT = 900, 380, 178, 12.0, 30.0
FIELDS = ("label", "cost", "auroc_mean", "auroc_low", "auroc_high", "front", "reference", "tip")
Domain = tuple[float, float]


def beside(rows: Sequence[Row], y: Domain) -> list[Row]:
    """Points with their names in a column on the right, as near as can be to each one's height."""
    middles = spread([_down(row["auroc_mean"], y) for row in rows], LINE / 2, HEIGHT - LINE / 2)
    return [
        {
            **pick(row, *FIELDS),
            "name_x": NAMES_AT,
            "name_y": _rise(middle, y),
            "end_x": NAMES_AT - 3 if abs(middle - _down(row["auroc_mean"], y)) > 1 else None,
            "end_y": _rise(middle, y),
        }
        for row, middle in zip(rows, middles, strict=True)
    ]


def around(rows: Sequence[Row], x: Domain, y: Domain, width: float = WIDTH) -> list[Row]:
    """Points with the place of each one's name, on an x axis of powers of ten between two exponents."""
    low, high = x
    across = [(math.log10(row["cost"]) - low) / (high - low) * width for row in rows]
    down = [[_down(row[f"auroc_{name}"], y) for name in ("high", "mean", "low")] for row in rows]
    at = [(left, middle) for left, (_, middle, _) in zip(across, down, strict=True)]
    lines = [Box(left - 0.5, top, left + 0.5, bottom) for left, (top, _, bottom) in zip(across, down, strict=True)]
    names = place(at, [row["label"] for row in rows], Box(0, 0, width, HEIGHT), lines)

    def value(pixels: Place) -> Place:
        return 10 ** (low + pixels[0] / width * (high - low)), _rise(pixels[1], y)

    return [
        {**pick(row, *FIELDS), **_led(point, box_of(*name, row["label"]).nearest(*point), name, value)}
        for row, point, name in zip(rows, at, names, strict=True)
    ]


def _led(point: Place, end: Place, name: Place, value: Callable[[Place], Place]) -> Row:
    """Where a name stands, and where the line to it ends, where it is too far off to be without."""
    (name_x, name_y), (end_x, end_y) = value(name), value(end)
    far = math.dist(point, end) > POINT + 5
    return {"name_x": name_x, "name_y": name_y, "end_x": end_x if far else None, "end_y": end_y}


def points(values: Sequence[Row], x: alt.X, y: Domain, bare: bool, align: str) -> Any:
    """Intervals, points (filled on the front, square for a reference), names, and a line to each that is far off."""
    base = alt.Chart(data(values)).encode(x=x)
    shape = alt.Shape("reference:N", scale=alt.Scale(domain=[False, True], range=["circle", "square"]), legend=None)
    front, middle = alt.datum.front, up(y, bare)
    words = base.encode(x=alt.X("name_x:Q"), y=up(y, bare, "name_y"), text="label:N")
    name = {"type": "text", "fontSize": 11, "align": align, "baseline": "middle"}
    # A name keeps clear of the lines behind it by an edge in the colour of the paper.
    edge = {"stroke": PAPER, "strokeWidth": 3.5, "strokeJoin": "round"}
    return alt.layer(
        base.mark_rule(color=SOFT, opacity=0.4).encode(y=up(y, bare, "auroc_low"), y2="auroc_high:Q"),
        base.transform_filter("isValid(datum.end_x)")
        .mark_rule(color=SOFT, strokeWidth=0.7)
        .encode(y=middle, x2="end_x:Q", y2="end_y:Q"),
        words.properties(mark={**name, **edge}),
        base.mark_point(size=52, opacity=1, strokeWidth=1.4).encode(
            y=middle,
            description=tip(),
            shape=shape,
            fill=alt.condition(front, alt.value(ACCENT), alt.value(PAPER)),
            stroke=alt.condition(front, alt.value(ACCENT), alt.value(SOFT)),
        ),
        words.properties(mark=name).encode(color=alt.condition(front, alt.value(INK), alt.value(SOFT))),
    )


def up(domain: Domain, bare: bool, field: str = "auroc_mean") -> alt.Y:
    """AUROC upwards; `bare` where another panel on the left has the figures."""
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    if bare:
        axis = alt.Axis(tickCount=6, labels=False, ticks=False, title=None, domain=False)
    else:
        axis = alt.Axis(tickCount=6, format=".2f", title="AUROC (measured)", domain=False)
    return alt.Y(f"{field}:Q", scale=scale, axis=axis)


def _down(value: float, domain: Domain) -> float:
    """Pixels from the top."""
    low, high = domain
    return (high - value) / (high - low) * HEIGHT


def _rise(pixels: float, domain: Domain) -> float:
    """The value so many pixels from the top."""
    low, high = domain
    return high - pixels / HEIGHT * (high - low)
