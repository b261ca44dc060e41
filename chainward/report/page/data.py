"""What a cohort holds -> one HTML file that needs nothing else."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from chainward.report.formats import NOTHING, printable
from chainward.report.page.html import asset, environment
from chainward.report.tables.data import Row

HOSPITALS = 100
"""How many hospitals the tables by column hold."""


def page(described: Row) -> str:
    """A page about the patients of a task, from `tables.data.described`; equal rows give an equal page."""
    found = environment()
    context = {
        "data": described,
        "style": Markup("\n".join(asset(f"{name}.css") for name in ("report", "narrow", "print", "data"))),  # ours
        "shown_hospitals": HOSPITALS,
        "percent": percent,
        "figure": figure,
        "heat": heat,
    }
    return printable(found.get_template("data.html.j2").render(context)) + "\n"


def percent(value: Any) -> str:
    """A share in percent; what is not told as the word that stands for it."""
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else f"{100 * value:.1f}"


def figure(value: float | None) -> str:
    """An index with two decimals."""
    return NOTHING if value is None else f"{value:.2f}"


def heat(value: Any, most: float) -> int:
    """How dark a cell is, from 0 to 5; what is not told is not dark."""
    return round(5 * min(value / most, 1)) if isinstance(value, int | float) else 0
