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


def tip() -> alt.Description:
    """What a page may say of a mark that is pointed at: the field `tip` of its row."""
    return alt.Description("tip:N")


def pick(row: Row, *names: str) -> Row:
    """Only some fields of a row."""
    return {name: row[name] for name in names}


STEPS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), tuple(step / 20 for step in range(20, 200)))
"""Where a log axis may have lines in each power of ten, from few to many."""


def log_axis(low: float, high: float, style: str = "~s") -> alt.Axis:
    """A log axis with a line at each power of ten or, where there are few of those, at more of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    lines = [[step * 10.0**power for power in powers for step in steps] for steps in STEPS]
    seen = [[value for value in values if low <= value <= high] for values in lines]
    enough = next((values for values in seen if len(values) > 3), seen[-1])
    some = enough[:: max(1, len(enough) // 8)]
    return alt.Axis(values=[float(f"{value:.6g}") for value in some], format=style, gridOpacity=0.45)


def whole_axis(low: float, high: float, most: int = 5) -> alt.Axis:
    """An axis of whole numbers, none twice: multiples of 1, 2 or 5 times a power of ten, so many at most."""
    steps = (step * 10**power for power in range(9) for step in (1, 2, 5))
    step = next(one for one in steps if math.floor(high / one) - math.ceil(low / one) < most)
    values = range(math.ceil(low / step) * step, math.floor(high) + 1, step)
    return alt.Axis(values=list(values), format=",d", grid=False)


NAME = 225.0
"""Pixels that a name on an axis takes at most."""


def name_axis(room: float = 0.0) -> alt.Axis:
    """An axis of names: text alone, in at least so many pixels."""
    return alt.Axis(labelLimit=230, ticks=False, domain=False, labelColor=INK, labelPadding=6, minExtent=room)


def ordered(field: str, names: Sequence[str] | None = None, room: float = 0.0) -> alt.Y:
    """Rows of names, in the order given or as they come."""
    return alt.Y(f"{field}:N", title=None, sort=None if names is None else list(names), axis=name_axis(room))
