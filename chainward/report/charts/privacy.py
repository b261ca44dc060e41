"""Who opens what, strategy by strategy: how wide the widest audience of each kind of thing is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import altair as alt

from chainward.report.charts.base import NAME, Chart, data, ordered, specified
from chainward.report.charts.svg import ACCENT, INK, PAPER
from chainward.report.charts.text import lines_of, natural, short_names, width_of
from chainward.report.tables.groups import Row
from chainward.report.tables.privacy import KINDS, LADDER, widest

WIDTH, STEP = 100, 19
SHORT = (
    "–",
    "coordinator",
    "another party",
    "one hospital",
    "some hospitals",
    "hospitals",
    "every hospital",
    "everyone",
)
SHADES, STRONG = (0.0, 0.12, 0.22, 0.34, 0.46, 0.8, 0.9, 1.0), 5
"""How strong each step's colour is, and from which step on letters on it are those of the paper."""

WORDS = (
    "The widest audience that opened each kind of thing of somebody else in any trial, stronger for a wider one: "
    f"{', '.join(LADDER)}. How many hospitals is known of updates alone."
)


def audiences(rows: Sequence[Row], key: str) -> Chart | None:
    """Strategies by kinds of things; those that show least of patients stand first."""
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row["label"]].append(row)
    steps = {label: _steps(widest(mine)) for label, mine in by_label.items()}
    kinds = [kind for kind in KINDS if any(found[kind] for found in steps.values())]
    if not kinds:
        return None
    order = sorted(steps, key=lambda label: ([steps[label][kind] for kind in kinds], natural(label)))
    names = short_names(order, NAME)
    values = [
        {"label": names[label], "kind": _words(kind), "step": step, "shade": SHADES[step], "told": SHORT[step]}
        for label in order
        for kind in kinds
        for step in (steps[label][kind],)
    ]
    x = alt.X(
        "kind:N",
        title=None,
        sort=[_words(kind) for kind in kinds],
        scale=alt.Scale(paddingInner=0.03, paddingOuter=0.0),
        axis=alt.Axis(
            orient="top",
            labelAngle=0,
            labelExpr="split(datum.value, '|')",
            labelColor=INK,
            ticks=False,
            domain=False,
            labelPadding=6 + 13 * max(_words(kind).count("|") for kind in kinds),  # they begin at the top
        ),
    )
    y = ordered("label", list(names.values()), max(map(width_of, names.values())) + 6)
    base = alt.Chart(data(values)).encode(x=x, y=y)
    shade = alt.Scale(domain=[0, 1], range=[0, 1])
    strong = alt.condition(f"datum.step >= {STRONG}", alt.value(PAPER), alt.value(INK))
    chart = alt.layer(
        base.mark_rect(fill=ACCENT, stroke=PAPER).encode(
            fillOpacity=alt.FillOpacity("shade:Q", scale=shade, legend=None)
        ),
        base.mark_text(fontSize=10.5).encode(text="told:N", color=strong),
    ).properties(width=WIDTH * len(kinds), height=alt.Step(STEP))
    return specified(chart, key, f"Who opens what, {rows[0]['task']}", WORDS)


def _steps(found: Mapping[str, str]) -> dict[str, int]:
    return {kind: LADDER.index(audience) for kind, audience in found.items()}


def _words(kind: str) -> str:
    return "|".join(lines_of(KINDS[kind], WIDTH - 8, 2))
