"""Reading MEDS: label tables and shards of events, held against the schemas of the package `meds`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.errors import ChainwardError

Integers = NDArray[np.int64]
STATIC = np.iinfo(np.int64).min
"""The time of an event that has none: known before everything else."""
BATCH = 262_144
"""Events read at a time: a shard of any size takes as much memory."""
INSTALL = "MEDS needs the packages meds and pyarrow: pip install 'chainward[meds]'"


@dataclass(frozen=True, eq=False)
class Labelled:
    """A label table in the order of subjects, then times: subjects [n], prediction times [n] in microseconds since
    1970, labels [n] bool, and sites [n] text or None where one of its columns names them."""

    subjects: Integers
    times: Integers
    labels: NDArray[np.bool_]
    sites: NDArray[np.object_] | None

    def __len__(self) -> int:
        return len(self.subjects)


@dataclass(frozen=True, eq=False)
class Events:
    """A batch of events: subjects [m], times [m] in microseconds or STATIC, places [m] in the `codes` that occur,
    values [m] float64 with NaN where there is none, and sites [m] text or None where a column names them."""

    subjects: Integers
    times: Integers
    places: Integers
    codes: tuple[str, ...]
    values: NDArray[np.float64]
    sites: NDArray[np.object_] | None


def lacking() -> str | None:
    """None when what reads MEDS is installed, else one line on how to install it."""
    return None if find_spec("meds") and find_spec("pyarrow") else INSTALL


def shards(folder: Path) -> tuple[Path, ...]:
    """The files of events below `folder`, in the order of their names."""
    return tuple(sorted((folder / "data").rglob("*.parquet")))


def labelled(path: Path, site: str | None) -> Labelled:
    """The label table at `path`, a file or a folder of files; `site` may be one of its columns.

    Raises:
        ChainwardError: it is no MEDS label table of binary labels, is empty, or labels a subject twice at one time.
    """
    import pyarrow as pa
    from meds import LabelSchema

    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    tables: list[Any] = []
    sites: list[str | None] = []
    for file in files:
        table = _opened(file).read(use_threads=False)
        named = site is not None and site in table.column_names
        sites += table[site].cast(pa.string()).to_pylist() if named else [None] * len(table)
        tables.append(_aligned(LabelSchema, table.drop_columns([site]) if named else table, file, "boolean_value"))
    if not sum(map(len, tables)):
        raise ChainwardError(f"{path}: no label in {len(files)} files; name a MEDS label table")
    subjects, times = (_joined(tables, name, np.int64) for name in ("subject_id", "prediction_time"))
    labels, order = _joined(tables, "boolean_value", np.bool_), np.lexsort((times, subjects))
    subjects, times = subjects[order], times[order]
    if twice := int(np.count_nonzero((np.diff(subjects) == 0) & (np.diff(times) == 0))):
        told = f"{twice:,} rows repeat a subject_id with its prediction_time; keep one each"
        raise ChainwardError(f"{path}: {told}")
    named = any(one is not None for one in sites)
    return Labelled(subjects, times, labels[order], np.array(sites, dtype=np.object_)[order] if named else None)


def batches(files: Sequence[Path], site: str | None) -> Iterator[Events]:
    """All events, some at a time; `site` names a column that tells where each was recorded.

    Raises:
        ChainwardError: a file is no MEDS data.
    """
    import pyarrow as pa
    from meds import DataSchema

    for file in files:
        reader = _opened(file)
        wanted = ("subject_id", "time", "code", "numeric_value", *([site] if site else []))
        names = [name for name in wanted if name in reader.schema_arrow.names]
        try:
            for batch in reader.iter_batches(BATCH, columns=names, use_threads=False):
                yield _events(_aligned(DataSchema, pa.Table.from_batches([batch]), file, "code"), site)
        except (pa.ArrowException, OSError) as reason:
            raise ChainwardError(f"{file}: {_line(reason)}; write the shard again") from reason


def has_column(files: Sequence[Path], name: str) -> bool:
    """Whether any of the files has a column of that name."""
    return any(name in _opened(file).schema_arrow.names for file in files)


def _events(table: Any, site: str | None) -> Events:
    codes = table["code"].combine_chunks().dictionary_encode()
    codes = codes.combine_chunks() if hasattr(codes, "combine_chunks") else codes
    count = len(table)
    values = np.full(count, np.nan)
    if "numeric_value" in table.column_names:
        values = table["numeric_value"].to_numpy().astype(np.float64)
    named = site is not None and site in table.column_names
    return Events(
        subjects=_numbers(table["subject_id"]),
        times=_numbers(table["time"]),
        places=_numbers(codes.indices),
        codes=tuple(codes.dictionary.to_pylist()),
        values=values,
        sites=np.array([_text(one) for one in table[site].to_pylist()], dtype=object) if named else None,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _numbers(column: Any) -> Integers:
    """Whole numbers, times in microseconds among them; STATIC where there is none."""
    import pyarrow as pa

    return np.asarray(column.cast(pa.int64()).fill_null(STATIC).to_numpy(), dtype=np.int64)


def _joined(tables: Sequence[Any], name: str, kind: type[Any]) -> NDArray[Any]:
    columns = [_numbers(table[name]) if kind is np.int64 else table[name].to_numpy() for table in tables]
    return np.concatenate(columns).astype(kind)


def _opened(file: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(file, pre_buffer=False)  # which would start a thread, and trials are forked
    except (pa.ArrowException, OSError) as reason:
        raise ChainwardError(f"{file}: {_line(reason)}; it should be a Parquet file") from reason


def _aligned(schema: Any, table: Any, file: Path, needed: str) -> Any:
    """The table with the schema's types. A cast table passes the schema's own check with nulls: none may be in a
    column that is needed here."""
    from flexible_schema import SchemaValidationError, TableValidationError

    for name in ("subject_id", "prediction_time", needed):
        if missing := table[name].null_count if name in table.column_names else 0:
            raise ChainwardError(f"{file}: column {name} is null in {missing:,} rows; fill it or leave them out")
    try:
        aligned = schema.align(table)
    except (SchemaValidationError, TableValidationError) as reason:
        raise ChainwardError(f"{file}: {_line(reason)}; see the MEDS schema {schema.__name__}") from reason
    if needed not in aligned.column_names:
        raise ChainwardError(f"{file}: no column {needed}; a MEDS label table of binary labels has one")
    return aligned


def _line(reason: Exception) -> str:
    return " ".join(str(reason).split())
