"""Published tables in CSV, of any length: read in chunks that know their columns, or refused in one line.

Names of columns are taken in upper or lower case, files plain or compressed by gzip.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError, Revealing

if TYPE_CHECKING:
    import pandas as pd

Cell = Literal["number", "text"]
CHUNK = 500_000
"""Rows that are in memory at once."""
PATIENCE_S = 2.0
"""A file that takes longer gets a progress bar, where a terminal is attached."""
_AGAIN = "get the file again"


@dataclass(frozen=True)
class Layout:
    """The columns to read of a table, in lower case: numbers float64, NaN where empty; texts categorical, missing where
    empty. A column of `optional` may be absent; it is then read as empty."""

    numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def chunks(path: Path, layout: Layout) -> Iterator[pd.DataFrame]:
    """The table's rows in their order, at most CHUNK at once, as frames with just the columns of the layout.

    Cells that a row has beyond the header's are not looked at; those that it lacks are empty.

    Raises:
        ChainwardError: the file is empty, cut off, no text in UTF-8, lacks a column or has it twice, or has a cell
            that is no number where there should be one.
    """
    import pandas as pd

    names = _header(path, layout)
    texts = [name for name in layout.texts if name in names]
    numbers = [name for name in layout.numbers if name in names]
    types: dict[str, Any] = dict.fromkeys((names[name] for name in numbers), np.float64)
    types |= dict.fromkeys((names[name] for name in texts), "category")
    lowered = {spelt: name for name, spelt in names.items()}
    absent = [name for name in (*layout.numbers, *layout.texts) if name not in names]
    try:
        with (
            opened(path) as file,
            pd.read_csv(
                file, usecols=list(types), dtype=types, chunksize=CHUNK, keep_default_na=False, na_values=[""]
            ) as reader,
        ):
            for chunk in reader:
                yield chunk.rename(columns=lowered).assign(**dict.fromkeys(absent, np.nan))
    except UnicodeDecodeError as reason:
        raise ChainwardError(f"{path}: is no text in UTF-8 ({reason.reason}); {_AGAIN}") from reason
    except (OSError, EOFError, zlib.error) as reason:
        raise ChainwardError(f"{path}: cannot be read ({reason}); {_AGAIN}") from reason
    except pd.errors.ParserError as reason:
        told = str(reason).removeprefix("Error tokenizing data. C error: ").strip()
        raise ChainwardError(f"{path}: is no table ({told}); {_AGAIN}") from reason
    except ValueError as reason:
        raise Revealing(_culprit(path, [names[name] for name in numbers]) or f"{path}: {reason}") from reason


def table(path: Path, layout: Layout) -> pd.DataFrame:
    """All rows at once, texts as objects with None where empty. Raises what `chunks` raises."""
    import pandas as pd

    parts = list(chunks(path, layout))
    whole = pd.concat([part.astype(dict.fromkeys(layout.texts, object)) for part in parts], ignore_index=True)
    texts = {name: whole[name].where(whole[name].notna(), None) for name in layout.texts}
    return whole.assign(**texts)


def moments(path: Path, column: str, texts: pd.Series[Any]) -> NDArray[np.datetime64]:
    """Dates with a time of day as datetime64[s], NaT where empty; a blank or a T between the two, a zone is ignored.

    Raises:
        ChainwardError: one is no such date; the message names file and column.
    """
    categories = texts.astype("category").cat
    known = [str(text)[:19] for text in categories.categories]
    try:
        parsed = np.array([*known, "NaT"], dtype="datetime64[s]")
    except ValueError:
        wrong = next(text for text in known if not _is_moment(text))
        raise Revealing(f"{path}: column {column!r}: {wrong!r} is no date and time; {_AGAIN}") from None
    found: NDArray[np.datetime64] = parsed[categories.codes.to_numpy()]  # a missing one's code is -1, NaT's place
    return found


def places(keys: NDArray[Any], known: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
    """Where each key [e] stands in `known`, whose members differ; -1 where it does not."""
    import pandas as pd

    found: NDArray[np.int64] = pd.Index(known).get_indexer(pd.Index(keys)).astype(np.int64)
    return found


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file's decompressed bytes, with a progress bar on a terminal when they take long."""
    from tqdm import tqdm

    size = path.stat().st_size
    _ended(path, size)
    with (
        path.open("rb") as raw,
        tqdm.wrapattr(raw, "read", total=size, desc=path.name, delay=PATIENCE_S, disable=None, leave=False) as watched,
    ):
        yield gzip.GzipFile(fileobj=watched) if path.suffix == ".gz" else watched


def _ended(path: Path, size: int) -> None:
    if not size:
        raise ChainwardError(f"{path}: is empty; {_AGAIN}")
    if path.suffix == ".gz":  # whose checksum tells
        return
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        if last == b"\0":
            raise ChainwardError(f"{path}: is no text in UTF-8 (but perhaps in UTF-16); save it as UTF-8")
        if last not in b"\r\n":
            raise ChainwardError(f"{path}: its last line has no end, as of a file cut off; {_AGAIN}, or end the line")


def _header(path: Path, layout: Layout) -> Mapping[str, str]:
    """How the file spells each column of the layout that it has."""
    import csv

    try:
        with opened(path) as file:
            line = file.readline().decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise ChainwardError(f"{path}: is no text in UTF-8 ({reason.reason}); {_AGAIN}") from reason
    except (OSError, EOFError, zlib.error) as reason:
        raise ChainwardError(f"{path}: cannot be read ({reason}); {_AGAIN}") from reason
    spelt = next(csv.reader([line.strip()]), [])
    lowered = [name.strip().lower() for name in spelt]
    for name in (*layout.numbers, *layout.texts):
        if lowered.count(name) > 1:
            raise ChainwardError(f"{path}: has the column {name!r} twice; {_AGAIN}")
        if name not in lowered and name not in layout.optional:
            raise Revealing(f"{path}: has no column {name!r}, but {', '.join(lowered[:8])}; {_AGAIN}")
    return {name: spelt[lowered.index(name)] for name in (*layout.numbers, *layout.texts) if name in lowered}


def _culprit(path: Path, numbers: Sequence[str]) -> str | None:
    """Which cell of these columns is no number: read once more, as text."""
    import pandas as pd

    first = 2
    with (
        opened(path) as file,
        pd.read_csv(file, usecols=list(numbers), dtype=str, chunksize=CHUNK, keep_default_na=False) as reader,
    ):
        for chunk in reader:
            for name in numbers:
                wrong = (chunk[name] != "") & pd.to_numeric(chunk[name], errors="coerce").isna()
                if wrong.any():
                    at = int(wrong.to_numpy().argmax())
                    text = str(chunk[name].iloc[at])[:40]
                    return f"{path}: column {name!r}, row {first + at:,}: {text!r} is no number; {_AGAIN}"
            first += len(chunk)
    return None


def _is_moment(text: str) -> bool:
    try:
        np.datetime64(text, "s")
    except ValueError:
        return False
    return True
