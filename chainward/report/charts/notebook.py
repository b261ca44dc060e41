"""Charts as a notebook shows them: drawn there, in colours of their own, since no page gives them any."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import altair as alt

from chainward.report.charts.pareto import pareto as drawn
from chainward.report.tables.groups import Row

_OF_A_PAGE = re.compile(r"var\(--[\w-]+, (#[0-9a-fA-F]+)\)")


def pareto(rows: Sequence[Row]) -> alt.HConcatChart | None:
    """Return AUROC against total gas, of rows of one setting; none where no trial has completed."""
    chart = drawn(rows, "pareto")
    if chart is None:
        return None
    text = _OF_A_PAGE.sub(r"\1", json.dumps(chart.specification))
    specification = json.loads(text)
    specification["config"] = {**specification.get("config", {}), "background": "white"}
    return alt.HConcatChart.from_dict({**specification, "title": chart.title})
