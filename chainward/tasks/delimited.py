"""Published tables of text: a table's cells as they stand, and each column as what it is said to be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError
from chainward.tasks.cohort import Column

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
BOM = b"\xef\xbb\xbf"


def texts(content: bytes, file: str, names: Sequence[str], missing: Sequence[str] = ("",)) -> pd.DataFrame:
    """The columns `names` of a comma-separated table with a head, in that order, as text; None where a cell is one of
    the `missing` and nothing else: never where it says NA or None.

    Bytes are read as Latin-1, which never fails; a column that is not asked for may hold anything.

    Raises:
        ChainwardError: it is empty, a row has more cells than the head or is cut off, or a column is not there or there
            twice; the message names file and column.
    """
    import pandas as pd

    text = content.removeprefix(BOM).decode("latin-1")
    try:
        head = pd.read_csv(StringIO(text), nrows=0, dtype=str)
        for name in names:
            if name not in head.columns or f"{name}.1" in head.columns:
                found = "twice" if name in head.columns else "nowhere"
                raise ChainwardError(f"{file}: column {name!r} is {found} in its first line; get the file again")
        frame = pd.read_csv(
            StringIO(text), dtype=object, usecols=list(names), keep_default_na=False, na_values=list(missing)
        )
    except (pd.errors.EmptyDataError, pd.errors.ParserError) as reason:
        raise ChainwardError(f"{file}: cannot be read as a table ({reason}); get the file again") from reason
    frame = frame[list(names)].astype(object)
    return frame.where(frame.notna(), None)


def features(
    frame: pd.DataFrame, columns: Sequence[Column], file: str, words: Mapping[str, int]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """A cohort's frame from a table of `texts`, flags by their words, and what was put right of it by reason.

    Raises:
        ChainwardError: a cell is not what its column holds; the message names file, column and row.
    """
    import pandas as pd

    built: dict[str, Any] = {}
    repaired: dict[str, int] = {}
    for column in columns:
        if column.kind == "number":
            built[column.name], beyond = number(frame, column, file)
            repaired |= beyond
        elif column.kind == "flag":
            built[column.name] = flag(frame, column.name, file, words)
        else:
            built[column.name] = category(frame, column, file).to_numpy(dtype=object)
    return pd.DataFrame(built), repaired


def number(frame: pd.DataFrame, column: Column, file: str) -> tuple[Floats, dict[str, int]]:
    """A column of `texts` as numbers [n], NaN where missing, and how many cells beyond what is plausible became so.

    Raises:
        ChainwardError: a cell is no finite number; the message names file, column and row.
    """
    import pandas as pd

    cells = frame[column.name]
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64)
    _refuse(cells, column.name, file, cells.notna().to_numpy() & ~np.isfinite(values), "a number")
    with np.errstate(invalid="ignore"):
        beyond = (values < column.least) | (values > column.most)
    told = f"{column.name} beyond {column.least:g} to {column.most:g} {column.unit}".rstrip() + " is missing"
    return np.where(beyond, math.nan, values), ({told: int(beyond.sum())} if beyond.any() else {})


def flag(frame: pd.DataFrame, name: str, file: str, words: Mapping[str, int]) -> Floats:
    """A column of `texts` as 0 and 1 by its words, NaN where missing.

    Raises:
        ChainwardError: a cell is none of the words; the message names file, column and row.
    """
    cells = frame[name]
    values: Floats = np.asarray(cells.map(dict(words)), dtype=np.float64)
    _refuse(cells, name, file, cells.notna().to_numpy() & np.isnan(values), f"one of {', '.join(words)}")
    return values


def category(frame: pd.DataFrame, column: Column, file: str) -> pd.Series[str]:
    """A column of `texts` as it stands.

    Raises:
        ChainwardError: a cell is none of the levels that the column declares; the message names file, column and row.
    """
    cells = frame[column.name]
    known = cells.isin(column.levels) if column.levels else cells.notna()
    strange = cells.notna().to_numpy() & ~known.to_numpy()
    _refuse(cells, column.name, file, strange, f"one of {', '.join(column.levels)}")
    return cells


def _refuse(cells: pd.Series[str], name: str, file: str, wrong: NDArray[np.bool_], expected: str) -> None:
    rows = np.flatnonzero(wrong)
    if len(rows):
        where = f"{file}: column {name!r}, row {rows[0] + 1}"
        raise ChainwardError(f"{where}: {str(cells.iloc[rows[0]])[:40]!r} is not {expected}; get the file again")
