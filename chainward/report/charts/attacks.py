"""What attacks cost each strategy, as intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from chainward.report.charts.base import NAME, Chart, data, name_axis, specified, tip
from chainward.report.charts.svg import ACCENT, INK, PAPER, SOFT
from chainward.report.charts.text import BOLD, lines_of, short_names, shortened, width_of
from chainward.report.formats import signed
from chainward.report.tables.groups import Row

WIDTH, COLUMNS, STEP = 290, 3, 19
REFERENCE = "fedavg"
Domain = tuple[float, float]
WORDS = (
    "AUROC lost at honest hospitals, without minus with the attack, paired patient by patient, with its 95 % interval. "
    "Filled where the interval leaves out zero, square and broken line for {reference}; who loses least in the first "
    "attack stands first."
)


def attack_drops(rows: Sequence[Row], key: str) -> Chart | None:
    """A panel an attack, all of one setting: a row a strategy, in one order in all panels."""
    attacks = [attack for attack in dict.fromkeys(row["attack"] for row in rows) if _known(rows, attack)]
    if not attacks:
        return None
    names = short_names((row["label"] for row in rows), NAME)
    low, high = (limit(row[name] or 0.0 for row in rows) for limit, name in ((min, "drop_low"), (max, "drop_high")))
    margin = 0.06 * (high - low) + 0.002
    domain = (min(low, 0.0) - margin, max(high, 0.0) + margin)
    wide = WIDTH if len(attacks) > 1 else 2 * WIDTH
    panels = [
        _panel([row for row in rows if row["attack"] == attack], names, domain, wide, bare=place % COLUMNS > 0)
        for place, attack in enumerate(attacks)
    ]
    lines = [alt.hconcat(*panels[at : at + COLUMNS], spacing=16) for at in range(0, len(panels), COLUMNS)]
    words = WORDS.format(reference=REFERENCE)
    return specified(alt.vconcat(*lines, spacing=22), key, f"AUROC lost to attacks, {rows[0]['task']}", words)


def _known(rows: Sequence[Row], attack: str) -> list[Row]:
    return [row for row in rows if row["attack"] == attack and row["drop"] is not None]


def _panel(rows: Sequence[Row], names: Mapping[str, str], domain: Domain, width: float, bare: bool) -> Any:
    values = [
        {
            "label": names[row["label"]],
            **{name: row[name] for name in ("drop", "drop_low", "drop_high")},
            "apart": row["drop"] is not None and not row["drop_low"] <= 0 <= row["drop_high"],
            "reference": _reference(row),
            "tip": f"{row['label']}: {_interval(row)} of AUROC lost" if row["drop"] is not None else "",
            "note": "" if row["drop"] is not None else shortened(row["note"] or "no figure", width / 2),
        }
        for row in rows
    ]
    x = alt.X("drop:Q", title="AUROC lost (measured)", scale=alt.Scale(domain=domain, nice=False), axis=_axis(domain))
    room = max(map(width_of, names.values())) + 6
    rows_of = alt.Scale(domain=list(names.values()))  # the same in all panels, also where one lacks some
    y = alt.Y("label:N", title=None, sort=None, scale=rows_of, axis=None if bare else name_axis(room))
    base = alt.Chart(data(values)).encode(y=y)
    marks = base.transform_filter("isValid(datum.drop)")
    shape = alt.Scale(domain=[False, True], range=["circle", "square"])
    return alt.layer(
        alt.Chart(data([{"drop": 0.0}])).mark_rule(color=INK, strokeWidth=1).encode(x=x),
        marks.transform_filter("datum.reference").mark_rule(color=SOFT, strokeDash=[3, 3]).encode(x=x, y=alt.Y()),
        marks.mark_rule(strokeWidth=1.3).encode(x=alt.X("drop_low:Q"), x2="drop_high:Q", color=_colour()),
        marks.mark_point(size=46, opacity=1, strokeWidth=1.4).encode(
            x=x,
            description=tip(),
            shape=alt.Shape("reference:N", scale=shape, legend=None),
            stroke=_colour(),
            fill=alt.condition(alt.datum.apart, alt.value(ACCENT), alt.value(PAPER)),
        ),
        base.transform_filter("datum.note != ''")
        .mark_text(align="left", dx=6, color=SOFT, fontSize=10.5)
        .encode(x=alt.datum(0.0), text="note:N"),
    ).properties(width=width, height=alt.Step(STEP), title=_title(rows[0]["attack"], width))


def _interval(row: Row) -> str:
    low, drop, high = (signed(row[name]) for name in ("drop_low", "drop", "drop_high"))
    return f"{drop} [{low}, {high}]"


def _reference(row: Row) -> bool:
    return bool(row["strategy"] == row["label"] == REFERENCE)


def _colour() -> Any:
    return alt.condition(alt.datum.apart, alt.value(ACCENT), alt.value(SOFT))


def _axis(domain: Domain) -> alt.Axis:
    return alt.Axis(tickCount=5, format=".2f" if domain[1] - domain[0] > 0.08 else ".3f", domain=False)


def _title(attack: str, width: float) -> alt.TitleParams:
    text = lines_of(attack, width, 2, BOLD)
    return alt.TitleParams(text, anchor="start", frame="group", fontSize=11, color=INK, offset=6)
