"""How wide names are, and names as short as a place is wide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count
from unicodedata import east_asian_width

from chainward.report.formats import printable

SIZE, BOLD, MORE = 11.0, 11.8, "…"
"""The size of letters in charts, that of regular ones as wide as its bold ones, and what stands for a part left out."""

# Thousandths of the size that characters of Helvetica take, and of fonts made to its measure (Liberation Sans, Arial).
_WIDTHS = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    333: "()-`r{}",
    355: '"',
    389: "*",
    469: "^",
    500: "Jckvsxyz",
    556: "#$?L_abdeghnopqu0123456789",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}
_OTHER, _WIDE = 760, 1250
"""What a character that fonts do not share may take; of scripts with wide ones more."""

_NUMBERS = re.compile(r"([0-9]+)")
_WORDS = re.compile(r"\S+\s*|\s+")


def width_of(text: str, size: float = SIZE) -> float:
    """Width in pixels of a text of this size."""
    return sum(map(_width, text)) * size / 1000


def shortened(text: str, width: float, size: float = SIZE) -> str:
    """A text in at most so many pixels: of a longer one the beginning and the end, since variants differ there."""
    whole = " ".join(printable(text).split())
    if width_of(whole, size) <= width:
        return whole
    room = width - width_of(MORE, size)
    head = _fitting(whole, 0.6 * room, size)
    tail = _fitting(whole[::-1], room - width_of(head, size), size)[::-1]
    return f"{head.rstrip()}{MORE}{tail.lstrip()}"


def short_names(names: Iterable[str], width: float, size: float = SIZE) -> Mapping[str, str]:
    """A text of at most so many pixels for each name, no two alike: those that would be are numbered."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        found[name] = next(one for one in _options(name, width, size) if one not in found.values())
    return found


def lines_of(text: str, width: float, most: int, size: float = SIZE) -> list[str]:
    """A text in at most so many lines of so many pixels; the last one is shortened where that is too few."""
    lines: list[str] = []
    rest = " ".join(printable(text).split())
    while rest and len(lines) < most - 1 and width_of(rest, size) > width:
        line = _line(rest, width, size)
        lines.append(line.rstrip())
        rest = rest[len(line) :]
    return [*lines, shortened(rest, width, size)]


def natural(text: str) -> tuple[tuple[bool, int, str], ...]:
    """What a name is sorted by: numbers in it as numbers."""
    return tuple(
        (False, int(part), "") if part.isdecimal() else (True, 0, part) for part in _NUMBERS.split(text) if part
    )


def _line(text: str, width: float, size: float) -> str:
    """Whole words from the beginning; where not even one fits, as many characters."""
    taken = ""
    for word in _WORDS.findall(text):
        if width_of((taken + word).rstrip(), size) > width:
            break
        taken += word
    return taken or _fitting(text, width, size) or text[:1]


def _options(name: str, width: float, size: float) -> Iterable[str]:
    yield shortened(name, width, size)
    for number in count(2):
        ending = f" ({number})"
        yield shortened(name, width - width_of(ending, size), size) + ending


def _fitting(text: str, width: float, size: float) -> str:
    """The longest beginning in so many pixels."""
    taken, spent = "", 0.0
    for character in text:
        spent += _width(character) * size / 1000
        if spent > width:
            break
        taken += character
    return taken


def _width(character: str) -> int:
    if character in _WIDTH:
        return _WIDTH[character]
    return _WIDE if east_asian_width(character) in "WF" else _OTHER
