"""What the texts of a table's cells mean: nothing, numbers in one decimal convention, flags, dates.

A number is written with one decimal mark, point or comma, throughout its column; the other mark, blanks or apostrophes
may part thousands. `1,234` alone tells neither; whoever asks must know what the rest of the file says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

import numpy as np

MISSING = frozenset(("", "na", "n/a", "#n/a", "#nv", "nan", "null", "?", ".", "-", "--"))
"""Cells that hold nothing, in any case. A word, as none or unknown, is a word."""
SPOILED = frozenset(f"#{name}!" for name in ("div/0", "value", "ref", "num", "null", "wert", "bezug", "zahl")) | {
    "#name?"
}
"""Errors that a spreadsheet wrote in place of a value; they are missing, and counted as repaired."""
FLAGS = (("0", "1"), ("no", "yes"), ("n", "y"), ("false", "true"), ("f", "t"))
"""What stands for 0 and for 1, in any case."""
LARGEST = 1e15
"""A number beyond this, or not finite, is missing and counted as repaired: no measurement in a record is so large."""

POINT, COMMA = ".", ","
_PARTS = {POINT: r"[,'’ \u00a0\u202f]", COMMA: r"[.'’ \u00a0\u202f]"}
_NUMBER = {
    mark: re.compile(rf"[+\-−]?(?=\{mark}?\d)(?:[1-9]\d{{0,2}}(?:{part}\d{{3}})+|\d*)(?:\{mark}\d*)?(?:[eE][+\-]?\d+)?")
    for mark, part in _PARTS.items()
}
_ENDLESS = {"inf": math.inf, "infinity": math.inf, "∞": math.inf}
_CLOCK = r"(?:[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?(?:Z|[+-]00:?00)?)?"
_DATES = {
    "year-month-day": (re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_CLOCK}"), (0, 1, 2)),
    "day.month.year": (re.compile(rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}){_CLOCK}"), (2, 1, 0)),
    "day/month/year": (re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}){_CLOCK}"), (2, 1, 0)),
    "month/day/year": (re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}){_CLOCK}"), (2, 0, 1)),
}


def holds(text: str) -> bool:
    """Whether a cell holds anything."""
    return text.lower() not in MISSING and text.lower() not in SPOILED


def number(text: str, mark: str) -> float | None:
    """The number a text is with this decimal mark, None where it is none.

    Examples:
        >>> number("1.234,5", ","), number("1.234,5", "."), number("1,234", "."), number("0,125", ".")
        (1234.5, None, 1234.0, None)
    """
    if _NUMBER[mark].fullmatch(text) is None:
        sign = -1 if text[:1] in ("-", "−") else 1
        endless = _ENDLESS.get(text.lstrip("+-−").lower())
        return None if endless is None else sign * endless
    plain = re.sub(_PARTS[mark], "", text).replace(mark, ".").replace("−", "-")
    return float(plain)


def marks(texts: Collection[str]) -> frozenset[str]:
    """The decimal marks with which every text is a number; both where they agree on all or nothing tells.

    Examples:
        >>> sorted(marks(["12,5", "3"])), sorted(marks(["1,234"])), sorted(marks(["12,5", "12.5"]))
        ([','], [',', '.'], [])
    """
    return frozenset(mark for mark in (POINT, COMMA) if all(number(text, mark) is not None for text in texts))


def tells(texts: Iterable[str]) -> bool:
    """Whether which mark it is makes a difference to numbers that both read."""
    return any(number(text, POINT) != number(text, COMMA) for text in texts)


def flags(texts: Collection[str]) -> dict[str, float] | None:
    """What each text, in lower case, stands for where they are of one pair of words; None where they are not.

    Examples:
        >>> flags(["Yes", "no"])
        {'no': 0.0, 'yes': 1.0}
    """
    found = {text.lower() for text in texts}
    pair = next((pair for pair in FLAGS if found <= set(pair)), None)
    return None if pair is None else {pair[0]: 0.0, pair[1]: 1.0}


def orders(texts: Collection[str]) -> tuple[str, ...]:
    """The orders of day, month and year in which every text is a date, or a date and a time.

    Examples:
        >>> orders(["2024-02-29", "2024-03-01 07:30"]), orders(["01/02/2024"]), orders(["30/02/2024"])
        (('year-month-day',), ('day/month/year', 'month/day/year'), ())
    """
    return tuple(order for order in _DATES if all(moment(text, order) is not None for text in texts))


def moment(text: str, order: str) -> np.datetime64 | None:
    """The second that a text names in this order, None where it is no date in it."""
    pattern, places = _DATES[order]
    found = pattern.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(found[1 + place]) for place in places)
    hour, minute, second = (int(part or 0) for part in found.groups()[3:])
    try:
        return np.datetime64(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", "s")
    except ValueError:  # no such day or hour
        return None
