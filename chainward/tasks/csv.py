"""A hospital's own table, in a file of separated text or Parquet. See docs/own-table.md for how it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from chainward.errors import ChainwardError, DataMissing
from chainward.names import is_plain, quoted
from chainward.tasks import cells, tables
from chainward.tasks.base import NOT_FROZEN, Integers, Task, Training
from chainward.tasks.cohort import Cohort
from chainward.tasks.columns import Place, infer
from chainward.tasks.tables import Table

Name = Annotated[str, Field(max_length=tables.LONGEST_NAME)]
NO_LABEL, NO_HOSPITAL, NO_PATIENT, NO_TIME = "no label", "no hospital", "no patient", "no time"
TWICE, EMPTY_ROW = "the same as a row before", "empty row"
MOST_TOLD = 10
FEWEST_ROWS = 50
"""Rows from which on a column with half as many hospitals is taken for something else."""


@dataclass(frozen=True)
class Csv(Task):
    """The table in `path`: who had the outcome is in the column `label`, who was where in `site`.

    patient: whose row it is, where a patient can have several. time: when a record begins, for a split by time.
    drop: columns to leave out. categories: columns to read as text whatever they hold. positive: the label that counts
    as 1, all others as 0; without it labels are 0 and 1, no and yes, or false and true.
    A relative path starts in the current folder, `~` is the home folder.
    """

    key = "csv"
    title = "A table of your own"
    outcome = "the column `label`"
    citation = "the user's own data"
    licence = "the user's own data"
    training = Training(network="mlp", hidden=16, learning_rate=NOT_FROZEN, batch_size=32, local_steps=10)
    rounds = 30
    private = True

    path: Annotated[str, Field(max_length=1000)] = ""
    label: Name = ""
    site: Name = ""
    patient: Name | None = None
    time: Name | None = None
    drop: tuple[Name, ...] = ()
    categories: tuple[Name, ...] = ()
    positive: Name | None = None

    def __post_init__(self) -> None:
        roles = [name for name in self._roles if name]
        for name, count in Counter([*roles, *set(self.drop), *set(self.categories)]).items():
            if count > 1:
                raise ValueError(f"column {quoted(name)} is named for two things; a column is one of them")
        if self.label:
            object.__setattr__(self, "outcome", f"the column {self.label}")

    @property
    def file(self) -> Path:
        """Where the table is."""
        return Path(self.path).expanduser()

    @property
    def has_times(self) -> bool:
        """Whether a column of times is named."""
        return self.time is not None

    @property
    def _roles(self) -> tuple[str, ...]:
        return tuple(name for name in (self.label, self.site, self.patient, self.time) if name is not None)

    def requires(self) -> str | None:
        """None when a table is named and there."""
        if not (self.path and self.label and self.site):
            return "name a table and its columns: --task csv:FILE --label COLUMN --site COLUMN"
        if self.file.is_dir():
            return f"{self.path}: is a folder; name the table in it"
        return None if self.file.is_file() else f"{self.path}: no such file; name it as seen from the current folder"

    def cohort(self) -> Cohort:
        """See `Task.cohort`; patients are numbered in the order of the file."""
        if lacking := self.requires():
            raise DataMissing(lacking)
        table = tables.read(self.file, (*self._roles, *self.drop, *self.categories))
        kept, excluded = self._sorted_out(table)
        if not kept:
            reasons = ", ".join(f"{reason}: {count:,}" for reason, count in excluded.items())
            raise ChainwardError(f"{self.path}: no row is left ({reasons}); name other columns or fill them in")
        place = Place(self.file, [table.lines[row] for row in kept], table.separator)
        texts = {name: [table.rows[row][at] for row in kept] for at, name in enumerate(table.names)}
        labels, told = _labels(texts[self.label], self.label, self.positive, place)
        names, hospitals = _hospitals(texts[self.site], self.site, place)
        apart = {*self._roles, *self.drop}
        features = {name: column for name, column in texts.items() if name not in apart}
        found = infer(features, place, self.categories)
        if not found.columns:
            raise ChainwardError(f"{self.path}: no column is left to learn from; {' '.join(found.notes)}")
        import pandas as pd

        return Cohort(
            columns=tuple(found.columns),
            frame=pd.DataFrame(found.values),
            labels=labels,
            hospitals=hospitals,
            names=names,
            rows=len(table.rows) + table.empty,
            excluded=excluded,
            repaired=dict(found.repaired),
            patients=None if self.patient is None else _numbered(texts[self.patient]),
            times=None if self.time is None else _times(texts[self.time], self.time, place),
            notes=(*table.notes, *told, *found.notes, *self._twins(table, kept)),
        )

    def _sorted_out(self, table: Table) -> tuple[list[int], dict[str, int]]:
        """The rows to keep, and how many are left out, each by the first reason there is."""
        needed = {self.label: NO_LABEL, self.site: NO_HOSPITAL, self.patient: NO_PATIENT, self.time: NO_TIME}
        places = [(table.names.index(name), reason) for name, reason in needed.items() if name is not None]
        kept, excluded, seen = list[int](), Counter[str]({EMPTY_ROW: table.empty}), set[tuple[str, ...]]()
        for number, row in enumerate(table.rows):
            reason = next((reason for at, reason in places if not cells.holds(row[at])), None)
            if reason is None and self.patient is not None and row in seen:
                reason = TWICE
            seen.add(row)
            if reason is None:
                kept.append(number)
            else:
                excluded[reason] += 1
        return kept, {reason: count for reason, count in excluded.items() if count}

    def _twins(self, table: Table, kept: Sequence[int]) -> tuple[str, ...]:
        """Without patients' numbers nobody knows whether equal rows are one patient: they stay, and a note says so."""
        twins = len(kept) - len({table.rows[row] for row in kept})
        if self.patient is not None or not twins:
            return ()
        return (f"{twins:,} rows equal another one; no column tells patients apart, so all are kept as patients.",)


def _labels(
    texts: Sequence[str], column: str, positive: str | None, place: Place
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """0 or 1 for each text [n], and a note where several texts count as 0."""
    words = [_plain(text) for text in texts]
    if positive is not None:
        found = np.array([word == _plain(positive) for word in words], dtype=np.int64)
        others = Counter(word for word in words if word != _plain(positive))
        rows = ", ".join(f"{count:,}" for count in sorted(others.values(), reverse=True)[:MOST_TOLD])
        note = f"{len(others)} other values of the label {column} count as 0 (rows: {rows})"
        told = (f"{note}: empty those that are no label.",) if len(others) > 1 else ()
    else:
        pair = next((pair for pair in cells.FLAGS if words[0] in pair), cells.FLAGS[0])
        wrong = next((row for row, word in enumerate(words) if word not in pair), None)
        if wrong is not None:
            told_wrong = (
                f"is no label: they are {pair[0]} or {pair[1]} here; name the positive value (--positive VALUE)"
            )
            raise place.mistake(column, wrong, texts[wrong], told_wrong)
        found, told = np.array([pair.index(word) for word in words], dtype=np.int64), ()
    if len(set(found.tolist())) == 1:
        why = f"no row has the label {quoted(positive)}" if positive is not None else "all labels are the same"
        raise ChainwardError(f"{place.path}: column {quoted(column)}: {why}; there must be rows with and without")
    return found, told


def _plain(text: str) -> str:
    """A label in one form: in lower case, and 1 for 1.0 or 1,0, 2 for 2.0."""
    return re.sub(r"^([+-]?[0-9]+)[.,]0+$", r"\1", text.strip()).lower()


def _hospitals(texts: Sequence[str], column: str, place: Place) -> tuple[tuple[str, ...], Integers]:
    names = tuple(sorted(set(texts)))
    for row, text in enumerate(texts):
        if not is_plain(text) or len(text) > tables.LONGEST_NAME:
            told = f"is no hospital's name; it has at most {tables.LONGEST_NAME} printable characters"
            raise place.mistake(column, row, text, told)
    if len(texts) >= FEWEST_ROWS and len(names) > len(texts) / 2:
        told = f"{len(names):,} hospitals for {len(texts):,} rows, as if it were patients; name the column of hospitals"
        raise ChainwardError(f"{place.path}: column {quoted(column)}: {told}")
    places = {name: number for number, name in enumerate(names)}
    return names, np.array([places[text] for text in texts], dtype=np.int64)


def _numbered(texts: Sequence[str]) -> Integers:
    """Patients by number, in the order of the file."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64)


def _times(texts: Sequence[str], column: str, place: Place) -> NDArray[np.datetime64]:
    """The seconds that texts [n] name; of plain numbers, as years or days, only the order counts."""
    distinct = sorted(set(texts))
    if marks := cells.marks(distinct):
        mark = min(marks, key=[cells.POINT, cells.COMMA].index)
        values = np.array([cells.number(text, mark) for text in texts], dtype=np.float64)
        ranks: NDArray[np.datetime64] = np.unique(values, return_inverse=True)[1].astype("datetime64[s]")
        return ranks
    orders = cells.orders(distinct)
    if len(orders) == 1:
        moments = {text: cells.moment(text, orders[0]) for text in distinct}
        return np.array([moments[text] for text in texts], dtype="datetime64[s]")
    if orders:
        told = f"column {quoted(column)}: dates may be {' or '.join(orders)}; write year-month-day"
        raise ChainwardError(f"{place.path}: {told}")
    wrong = next((row for row, text in enumerate(texts) if not cells.orders([text])), 0)
    raise place.mistake(column, wrong, texts[wrong], "is no time as the others are; write year-month-day hour:minute")
