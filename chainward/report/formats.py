"""Figures as a reader sees them: pure functions value -> text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

NOTHING = "–"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """Text from outside without control characters and lone surrogates, which neither SVG nor UTF-8 can hold."""
    return _CONTROLS.sub("\ufffd", text)


def integer(value: float) -> str:
    """`12,345`."""
    return f"{round(value):,}".replace("-", "−")


def fixed(value: float) -> str:
    """Three decimals, for figures between 0 and 1."""
    return f"{value:.3f}".replace("-", "−")


def signed(value: float) -> str:
    """Three decimals with a sign, for differences."""
    return f"{value + 0.0:+.3f}".replace("-", "−").replace("+0.000", "0.000").replace("−0.000", "0.000")


def significant(value: float) -> str:
    """Three significant digits, never an exponent."""
    if value == 0:
        return "0"
    # Rounded first, or 9.996 would be taken for a number below ten.
    decimals = max(0, 2 - math.floor(math.log10(abs(float(f"{value:.3g}")))))
    return f"{value:,.{min(decimals, 9)}f}".replace("-", "−")


def count(value: float) -> str:
    """A count, or a mean of counts with one decimal."""
    return integer(value) if float(value).is_integer() else f"{value:,.1f}"


def law(coefficients: Iterable[float], style: str) -> str:
    """How a figure grows with N, e.g. `542,045 + 31,913 N`, its numbers in a style of `STYLES`."""
    powers = ("", " N", " N²")
    terms = (f"{shown(one, style)}{power}" for one, power in zip(coefficients, powers, strict=False))
    return " + ".join(terms).replace("+ −", "− ")


def usd(value: float) -> str:
    """Dollars and cents; what is less than a cent says so."""
    return "<0.01" if 0 < value < 0.01 else f"{value:,.2f}"


def size(value: float) -> str:
    """Bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{significant(value)} {unit}"


def sortable(value: Any) -> Any:
    """What a column is sorted by: six digits, so that rounding orders nothing; empty where there is no figure."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


STYLES = {
    "integer": integer,
    "fixed": fixed,
    "signed": signed,
    "significant": significant,
    "count": count,
    "usd": usd,
    "bytes": size,
}


def shown(value: Any, style: str) -> str:
    """A cell's text; a dash where there is no figure."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return printable("; ".join(str(item) for item in value)) or NOTHING
    return STYLES[style](value) if style in STYLES else printable(str(value))
