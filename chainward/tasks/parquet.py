"""A table in Parquet, as rows of text: what it means is told by the same rules as of any other table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainward.errors import ChainwardError


def rows_of(path: Path) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the cells of each row as text; nothing is empty text.

    Raises:
        ChainwardError: pyarrow is not installed, the file is broken, or a column holds lists, tables or bytes.
    """
    try:
        import pyarrow as arrow
        import pyarrow.parquet as files
    except ModuleNotFoundError:
        raise ChainwardError(f"{path}: is Parquet; pip install 'chainward[parquet]'") from None
    try:
        with files.ParquetFile(path, pre_buffer=False) as file:  # which would start a thread, and trials are forked
            table = file.read(use_threads=False)
    except (arrow.ArrowException, OSError) as reason:
        told = " ".join(str(reason).split())[:200]
        raise ChainwardError(f"{path}: cannot be read as Parquet ({told}); write it again") from None
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type.value_type if arrow.types.is_dictionary(column.type) else column.type
        if arrow.types.is_nested(kind) or "binary" in str(kind):
            raise ChainwardError(
                f"{path}: column {name!r} holds {kind}, no cells of text or numbers; drop or unfold it"
            )
        columns.append([_text(value) for value in column.to_pylist()])
    return [name.strip() for name in table.column_names], [list(row) for row in zip(*columns, strict=True)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))  # what a column of whole numbers becomes where one is missing
    return str(value).strip()
