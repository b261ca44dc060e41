"""Gas and latency against the number of hospitals, with the law of the points and the paper's beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import altair as alt

from chainward.report.charts.base import Chart, data, specified, tip, whole_axis
from chainward.report.charts.svg import ACCENT, INK, PAPER, SOFT
from chainward.report.charts.text import BOLD, natural, shortened
from chainward.report.formats import integer, law, significant
from chainward.report.tables.groups import Row

WIDTH, HEIGHT, COLUMNS, STEPS = 212, 112, 4, 24
TITLES = {
    "gas_total": "total gas (measured)",
    "gas_setup": "gas of set-up (measured)",
    "latency_total_s": "total latency, s (modelled)",
}
LAWS = {"measured": "integer", "modelled": "significant"}
"""How the numbers of a law are written."""

WORDS = (
    "Means over seeds, one panel a strategy and quantity, with the law of N hospitals that the points follow by least "
    "squares: of a constant, a line and a parabola the simplest, one more term where that at least halves the error in "
    "foretelling each size from all others. A broken line with squares is the paper’s own law, as quoted; one of "
    "an agent is drawn for all of them."
)


def scaling(rows: Sequence[Row], key: str) -> Chart | None:
    """One small panel a sweep and quantity, each with its own upward scale from zero.

    A quantity begins a new line, unless all panels fit into one.
    """
    if not rows:
        return None
    found = [_panels([row for row in rows if row["quantity"] == quantity]) for quantity in TITLES]
    blocks = found if sum(map(len, found)) > COLUMNS else [[one for panels in found for one in panels]]
    lines = [
        alt.hconcat(*panels[at : at + COLUMNS], spacing=18)
        for panels in blocks
        for at in range(0, len(panels), COLUMNS)
    ]
    title = f"Gas and latency by hospitals, {rows[0]['task']}"
    return specified(alt.vconcat(*lines, spacing=20), key, title, WORDS)


def _panels(rows: Sequence[Row]) -> list[Any]:
    """Those of one quantity."""
    ordered = sorted(rows, key=lambda row: (natural(row["label"]), row["rounds"], row["hospitals"]))
    return [_panel(list(members)) for _, members in groupby(ordered, key=lambda row: (row["label"], row["rounds"]))]


def _panel(rows: Sequence[Row]) -> Any:
    first, largest = rows[0], max(int(row["hospitals"]) for row in rows)
    quoted = [_told(row, row["quoted"], "quoted") for row in rows if row["quoted"] is not None]
    highest = max(one["value"] for one in (*rows, *quoted)) or 1.0
    x = alt.X(
        "hospitals:Q",
        title="hospitals",
        scale=alt.Scale(domain=[0, largest * 1.06], nice=False),
        axis=whole_axis(0, largest, 7),
    )
    style = "~s" if first["source"] == "measured" else ",~r"
    y = alt.Y(
        "value:Q",
        title=TITLES[first["quantity"]],
        scale=alt.Scale(domain=[0, highest * 1.12], nice=False),
        axis=alt.Axis(tickCount=4, format=style, domain=False, minExtent=40),
    )
    points = [_told(row, row["value"], first["label"]) for row in rows]
    line = list(_law(first["coefficients"], int(rows[0]["hospitals"]), largest))
    layers = [
        alt.Chart(data(line)).mark_line(color=ACCENT, strokeWidth=1.3).encode(x=x, y=y),
        alt.Chart(data(points))
        .mark_point(filled=True, size=40, opacity=1, color=ACCENT)
        .encode(x=x, y=y, description=tip()),
    ]
    if quoted:
        theirs = alt.Chart(data(quoted)).encode(x=x, y=y)
        layers += [
            theirs.mark_line(color=SOFT, strokeDash=[4, 3]),
            theirs.mark_point(shape="square", size=30, opacity=1, stroke=SOFT, fill=PAPER).encode(description=tip()),
        ]
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=_title(first))


def _told(row: Row, value: float, whose: str) -> Row:
    words = integer(value) if row["source"] == "measured" else f"{significant(value)} s"
    return {"hospitals": row["hospitals"], "value": value, "tip": f"{whose}, {row['hospitals']} hospitals: {words}"}


def _law(coefficients: Sequence[float], least: int, largest: int) -> Iterator[Row]:
    """The law from the least to the largest size: both ends of a line, more of a curve."""
    steps = STEPS if len(coefficients) > 2 else 1
    for step in range(steps + 1):
        size = least + (largest - least) * step / steps
        yield {"hospitals": size, "value": sum(one * size**power for power, one in enumerate(coefficients))}


def _title(row: Row) -> alt.TitleParams:
    """Who it is, and the laws."""
    explained = "" if row["r2"] is None else f", r² {row['r2']:.4f}"
    ours = law(row["coefficients"], LAWS[row["source"]])
    form = f"{row['form']}{explained}"
    theirs = f"quoted, {row['tier']}: {row['quoted_law']}" if row["quoted_law"] else ""
    room = WIDTH + 40
    return alt.TitleParams(
        shortened(row["label"], room, BOLD),
        subtitle=[shortened(one, room, 10) for one in (form, ours, theirs)],
        anchor="start",
        frame="bounds",
        fontSize=11,
        color=INK,
        subtitleColor=SOFT,
        subtitleFontSize=10,
        offset=4,
    )
