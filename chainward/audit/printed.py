"""A figure as it is printed, and everything it may stand for: rounded in any way, or cut off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

from pydantic import GetPydanticSchema
from pydantic_core import core_schema

LONGEST = 24
"""Characters of a printed figure."""

COUNTED = 1000
"""From here on the zeros that a whole number ends with may be those of rounding: 21,000 may stand for 20,500."""

_FORM = re.compile(r"(?P<sign>[-−]?)(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<decimals>\.\d+)?\s*(?P<percent>%?)", re.ASCII)


@dataclass(frozen=True)
class Printed:
    """`value` as printed; what it stands for is at least `low` and less than `high`; `text` is what was written.

    Rounding, up or down or to even, leaves value − unit / 2 to value + unit / 2, cutting off value to value + unit.
    """

    text: str
    value: Fraction
    low: Fraction
    high: Fraction

    def admits(self, least: Fraction, most: Fraction) -> bool:
        """Tell whether something from `least` to `most` is printed so."""
        return self.low <= most and least < self.high

    def __str__(self) -> str:
        return self.text


def printed(figure: object) -> Printed:
    """Return a figure that is written as text, so that its decimals are seen, or as a whole number.

    Raises:
        ValueError: it is neither; the message says how to write it.

    Examples:
        >>> half = printed("98.2 %")
        >>> float(half.low), float(half.high)
        (0.9815, 0.983)
    """
    text = f"{figure:,}" if isinstance(figure, int) and not isinstance(figure, bool) else figure
    found = _FORM.fullmatch(text.strip()) if isinstance(text, str) and len(text) <= LONGEST else None
    if found is None:
        raise ValueError(f'{figure!r}: write a figure as it is printed, in quotes: "98.20 %", "0.982" or "21,000"')
    whole, decimals = found["whole"].replace(",", ""), found["decimals"] or ""
    unit = Fraction(1, 10 ** max(0, len(decimals) - 1))
    if not decimals and int(whole) >= COUNTED:
        unit *= 10 ** (len(whole) - len(whole.rstrip("0")))
    scale = 100 if found["percent"] else 1
    value = Fraction(whole + decimals)
    low, high = max(Fraction(0), value - unit / 2), value + unit
    if found["sign"]:
        value, low, high = -value, -high, -low
    return Printed(str(text).strip(), value / scale, low / scale, high / scale)


Figure = Annotated[
    Printed, GetPydanticSchema(lambda _kind, _handler: core_schema.no_info_plain_validator_function(printed))
]
"""What a file's field reads into."""


def number(value: Fraction | float) -> str:
    """A computed number in a sentence: whole ones with thousands set apart, others with six digits."""
    near = float(value)
    return f"{round(value):,}" if value == round(value) or abs(near) >= 1e5 else f"{near:.6g}"


def share(value: Fraction | float, digits: int = 4) -> str:
    """A computed share in per cent."""
    return f"{100 * float(value):.{digits}g} %"
