"""Total latency in its five parts."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from chainward.report.charts.base import NAME, Chart, data, ordered, specified, tip
from chainward.report.charts.svg import PARTS as COLOURS
from chainward.report.charts.text import short_names
from chainward.report.formats import significant
from chainward.report.tables.groups import Row
from chainward.world.clock import PARTS

WIDTH = 720


def latency_parts(rows: Sequence[Row], key: str) -> Chart | None:
    """One stacked bar a strategy, the fastest first."""
    known = [row for row in rows if row["latency_total_s"] is not None]
    if not known:
        return None
    short = short_names((row["label"] for row in known), NAME)
    values = [
        {
            "label": short[row["label"]],
            "part": part,
            "place": place,
            "seconds": row[f"latency_{part}_s"],
            "tip": f"{row['label']}, {part}: {significant(row[f'latency_{part}_s'])} s",
        }
        for row in known
        for place, part in enumerate(PARTS)
    ]
    names = [short[row["label"]] for row in sorted(known, key=lambda row: float(row["latency_total_s"]))]
    chart = alt.Chart(data(values), width=WIDTH, height=alt.Step(19)).mark_bar(height=11)
    legend = alt.Legend(title=None, orient="top", direction="horizontal")
    encoded = chart.encode(
        x=alt.X("seconds:Q", title="seconds, set-up and all rounds (modelled)", axis=alt.Axis(tickCount=6)),
        y=ordered("label", names),
        color=alt.Color("part:N", scale=alt.Scale(domain=list(PARTS), range=list(COLOURS)), legend=legend),
        order=alt.Order("place:Q"),
        description=tip(),
    )
    description = f"{', '.join(PARTS).capitalize()}, stacked. Fastest: {names[0]}, slowest: {names[-1]}."
    return specified(encoded, key, f"Latency in parts, {known[0]['task']}", description)
