"""Gas of one call of each contract function."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from chainward.report.charts.base import NAME, Chart, data, log_axis, ordered, pick, specified, tip
from chainward.report.charts.svg import ACCENT, SOFT
from chainward.report.charts.text import BOLD, short_names, width_of
from chainward.report.formats import integer
from chainward.report.tables.groups import Row

WIDTH = 560


def gas_functions(rows: Sequence[Row], key: str) -> Chart | None:
    """A line from the cheapest to the dearest call, a dot at the median; on a log axis."""
    known = [row for row in rows if row["min"] > 0]
    if not known:
        return None
    labels = short_names((row["label"] for row in known), WIDTH, BOLD)
    functions = short_names((_function(row) for row in known), NAME)
    values = [
        {
            **pick(row, "phase", "min", "median", "max"),
            "label": labels[row["label"]],
            "function": functions[_function(row)],
            "tip": f"{_function(row)}, {row['phase']}: {_spread(row)} gas",
        }
        for row in known
    ]
    low, high = min(row["min"] for row in known) / 1.2, max(row["max"] for row in known) * 1.2
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    x = alt.X("min:Q", title="gas a call, log scale (measured)", scale=scale, axis=log_axis(low, high))
    legend = alt.Legend(title=None, orient="top")
    phases = alt.Scale(domain=["setup", "round"], range=[SOFT, ACCENT])
    colour = alt.Color("phase:N", scale=phases, legend=legend)
    shape = alt.Shape("phase:N", scale=alt.Scale(domain=["setup", "round"], range=["diamond", "circle"]), legend=legend)
    room = max(map(width_of, functions.values())) + 6  # facets do not measure each other's names
    base = alt.Chart().encode(y=ordered("function", room=room), color=colour)
    layers = alt.layer(
        base.mark_rule(strokeWidth=1).encode(x=x, x2="max:Q"),
        base.mark_point(filled=True, size=38, opacity=1).encode(x="median:Q", shape=shape, description=tip()),
        data=data(values),
    ).properties(width=WIDTH, height=alt.Step(15))
    header = alt.Header(title=None, labelOrient="top", labelAnchor="start", labelPadding=2)
    facets = layers.facet(row=alt.Row("label:N", header=header, title=None), spacing=7).resolve_scale(y="independent")
    return specified(facets, key, f"Gas a function, {known[0]['task']}", "Least, median and greatest gas of one call.")


def _spread(row: Row) -> str:
    least, middle, most = (integer(row[name]) for name in ("min", "median", "max"))
    return middle if least == most else f"{middle}, {least} to {most}"


def _function(row: Row) -> str:
    return f"{row['contract']}.{row['function']}"
