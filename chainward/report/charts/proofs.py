"""What a proof takes by batch, and how its verification costs more with it, beside the figures that papers print."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from chainward.report.charts.base import Chart, data, specified, tip
from chainward.report.charts.svg import ACCENT, INK, SOFT
from chainward.report.tables.groups import Row

WIDTH, HEIGHT = 300, 180
SOURCES = {"modelled": ACCENT, "measured": INK, "quoted": SOFT}
SHAPES = ["circle", "square", "triangle-up"]
DASHES = [[1, 0], [6, 2], [2, 2]]


def proof_costs(rows: Sequence[Row], key: str) -> Chart | None:
    """Seconds of a proof on the left; on the right cost of a verified update over that with the smallest batch.

    A line joins the batches of one task, or of one paper's own figures: modelled, measured and quoted apart.
    """
    seconds, ratios = list(_seconds(rows)), list(_ratios(rows))
    if not seconds:
        return None
    x = alt.X("batch:Q", title="patients a batch", scale=alt.Scale(zero=True, nice=False), axis=alt.Axis(tickCount=5))
    of, shape = (
        alt.Scale(domain=list(SOURCES), range=list(SOURCES.values())),
        alt.Scale(domain=list(SOURCES), range=SHAPES),
    )
    dash = alt.Scale(domain=list(SOURCES), range=DASHES)
    legend = alt.Legend(title=None, orient="top")

    def panel(values: Sequence[Row], title: str, scale: alt.Scale) -> Any:
        base = alt.Chart(data(values)).encode(
            x=x,
            y=alt.Y("value:Q", title=title, scale=scale),
            color=alt.Color("source:N", scale=of, legend=legend),
            detail="line:N",
        )
        marks = base.mark_point(filled=True, size=44, opacity=1).encode(
            shape=alt.Shape("source:N", scale=shape, legend=legend), description=tip()
        )
        lines = base.mark_line(strokeWidth=1.2).encode(strokeDash=alt.StrokeDash("source:N", scale=dash, legend=None))
        return alt.layer(lines, marks).properties(width=WIDTH, height=HEIGHT)

    panels = [panel(seconds, "seconds a proof, log scale", alt.Scale(type="log", nice=True))]
    if ratios:
        panels.append(panel(ratios, "cost over the smallest batch’s", alt.Scale(zero=False, nice=True)))
    features = sorted({int(row["features"]) for row in rows if row["features"]})
    words = (
        "Left: seconds of a proof by batch, modelled, measured here, and quoted from the paper’s pictures. Right: gas "
        "of a verified update over that with the smallest batch, beside the authors’ ether. "
        f"Features: {', '.join(map(str, features))}; a line has one number of them."
    )
    return specified(alt.hconcat(*panels, spacing=34), key, "What a proof takes, by batch", words)


def _seconds(rows: Sequence[Row]) -> Iterator[Row]:
    for row in rows:
        for source in SOURCES:
            if row[f"{source}_s"]:
                place = _place(row, source)
                yield {**place, "value": row[f"{source}_s"], "tip": f"{place['tip']}: {row[f'{source}_s']:.3g} s"}


def _ratios(rows: Sequence[Row]) -> Iterator[Row]:
    """Cost over that of a line's smallest batch, of lines with several."""
    lines: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        source, cost = ("quoted", row["quoted_ether"]) if row["quoted_s"] else ("measured", row["gas"])
        if cost:
            place = _place(row, source)
            lines[source, place["line"]].append({**place, "cost": cost})
    for line in lines.values():
        least = min(line, key=lambda one: int(one["batch"]))
        if len(line) > 1:
            for one in line:
                ratio = one["cost"] / least["cost"]
                yield {**one, "value": ratio, "tip": f"{one['tip']}: {ratio:.4g} of the smallest batch’s cost"}


def _place(row: Row, source: str) -> Row:
    line = f"{source} {row['task']} {row['track']} {row['features']:g}"
    return {"batch": row["batch"], "source": source, "line": line, "tip": f"{line}, batch {row['batch']}"}
