"""Validation AUROC by round."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

import altair as alt

from chainward.report.charts.base import Chart, data, pick, specified, tip, whole_axis
from chainward.report.charts.svg import ACCENT, INK, SOFT
from chainward.report.charts.text import BOLD, lines_of, natural
from chainward.report.tables.groups import Row

COLUMNS, WIDTH, HEIGHT, BETWEEN, LINE = 6, 164, 84, 14, 13
TITLE = 2
"""Lines of a panel's name at most."""

WORDS = (
    "Mean over seeds, one panel a strategy; the number is that of the point, the last round that all seeds reached. "
    "A broken line is the mean of those that went on. Grey is the median of the strategies whose seeds all ran to the "
    "last round."
)


def learning_curves(points: Sequence[Row], key: str) -> Chart | None:
    """One small panel a strategy, the median of those that ran to the end in grey behind it: no colours to tell apart.

    A line stands for all seeds, and stops where the first of them ends.
    """
    if not points:
        return None
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(points, key=lambda row: (natural(row["label"]), int(row["round"]))):
        by_label[row["label"]].append(row)
    values = [each for place, rows in enumerate(by_label.values()) for each in _values(rows, place)]
    names = [lines_of(label, WIDTH - 4, TITLE, BOLD) for label in by_label]
    title = f"Validation AUROC by round, {points[0]['task']}"
    panels = _panels(values, _middle(by_label), names, _scale(points))
    return specified(panels, key, title, WORDS)


def _panels(values: Sequence[Row], middle: Sequence[Row], names: Sequence[list[str]], scale: alt.Scale) -> Any:
    """Panels in the order given; the grey line, which is the same in all, has data of its own, so that all show it."""
    low, high = (limit(row["round"] for row in values) for limit in (min, max))
    axis = whole_axis(low, high)
    x = alt.X(
        "round:Q", title=None, scale=alt.Scale(domain=[low - 0.5, max(high, low + 1) + 0.5], nice=False), axis=axis
    )
    y = alt.Y("auroc_mean:Q", title=None, scale=scale, axis=alt.Axis(tickCount=3, format=".2f", domain=False))
    deep = LINE * max(map(len, names))
    told = [
        {"place": place, "round": low, "name": (deep // LINE - len(name)) * [""] + name}
        for place, name in enumerate(names)
    ]
    base = alt.Chart().encode(x=x, y=y)
    lines, ends = base.encode(detail="part:N"), base.transform_filter("isValid(datum.end)")
    early = {"expr": f"datum.round < {low + 0.3 * (high - low)} ? 'left' : 'right'"}
    layers = alt.layer(
        alt.Chart(data(middle)).mark_line(color=SOFT, strokeWidth=1, opacity=0.6).encode(x=x, y=y),
        lines.transform_filter("datum.whole").mark_line(color=ACCENT, strokeWidth=1.8),
        lines.transform_filter("datum.whole === false").mark_line(color=ACCENT, strokeWidth=1, strokeDash=[2, 2]),
        ends.mark_point(filled=True, size=22, opacity=1, color=ACCENT).encode(description=tip()),
        ends.mark_text(color=INK, fontSize=10, dy=-10, align=early).encode(text="end:N"),
        alt.Chart()
        .transform_filter("isArray(datum.name)")
        .mark_text(align="left", baseline="top", fontWeight="bold", color=INK, lineHeight=LINE)
        .encode(x=alt.value(0), y=alt.value(-deep - 4), text="name:N"),
        data=data([*values, *told]),
    ).properties(width=WIDTH, height=HEIGHT)
    header = alt.Header(labelExpr="''", labelFontSize=1, labelPadding=0, title=None)  # names are marks of their own
    return layers.facet(facet=alt.Facet("place:O", header=header), columns=COLUMNS, spacing=BETWEEN)


def _values(rows: Sequence[Row], place: int) -> Iterator[Row]:
    """Each point, in parts of rounds that as many seeds reached; the last one of all seeds has its figure."""
    most = max(row["trials"] for row in rows)
    last = max(row["round"] for row in rows if row["trials"] == most)
    for part, (trials, members) in enumerate(groupby(rows, key=lambda row: int(row["trials"]))):
        for row in members:
            end = f"{row['auroc_mean']:.3f}" if trials == most and row["round"] == last else None
            yield {
                **pick(row, "round", "auroc_mean"),
                "place": place,
                "part": part,
                "whole": trials == most,
                **({"end": end, "tip": f"{row['label']}: {end} after round {row['round']}"} if end else {}),
            }


def _middle(by_label: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The median, by round, of those whose every round to the last one has all of their seeds; the same ones each."""
    last = max(rows[-1]["round"] for rows in by_label.values())
    whole = [
        rows for rows in by_label.values() if rows[-1]["round"] == last and len({row["trials"] for row in rows}) == 1
    ]
    rounds = sorted(set.intersection(*({row["round"] for row in rows} for rows in whole))) if len(whole) > 1 else []
    values: dict[int, list[float]] = defaultdict(list)
    for row in (row for rows in whole for row in rows):
        values[row["round"]].append(row["auroc_mean"])
    return [{"round": one, "auroc_mean": median(values[one])} for one in rounds]


def _scale(points: Sequence[Row]) -> alt.Scale:
    """Room above the highest line for its figure, or panels would differ in height."""
    low, high = min(row["auroc_mean"] for row in points), max(row["auroc_mean"] for row in points)
    span = max(high - low, 0.02)
    return alt.Scale(domain=[low - 0.08 * span, high + 0.32 * span], nice=False, zero=False)
