"""Validation AUROC by round."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import altair as alt

from chainward.report.charts.base import Chart, data, pick, specified
from chainward.report.charts.svg import ACCENT, INK, SOFT
from chainward.report.tables.groups import Row

COLUMNS, WIDTH, HEIGHT = 6, 140, 76


def learning_curves(points: Sequence[Row], key: str) -> Chart | None:
    """One small panel a strategy, the median of all strategies in grey behind it: no colours to tell apart."""
    if not points:
        return None
    values = _values(points)
    x = alt.X(
        "round:Q",
        title=None,
        scale=alt.Scale(zero=False, nice=False),
        axis=alt.Axis(tickCount=3, format="d", grid=False),
    )
    y = alt.Y("auroc_mean:Q", title=None, scale=_scale(points), axis=alt.Axis(tickCount=3, format=".2f", domain=False))
    base = alt.Chart().encode(x=x)
    layers = alt.layer(
        base.mark_line(color=SOFT, strokeWidth=1, opacity=0.6).encode(y=alt.Y("median:Q", title=None)),
        base.mark_line(color=ACCENT, strokeWidth=1.8).encode(y=y),
        base.mark_text(color=INK, fontSize=10, align="right", dy=-8).encode(y=y, text="end:N"),
        data=data(values),
    ).properties(width=WIDTH, height=HEIGHT)
    header = alt.Header(title=None, labelAnchor="start", labelLimit=WIDTH, labelPadding=2)
    facets = layers.facet(facet=alt.Facet("label:N", header=header, title=None), columns=COLUMNS, spacing=14)
    title = f"Validation AUROC by round, {points[0]['task']}"
    return specified(facets, key, title, "Mean over seeds, one panel a strategy; the number is the last round’s.")


def _values(points: Sequence[Row]) -> list[Row]:
    """Each point with the median of its round, the last one of a strategy with its figure in words."""
    rounds = sorted({row["round"] for row in points})
    middle = {one: median(row["auroc_mean"] for row in points if row["round"] == one) for one in rounds}
    last = {row["label"]: row["round"] for row in sorted(points, key=lambda row: int(row["round"]))}
    return [
        {
            **pick(row, "label", "round", "auroc_mean"),
            "median": middle[row["round"]],
            "end": f"{row['auroc_mean']:.3f}" if row["round"] == last[row["label"]] else "",
        }
        for row in points
    ]


def _scale(points: Sequence[Row]) -> alt.Scale:
    """Room above the highest line for its figure, or panels would differ in height."""
    low, high = min(row["auroc_mean"] for row in points), max(row["auroc_mean"] for row in points)
    span = max(high - low, 0.02)
    return alt.Scale(domain=[low - 0.08 * span, high + 0.32 * span], nice=False, zero=False)
