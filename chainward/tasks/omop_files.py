"""Reading the tables of an OMOP common data model: text in, whole numbers, values and times out, every error named."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError

if TYPE_CHECKING:
    import pandas as pd

Integers = NDArray[np.int64]
Times = NDArray[np.datetime64]
ENDINGS = (".csv", ".csv.gz", ".parquet")
ROWS = 100_000
"""Rows read at a time: a table of any length takes as much memory."""
DAY = np.timedelta64(1, "D")
_OPEN = "2262"
"""The year of a date that is yet to come."""


def located(folder: Path, table: str) -> Path | None:
    """The file of a table in `folder`, whose name may be in capitals."""
    names = {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True)}
    return next((names[table + ending] for ending in ENDINGS if table + ending in names), None)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a table, the first of them number `start` (from 1); every cell is text, "" where it is empty."""

    path: Path
    frame: pd.DataFrame
    start: int

    def whole(self, name: str) -> Integers:
        """A column [n] of ids or concepts; 0, which names nothing, where it is empty.

        Raises:
            ChainwardError: a cell is no whole number of 64 bits.
        """
        texts = self.frame[name].tolist()
        try:  # by way of Python's integers: float64 holds no more than 53 bits
            return np.array([_whole(text) for text in texts], dtype=np.int64)
        except ValueError:
            raise self._refused(name, _first_failure(_whole, texts), "whole number of 64 bits") from None

    def whole_or_none(self, name: str) -> Integers:
        """The same of a column that may not be there: then all are 0."""
        return self.whole(name) if name in self.frame else np.zeros(len(self.frame), dtype=np.int64)

    def values(self, name: str) -> NDArray[np.float64]:
        """A column [n] of numbers; NaN where it is empty.

        Raises:
            ChainwardError: a cell is no number.
        """
        texts = self.frame[name].tolist()
        try:
            return np.array([_number(text) for text in texts], dtype=np.float64)
        except ValueError:
            raise self._refused(name, _first_failure(_number, texts), "number") from None

    def times(self, stem: str, *, late: bool) -> Times:
        """When something of columns STEM_date and STEM_datetime was [n] datetime64[s]; NaT where both are empty.

        A time of day that is not there, or is midnight, is not known: then it is the end of the day if `late`, else
        its beginning.

        Raises:
            ChainwardError: a cell is no date.
        """
        days = self._moments(f"{stem}_date")
        name = f"{stem}_datetime"
        exact = self._moments(name) if name in self.frame else np.full(len(days), np.datetime64("NaT"), days.dtype)
        found = np.where(np.isnat(exact), days, exact)
        if not late:
            return found
        unknown = found == found.astype("datetime64[D]").astype(found.dtype)
        return np.where(unknown, found + DAY - np.timedelta64(1, "s"), found)

    def _moments(self, name: str) -> Times:
        import pandas as pd

        places, texts = pd.factorize(self.frame[name])  # each text is read once, however often it is there
        known = pd.Series(["" if text.strip()[:4] >= _OPEN else text.strip() for text in texts], dtype=object)
        found = pd.to_datetime(known, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
        wrong = (found.isna() & (known != "")).to_numpy()[places]
        if wrong.any():
            raise self._refused(name, int(np.argmax(wrong)), "date such as 2031-05-17 or 2031-05-17 13:45:00")
        return np.asarray(found.to_numpy()[places], dtype="datetime64[s]")

    def _refused(self, name: str, place: int, what: str) -> ChainwardError:
        """Says where a cell is, never what is in it: it may tell who somebody is."""
        row = self.start + place
        return ChainwardError(f"{self.path}: column {name}, row {row:,} after the header: no {what}; correct it")


def _whole(text: str) -> int:
    """Raises ValueError where it is none of 64 bits."""
    number = int(text.removesuffix(".0") or 0)
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _number(text: str) -> float:
    """Raises ValueError where it is none."""
    return float(text) if text.strip() else np.nan


def _first_failure(read: Callable[[str], object], texts: Sequence[str]) -> int:
    """The place of the first text that `read` raises ValueError for."""
    for place, text in enumerate(texts):
        try:
            read(text)
        except ValueError:
            return place
    raise AssertionError("one has failed")


def parts(folder: Path, table: str, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Part]:
    """A table's rows, some at a time, with the columns that are needed and those that are there of the optional.

    Raises:
        ChainwardError: there is no such table, or its file cannot be read, lacks a column or has a row with too few or
            too many fields.
    """
    path = located(folder, table)
    if path is None:
        raise ChainwardError(f"{folder}: no {table} ({', '.join(ENDINGS)}); export it too")
    read = _parquet if path.suffix == ".parquet" else _text
    start = 1
    for frame in read(path, needed, optional):
        yield Part(path, frame, start)
        start += len(frame)


def whole_table(folder: Path, table: str, needed: Sequence[str], optional: Sequence[str] = ()) -> Part:
    """All rows of a table together; raises what `parts` raises."""
    import pandas as pd

    read = list(parts(folder, table, needed, optional))
    return Part(read[0].path, pd.concat([part.frame for part in read], ignore_index=True), 1)


def _wanted(path: Path, there: Sequence[str], needed: Sequence[str], optional: Sequence[str]) -> list[str]:
    if absent := [name for name in needed if name not in there]:
        raise ChainwardError(f"{path}: no column {', '.join(absent)}; see the OMOP CDM for what this table holds")
    return [name for name in (*needed, *optional) if name in there]


def _parquet(path: Path, needed: Sequence[str], optional: Sequence[str]) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ChainwardError(f"{path}: Parquet needs pyarrow: pip install 'chainward[parquet]'") from None
    try:
        reader = parquet.ParquetFile(path, pre_buffer=False)  # which would start a thread, and trials are forked
        spelt = {name.lower(): name for name in reader.schema_arrow.names}
        wanted = _wanted(path, [*spelt], needed, optional)
        if not reader.metadata.num_rows:
            yield pa.table({name: pa.array([], pa.string()) for name in wanted}).to_pandas()
        for batch in reader.iter_batches(ROWS, columns=[spelt[name] for name in wanted], use_threads=False):
            columns = {name: batch[spelt[name]].cast(pa.string()).fill_null("") for name in wanted}
            yield pa.table(columns).to_pandas()
    except (pa.ArrowException, OSError) as reason:
        raise _unreadable(path, reason) from reason


def _text(path: Path, needed: Sequence[str], optional: Sequence[str]) -> Iterator[pd.DataFrame]:
    import pandas as pd

    try:
        with _opened(path) as file:
            reader = csv.reader(file, strict=True)
            names = [name.strip().lower() for name in next(reader, [])]
            wanted = {name: names.index(name) for name in _wanted(path, names, needed, optional)}
            start = 1
            while rows := list(islice(filter(None, reader), ROWS)):
                _even(path, rows, len(names), start)
                yield pd.DataFrame({name: [row[place] for row in rows] for name, place in wanted.items()}, dtype=object)
                start += len(rows)
            if start == 1:
                yield pd.DataFrame({name: [] for name in wanted}, dtype=object)
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as reason:
        raise _unreadable(path, reason) from reason


def _even(path: Path, rows: Sequence[Sequence[str]], columns: int, start: int) -> None:
    """Every row has as many fields as there are columns: else its cells would be taken for others."""
    place = next((place for place, row in enumerate(rows) if len(row) != columns), None)
    if place is not None:
        told = f"row {start + place:,} after the header has {len(rows[place])} fields, not {columns}"
        raise ChainwardError(f"{path}: {told}; write the table again, with texts in quotes")


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _unreadable(path: Path, reason: Exception) -> ChainwardError:
    told = "it is not UTF-8" if isinstance(reason, UnicodeDecodeError) else " ".join(str(reason).split())
    return ChainwardError(f"{path}: {told}; write the table again")
