"""What every chart shares: the finished thing, axes, names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import altair as alt

from chainward.report.charts.svg import INK, clean, config
from chainward.report.tables.groups import Row


@dataclass(frozen=True)
class Chart:
    """A picture, as Vega-Lite that `draw` draws, and the words for those who do not see it."""

    key: str
    title: str
    description: str
    specification: Mapping[str, Any]


def specified(chart: Any, key: str, title: str, description: str) -> Chart:
    """An altair chart with its looks and words."""
    specification = {**chart.to_dict(validate=False), "config": config()}  # its parts were checked as they were made
    return Chart(key, title, description, clean(specification))


def unchecked() -> AbstractContextManager[None]:
    """Make charts without holding each part against Vega-Lite's schema, which takes longer than drawing them."""
    return alt.utils.schemapi.debug_mode(False)


def data(rows: Sequence[Row]) -> alt.InlineData:
    """Rows as a chart's data, which stay in the order given; a tuple, since altair copies lists with each layer."""
    return alt.InlineData(values=tuple(dict(row) for row in rows))


def pick(row: Row, *names: str) -> Row:
    """Only some fields of a row."""
    return {name: row[name] for name in names}


def log_axis(low: float, high: float, style: str = "~s") -> alt.Axis:
    """A log axis with a line at each power of ten, and at 2 and 5 times it where there are few of those."""
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [step * 10**power for power in powers for step in steps]
    return alt.Axis(values=[value for value in values if low <= value <= high], format=style, gridOpacity=0.45)


NAME = 225.0
"""Pixels that a name on an axis takes at most."""


def name_axis(room: float = 0.0) -> alt.Axis:
    """An axis of names: text alone, in at least so many pixels."""
    return alt.Axis(labelLimit=230, ticks=False, domain=False, labelColor=INK, labelPadding=6, minExtent=room)


def ordered(field: str, names: Sequence[str] | None = None, room: float = 0.0) -> alt.Y:
    """Rows of names, in the order given or as they come."""
    return alt.Y(f"{field}:N", title=None, sort=None if names is None else list(names), axis=name_axis(room))
