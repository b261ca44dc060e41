"""Rows as lines of text: a table where it fits, else one of fewer columns, else a block a row. No word is broken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from rich.cells import cell_len

GAP, INDENT = 2, 2
NARROW, COMFORTABLE = 16, 24
"""Columns that a sentence needs, and those it should have before something spare stands beside it."""

MOST_LINES = 4
"""Lines of a cell above which a table with several sentences a row is a block a row instead."""

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Column:
    """A heading, a cell a row, and whether cells stand at the right; what is `spare` (1, 2, ...) may be left out."""

    heading: str
    cells: tuple[str, ...]
    right: bool = False
    spare: int = 0

    @property
    def natural(self) -> int:
        """The width of its widest line."""
        return max((cell_len(line) for cell in self.cells for line in cell.split("\n")), default=0)

    @property
    def longest(self) -> int:
        """The width of its longest word, of the heading's too."""
        return max((cell_len(word) for text in (self.heading, *self.cells) for word in text.split()), default=0)

    @property
    def prose(self) -> bool:
        """Whether it holds sentences, which may be broken between words."""
        return self.natural > NARROW and any(len(_WORD.findall(cell)) > 2 for cell in self.cells)

    @property
    def wide(self) -> int:
        """The width at which none of its cells is broken; its heading may be."""
        return max(self.natural, _longest(self.heading))

    @property
    def wanted(self) -> int:
        """The width at which it reads well."""
        return max(min(self.wide, COMFORTABLE), self.longest) if self.prose else self.wide

    @property
    def least(self) -> int:
        """The least width that can be read."""
        return max(min(self.wide, NARROW), self.longest) if self.prose else self.wide


@dataclass(frozen=True)
class Laid:
    """Lines, how many of them are headings, and which columns are not among them."""

    lines: tuple[str, ...]
    headings: int
    left_out: tuple[str, ...] = ()


def lay_out(columns: Sequence[Column], width: int | None) -> Laid:
    """Set rows in so many columns of a terminal; None: in one line a row.

    No line is wider, but where a single word is.
    """
    if width is None:
        flat = [replace(one, cells=tuple("; ".join(cell.split("\n")) for cell in one.cells)) for one in columns]
        return _table(flat, [max(one.natural, cell_len(one.heading)) for one in flat])
    whole = [max(one.natural, cell_len(one.heading)) for one in columns]
    if _sum(whole) <= width:
        return _table(columns, whole)
    places = _kept(columns, width)
    kept = [columns[place] for place in places]
    left_out = tuple(one.heading for place, one in enumerate(columns) if place not in places)
    if _sum([one.least for one in kept]) <= width:
        widths = _shared(kept, width)
        if _legible(kept, widths):
            return replace(_table(kept, widths), left_out=left_out)
    return Laid(tuple(_blocks(columns, width)), 0)


def wrapped(text: str, width: int | None) -> list[str]:
    """Return the lines of text in so many columns, broken between words, each with the indent of its own.

    Examples:
        >>> wrapped("  one two three", 9)
        ['  one two', '  three']
    """
    return [piece for line in text.split("\n") for piece in _pieces(line, width)]


def _pieces(line: str, width: int | None) -> Iterator[str]:
    if width is None or cell_len(line) <= width:
        yield line
        return
    indent = line[: len(line) - len(line.lstrip(" "))]
    first, *rest = line.split() or [""]
    now = indent + first
    for word in rest:
        if cell_len(now) + 1 + cell_len(word) <= width:
            now = f"{now} {word}"
        else:
            yield now
            now = indent + word
    yield now


def _kept(columns: Sequence[Column], width: int) -> list[int]:
    """The places of columns that are not spare and, in their order, of the spare ones that still fit beside."""
    kept = {place for place, one in enumerate(columns) if not one.spare}
    spare = [place for place, one in enumerate(columns) if one.spare]
    for place in sorted(spare, key=lambda place: columns[place].spare):
        if _sum([columns[other].wanted for other in (*kept, place)]) <= width:
            kept.add(place)
    return sorted(kept)


def _shared(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each: what its cells ask for, but sentences share what is left, the shortest served first."""
    widths = [one.least for one in columns]
    for place in sorted(range(len(columns)), key=lambda place: columns[place].wide):
        waiting = [one for one in columns if one.prose and one.wide >= columns[place].wide]
        if columns[place].prose:
            more = (width - _sum(widths)) // len(waiting)
            widths[place] = min(columns[place].wide, widths[place] + more)
    return widths


def _legible(columns: Sequence[Column], widths: Sequence[int]) -> bool:
    """Whether at most one column has cells of many lines."""
    broken = [(one, width) for one, width in zip(columns, widths, strict=True) if one.prose and width < one.wide]
    long = [one for one, width in broken if any(len(wrapped(cell, width)) > MOST_LINES for cell in one.cells)]
    return len(broken) < 2 or not long


def _table(columns: Sequence[Column], widths: Sequence[int]) -> Laid:
    rows = zip(*(one.cells for one in columns), strict=True)
    headings = _row([one.heading for one in columns], columns, widths)
    lines = [line for row in rows for line in _row(row, columns, widths)]
    return Laid((*headings, *lines), len(headings))


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> list[str]:
    """The lines of one row, without blanks at their ends."""
    pieces = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = zip_longest(*pieces, fillvalue="")
    return [(" " * GAP).join(map(_set, line, columns, widths)).rstrip() for line in lines]


def _set(text: str, column: Column, width: int) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if column.right else text + blanks


def _blocks(columns: Sequence[Column], width: int) -> Iterator[str]:
    """Each row by its first cell, and below it a line a cell: for rows that no table can hold."""
    first, *rest = columns
    beside = INDENT + max((cell_len(one.heading) for one in rest), default=0) + GAP
    marks = [one for one in rest if not one.heading and one.natural <= NARROW]
    for number, name in enumerate(first.cells):
        if number:
            yield ""
        told = filter(None, (name.replace("\n", " "), *(one.cells[number] for one in marks)))
        yield from wrapped((" " * GAP).join(told), width)
        for one in (one for one in rest if one not in marks):
            yield from _named(one.heading, one.cells[number], beside, width)


def _named(heading: str, cell: str, beside: int, width: int) -> Iterator[str]:
    indent = beside if heading else INDENT
    lines = [piece for line in cell.split("\n") for piece in wrapped(line.strip(), width - indent)]
    for number, line in enumerate(lines if cell else []):
        start = f"{' ' * INDENT}{heading}" if heading and not number else ""
        yield f"{start}{' ' * (indent - cell_len(start))}{line}".rstrip()


def _longest(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
