"""What the columns of a table are, told by their cells alone: numbers, flags, categories, or nothing to learn from.

The rules, in this order, over the cells that hold something:

1. no cell, or one value in every row: left out;
2. all of one pair of words (0 and 1, no and yes, n and y, false and true, f and t): a flag;
3. all numbers with one decimal mark: a number; whole numbers of which no two in a hundred rows or more are alike are
   somebody's identifiers, and left out;
4. all dates: left out, they order patients where they are named as the time;
5. half of them numbers, and the others not: a mistake, which is named;
6. texts: at most `MOST_LEVELS`, and not more than half as many as rows: a category; else left out.

A column that is named a category is one whatever it holds. What is left out is said by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import Revealing
from chainward.names import quoted
from chainward.tasks import cells
from chainward.tasks.cohort import Column

MOST_LEVELS = 200
FEWEST_IDENTIFIERS = 100
"""Rows from which on whole numbers that all differ are taken for identifiers."""

ERROR_CELLS = "a spreadsheet's error in place of a value is missing"
TOO_LARGE = "a number beyond 1e15 or not finite is missing"
EMPTY, CONSTANT = "no value", "one value in every row"
IDENTIFIERS = "no two whole numbers alike, as identifiers are"
DATES = "dates, which are no features"
TEXTS = f"more than {MOST_LEVELS} texts, or more than half as many as rows, as identifiers and free text are"


@dataclass(frozen=True)
class Place:
    """Where cells are from, for messages: the file, the line of each row, and what parts its columns."""

    path: Path
    lines: Sequence[int]
    separator: str

    def mistake(self, column: str, row: int, text: str, told: str) -> Revealing:
        """The error that shows one cell."""
        return Revealing(f"{self.path}: column {quoted(column)}, line {self.lines[row]:,}: {quoted(text)} {told}")


@dataclass(eq=False)
class Inferred:
    """The columns to learn from with the values [n] of each, what was repaired, and who is left out, by reason."""

    columns: list[Column] = field(default_factory=list)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    repaired: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    points: list[str] = field(default_factory=list)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know: names of columns, and no cell of any."""
        told = [f"Left out ({reason}): {', '.join(names)}." for reason, names in self.left_out.items()]
        if self.points:
            told.append(f"Points part thousands in {', '.join(self.points)}, since decimals are commas in this file.")
        return tuple(told)

    def _leave_out(self, name: str, reason: str) -> None:
        self.left_out.setdefault(reason, []).append(name)

    def _keep(self, column: Column, values: NDArray[Any]) -> None:
        self.columns.append(column)
        self.values[column.name] = values


def infer(texts: Mapping[str, Sequence[str]], place: Place, categories: Collection[str] = ()) -> Inferred:
    """What each column of texts [n] is.

    Raises:
        Revealing: a column holds numbers and something else, or numbers of which nothing tells the decimal mark.
    """
    found = Inferred()
    spoiled = {name: sum(text.lower() in cells.SPOILED for text in column) for name, column in texts.items()}
    found.repaired[ERROR_CELLS] += sum(spoiled.values())
    distinct = {name: sorted({text for text in column if cells.holds(text)}) for name, column in texts.items()}
    proven = _proven(distinct.values())
    for name, column in texts.items():
        if name in categories:
            found._keep(Column(name, "category"), _texts(column))
        else:
            _tell(found, name, column, distinct[name], proven, place)
    found.repaired += Counter()  # without what never happened
    return found


def _proven(columns: Collection[Sequence[str]]) -> frozenset[str]:
    """The decimal marks that some column can only have been written with."""
    found = (cells.marks(texts) for texts in columns if texts)
    return frozenset(mark for marks in found if len(marks) == 1 for mark in marks)


def _tell(
    found: Inferred, name: str, column: Sequence[str], distinct: Sequence[str], proven: frozenset[str], place: Place
) -> None:
    if not distinct:
        return found._leave_out(name, EMPTY)
    if len(distinct) == 1 and all(map(cells.holds, column)):
        return found._leave_out(name, CONSTANT)
    flags = cells.flags(distinct)
    if flags is not None:
        return found._keep(Column(name, "flag"), np.array([flags.get(text.lower(), np.nan) for text in column]))
    marks = cells.marks(distinct)
    if marks:
        mark = _mark(name, column, distinct, marks, proven, place)
        return _keep_number(found, name, column, distinct, mark)
    if cells.orders(distinct):
        return found._leave_out(name, DATES)
    _refuse_mixed(name, column, place)
    if len(distinct) > min(MOST_LEVELS, len(column) / 2):
        return found._leave_out(name, TEXTS)
    return found._keep(Column(name, "category"), _texts(column))


def _texts(column: Sequence[str]) -> NDArray[np.object_]:
    values = np.empty(len(column), dtype=object)
    values[:] = [text if cells.holds(text) else None for text in column]
    return values


def _mark(
    name: str,
    column: Sequence[str],
    distinct: Sequence[str],
    marks: frozenset[str],
    proven: frozenset[str],
    place: Place,
) -> str:
    """The decimal mark of a column of numbers: its own, else the file's, else the point where commas part cells."""
    if len(marks) == 1 or len(proven) == 1:
        return min(marks if len(marks) == 1 else proven)
    if not cells.tells(distinct):
        return cells.POINT
    if not proven and place.separator in ("", ","):
        return cells.POINT
    doubtful = next(row for row, text in enumerate(column) if cells.holds(text) and cells.tells([text]))
    told = "can be read with either decimal mark, and the file does not tell which; write numbers without thousands"
    raise place.mistake(name, doubtful, column[doubtful], f"{told}, or drop the column")


def _keep_number(found: Inferred, name: str, column: Sequence[str], distinct: Sequence[str], mark: str) -> None:
    numbers = {text: cells.number(text, mark) for text in distinct}
    values = np.array([numbers.get(text, np.nan) for text in column], dtype=np.float64)
    large = ~np.isnan(values) & ~(np.abs(values) <= cells.LARGEST)
    values[large] = np.nan
    found.repaired[TOO_LARGE] += int(large.sum())
    seen = values[~np.isnan(values)]
    if not len(seen):
        return found._leave_out(name, EMPTY)
    if len(seen) == len(values) and np.all(seen == seen[0]):
        return found._leave_out(name, CONSTANT)
    whole = np.all(seen == np.floor(seen)) and len(seen) >= FEWEST_IDENTIFIERS
    if whole and len(np.unique(seen)) == len(seen):
        return found._leave_out(name, IDENTIFIERS)
    if mark == cells.COMMA and any(cells.POINT in text for text in distinct):
        found.points.append(name)
    return found._keep(Column(name, clipped=True), values)


def _refuse_mixed(name: str, column: Sequence[str], place: Place) -> None:
    """Numbers among which are cells that are none, or that have another decimal mark than the first."""
    present = [row for row, text in enumerate(column) if cells.holds(text)]
    for mark in (cells.POINT, cells.COMMA):
        wrong = [row for row in present if cells.number(column[row], mark) is None]
        if 2 * len(wrong) <= len(present):
            other = any(cells.number(column[wrong[0]], either) is not None for either in (cells.POINT, cells.COMMA))
            told = "has another decimal mark than the rest of it" if other else "is no number, as the rest of it is"
            raise place.mistake(
                name,
                wrong[0],
                column[wrong[0]],
                f"{told}; mend it, read it as text (--category {name}), or leave it out (--drop {name})",
            )
