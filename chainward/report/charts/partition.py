"""Whose patients are where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from chainward.report.charts.base import NAME, Chart, data, ordered, specified, tip
from chainward.report.charts.svg import ACCENT, SOFT
from chainward.report.charts.svg import PARTS as COLOURS
from chainward.report.charts.text import short_names, width_of
from chainward.report.formats import count
from chainward.report.tables.groups import Row
from chainward.report.tables.partition import PARTS

WIDTH, SIDE, HEIGHT = 480, 200, 190
NAMED = 40
"""With more hospitals than this a row each is too many: they stand side by side without names."""


def partition(rows: Sequence[Row], key: str) -> Chart | None:
    """Patients of each hospital, the largest first, by part of the split, and the prevalence of those tested."""
    known = [row for row in rows if sum(row[part] for part in PARTS)]
    if not known:
        return None
    names = short_names((row["hospital"] for row in known), NAME)
    values = [
        {
            "hospital": names[row["hospital"]],
            "place": place,
            "part": part,
            "order": order,
            "patients": row[part],
            "tip": f"{row['hospital']}, {part}: {count(row[part])} patients",
        }
        for place, row in enumerate(known, 1)
        for order, part in enumerate(PARTS)
    ]
    shares = [
        {
            "hospital": names[row["hospital"]],
            "place": place,
            "prevalence": row["prevalence"],
            "tip": f"{row['hospital']}: {row['prevalence']:.1%} with the outcome",
        }
        for place, row in enumerate(known, 1)
        if row["prevalence"] is not None
    ]
    chart = _named(values, shares, list(names.values())) if len(known) <= NAMED else _many(values, shares)
    sizes = [round(sum(row[part] for part in PARTS)) for row in known]
    told = f"{len(known)} hospitals of {min(sizes):,} to {max(sizes):,} patients a seed"
    description = f"{told}: {', '.join(PARTS)}, means over seeds; share with the outcome of all who are tested."
    return specified(chart, key, f"Who has how many patients, {known[0]['task']}", description)


def _named(values: Sequence[Row], shares: Sequence[Row], names: Sequence[str]) -> Any:
    """A row a hospital."""
    bars = alt.Chart(data(values), width=WIDTH, height=alt.Step(15)).mark_bar(height=9)
    left = bars.encode(
        x=_patients(alt.X),
        y=ordered("hospital", names, max(map(width_of, names)) + 6),
        color=_colour(),
        order=alt.Order("order:Q"),
        description=tip(),
    )
    points = alt.Chart(data(shares), width=SIDE, height=alt.Step(15)).mark_point(filled=True, size=30, color=ACCENT)
    bare = alt.Axis(labels=False, ticks=False, domain=False, grid=True)
    right = points.encode(
        description=tip(), x=_prevalence(alt.X), y=alt.Y("hospital:N", title=None, sort=list(names), axis=bare)
    )
    return alt.hconcat(left, right, spacing=14)


def _many(values: Sequence[Row], shares: Sequence[Row]) -> Any:
    """Hospitals side by side as one area: hundreds of bars would be a megabyte."""
    most = max(row["place"] for row in values)
    scale = alt.Scale(domain=[0.5, most + 0.5], nice=False)
    wide = WIDTH + SIDE
    title = "hospitals, the largest first"
    areas = alt.Chart(data(_steps(values, most)), width=wide, height=HEIGHT).mark_area(interpolate="step-after")
    axis = alt.Axis(labels=False, ticks=False, grid=False)
    upper = areas.encode(
        x=alt.X("edge:Q", scale=scale, title=None, axis=axis),
        y=_patients(alt.Y),
        color=_colour(),
        order=alt.Order("order:Q"),
    )
    points = alt.Chart(data(shares), width=wide, height=HEIGHT / 2).mark_point(filled=True, size=9, color=SOFT)
    numbers = alt.Axis(tickCount=8, format="d", grid=False)
    lower = points.encode(
        description=tip(), x=alt.X("place:Q", scale=scale, title=title, axis=numbers), y=_prevalence(alt.Y)
    )
    return alt.vconcat(upper, lower, spacing=8)


def _steps(values: Sequence[Row], most: int) -> list[Row]:
    """Each hospital from half a place before its own to half a place after the last one's."""
    last = [{**row, "edge": most + 0.5} for row in values if row["place"] == most]
    return [*({**row, "edge": row["place"] - 0.5} for row in values), *last]


def _patients(axis: Any) -> Any:
    return axis("patients:Q", stack="zero", title="patients, mean over seeds (measured)", axis=alt.Axis(tickCount=5))


def _prevalence(axis: Any) -> Any:
    scale = alt.Scale(domain=[0, 1])
    return axis("prevalence:Q", scale=scale, title="with the outcome", axis=alt.Axis(values=[0, 0.5, 1], format=".0%"))


def _colour() -> alt.Color:
    legend = alt.Legend(title=None, orient="top", direction="horizontal")
    return alt.Color("part:N", scale=alt.Scale(domain=list(PARTS), range=list(COLOURS[:3])), legend=legend)
