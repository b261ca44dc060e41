"""A table as somebody saved it: its encoding, its separator, its rows. Every cell is text; `cells` tells what it means.

Nothing is guessed from what looks likely. The separator is the one by which the header has the columns that are asked
for; a row that is longer or shorter than the header is a mistake; what cannot be read says where it breaks.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from chainward.errors import ChainwardError, Revealing
from chainward.names import is_plain, quoted

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_NAME, MOST_NAMED = 200, 20
FIX = 'save it as "CSV UTF-8"'
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_OTHERS = {b"PK\x03\x04": "an Excel workbook or an archive", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}


@dataclass(frozen=True, eq=False)
class Table:
    """names [c] of the columns; rows [n] of c texts without blanks around them; lines [n], the line that a row ends on.

    separator: empty for Parquet. empty: how many rows held nothing. notes: how the file was read, in sentences.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    separator: str = ""
    empty: int = 0
    notes: tuple[str, ...] = ()


def read(path: Path, wanted: Sequence[str]) -> Table:
    """The table in a file: separated text, perhaps compressed by gzip, or Parquet; `wanted` are columns it must have.

    Raises:
        ChainwardError: the file cannot be read as a table with these columns; the message names it, the place and the
            fix.
    """
    data = _content(path)
    if data.startswith(b"PAR1"):
        from chainward.tasks.parquet import rows_of

        names, rows = rows_of(path)
        return _table(path, [(0, names), *enumerate(rows, 1)], wanted)
    text, encoding = decoded(data, path)
    notes = () if encoding.startswith("utf-8") else (f"The file was read as {encoding}.",)
    separator, body = separated(text, wanted, path)
    try:
        return _table(path, _lines(body, separator), wanted, separator, notes)
    except csv.Error as mistake:
        raise ChainwardError(f"{path}: not read as {SEPARATORS[separator]}-separated text ({mistake}); {FIX}") from None


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except FileNotFoundError:
        raise ChainwardError(f"{path}: no such file; relative paths start in the folder of the command") from None
    except (OSError, EOFError, zlib.error) as reason:
        raise ChainwardError(f"{path}: cannot be read ({reason}); give a readable table") from None
    if not data.strip():
        raise ChainwardError(f"{path}: is empty; {FIX}")
    for mark, what in _OTHERS.items():
        if data.startswith(mark):
            raise ChainwardError(f"{path}: is {what}, no table of text; {FIX}")
    return data


def decoded(data: bytes, path: Path) -> tuple[str, str]:
    """The text of a file and its encoding: what its mark says, else UTF-8, else Windows-1252.

    Raises:
        ChainwardError: it breaks off within a character, mixes encodings or is no text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as broken:
        before = data[: broken.start]
        if encoding != "utf-8" or (broken.end == len(data) and "end of data" in broken.reason) or not before.isascii():
            told = f"is {encoding} that breaks at byte {broken.start:,} (line {before.count(10) + 1:,})"
            raise ChainwardError(f"{path}: {told}: it is cut short or mixes encodings; {FIX}") from None
        encoding = "Windows-1252"
        text = _windows(data, path)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ChainwardError(f"{path}: holds a zero byte (line {line:,}), so it is no text in {encoding}; {FIX}")
    return text, encoding


def _windows(data: bytes, path: Path) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError as broken:
        line = data[: broken.start].count(10) + 1
        told = f"is neither UTF-8 nor Windows-1252 (byte {broken.start:,}, line {line:,})"
        raise ChainwardError(f"{path}: {told}; {FIX}") from None


def separated(text: str, wanted: Sequence[str], path: Path) -> tuple[str, str]:
    """The separator by which the header has the wanted columns, or that Excel's line `sep=` names, and what follows.

    Raises:
        ChainwardError: no separator gives these columns; the message names the first that is missing.
    """
    first, _, rest = text.partition("\n")
    told = first.rstrip("\r")
    if told[:4].lower() == "sep=" and told[4:] in SEPARATORS:
        return told[4:], f"\n{rest}"  # lines keep their numbers
    headers = {separator: _header(text, separator) for separator in SEPARATORS}
    found = next((one for one, names in headers.items() if set(wanted) <= set(names)), None)
    return found or max(headers, key=lambda one: len(headers[one])), text


def _header(text: str, separator: str) -> list[str]:
    try:
        return next((cells for _, cells in _lines(text, separator) if any(cells)), [])
    except csv.Error:
        return []


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    for cells in reader:
        yield reader.line_num, [cell.strip() for cell in cells]


def _table(
    path: Path,
    found: Iterator[tuple[int, list[str]]] | Sequence[tuple[int, list[str]]],
    wanted: Sequence[str],
    separator: str = "",
    notes: tuple[str, ...] = (),
) -> Table:
    """Rows under the first that holds anything, which is the header; columns without a name are left out."""
    lines, rows, empty = list[int](), list[list[str]](), 0
    for line, cells in found:
        if not any(cells):
            empty += bool(rows)
            continue
        if rows and len(cells) != len(rows[0]):
            cells = _fitted(path, line, cells, len(rows[0]))
        lines.append(line)
        rows.append(cells)
    if not rows:
        raise ChainwardError(f"{path}: is empty; {FIX}")
    header, *body = rows
    _check_header(path, header, wanted)
    if not body:
        raise ChainwardError(f"{path}: has a header and no rows; {FIX}")
    kept = [place for place, name in enumerate(header) if name]
    nameless = sum(any(row[place] for row in body) for place, name in enumerate(header) if not name)
    if nameless:
        notes = (*notes, f"{nameless} columns without a name are left out." if nameless > 1 else _NAMELESS)
    names = tuple(header[place] for place in kept)
    return Table(names, tuple(tuple(row[at] for at in kept) for row in body), tuple(lines[1:]), separator, empty, notes)


_NAMELESS = "A column without a name is left out."


def _fitted(path: Path, line: int, cells: list[str], width: int) -> list[str]:
    """A row of the header's width: nothing but empty cells may be beyond it."""
    if len(cells) < width or any(cells[width:]):
        told = f"line {line:,} has {len(cells)} cells and the header {width}"
        raise ChainwardError(f"{path}: {told}: the file is cut short, or a cell holds a separator; quote it")
    return cells[:width]


def _check_header(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    names = [name for name in header if name]
    for name in names:
        if not is_plain(name) or len(name) > LONGEST_NAME:
            told = f"a column is called {quoted(name)}"
            raise Revealing(f"{path}: {told}; give it at most {LONGEST_NAME} printable characters")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise Revealing(f"{path}: two columns are called {quoted(twice)}; rename one")
    missing = next((name for name in wanted if name not in names), None)
    if missing is not None:
        near = get_close_matches(missing, names, n=1)
        some = ", ".join(names[:MOST_NAMED]) + (", ..." if names[MOST_NAMED:] else "")
        told = f"did you mean {quoted(near[0])}?" if near else f"it has {some}"
        raise Revealing(f"{path}: no column {quoted(missing)}; {told}")
