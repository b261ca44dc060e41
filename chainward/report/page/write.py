"""Results -> a folder with the report: the page, every table as CSV, everything as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chainward.files import replace_files
from chainward.report.crate import METADATA, crate
from chainward.report.page.html import page
from chainward.report.page.origin import Origin, origin_of
from chainward.report.tables.by_name import Tables, all_tables
from chainward.report.tables.groups import Row
from chainward.report.tables.papers import Verdict
from chainward.report.tables.scenarios import Assumptions
from chainward.results.collection import Results
from chainward.results.manifest import Manifest

SCHEMA = 1


def write_report(
    results: Results,
    verdicts: Iterable[Verdict],
    folder: Path,
    manifest: Manifest | None = None,
    assumptions: Assumptions | None = None,
) -> tuple[Path, ...]:
    """Write the report of results into `folder`; see `write_tables`."""
    return write_tables(all_tables(results, verdicts, assumptions), folder, manifest, assumptions)


def write_tables(
    tables: Tables, folder: Path, manifest: Manifest | None = None, assumptions: Assumptions | None = None
) -> tuple[Path, ...]:
    """Write index.html, report.json, leaderboard.json and one CSV a table into `folder`; return their paths.

    With a manifest also the metadata of the folder, as an RO-Crate.

    Equal arguments and equal records in the folder give equal bytes: the report says whether these are those of the
    manifest. The folder is made where it is missing; other files in it are left alone.
    """
    prices = assumptions or Assumptions()
    texts = texts_of(tables, manifest, prices, origin_of(folder, manifest, tables))
    if manifest:
        texts[METADATA] = as_json(crate(tables, manifest, texts))
    contents = {folder / name: texts[name].encode("utf-8", "replace") for name in sorted(texts)}
    replace_files(contents)
    return tuple(contents)


def texts_of(tables: Tables, manifest: Manifest | None, prices: Assumptions, origin: Origin) -> dict[str, str]:
    """Return the text of every file of a report by its name."""
    told = asdict(manifest) | {"verified": origin.verified} if manifest else None
    everything = {"schema": SCHEMA, "assumptions": asdict(prices), "manifest": told, "tables": tables}
    return {
        "index.html": page(tables, manifest, prices, origin),
        "report.json": as_json(everything),
        "leaderboard.json": as_json(tables["leaderboard"]),
        **{f"{name}.csv": as_csv(rows) for name, rows in tables.items()},
    }


def as_json(value: Any, depth: int = 3) -> str:
    """Strict JSON in ASCII, so that any text from outside survives; what is not a finite number is null.

    What is nested at most `depth` deep stands on lines of its own: a table has a line a row.
    """
    return _lines(_finite(value), depth) + "\n"


def _lines(value: Any, depth: int) -> str:
    """JSON with its outer levels on lines; the rest is left to the encoder in C, which knows no lines."""
    if depth and isinstance(value, dict) and value:
        items = (f"{json.dumps(name)}: {_lines(value[name], depth - 1)}" for name in sorted(value))
        return "{\n" + ",\n".join(items) + "\n}"
    if depth and isinstance(value, list) and value:
        return "[\n" + ",\n".join(json.dumps(item, sort_keys=True, allow_nan=False) for item in value) + "\n]"
    return json.dumps(value, sort_keys=True, allow_nan=False)


def as_csv(rows: Sequence[Row]) -> str:
    """One line a row under the union of the rows' names; nested values as JSON, null as an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return "".join(_line(cells) for cells in (names, *([_cell(row.get(name)) for name in names] for row in rows)))


def _line(cells: Sequence[str]) -> str:
    """One row; a cell with a carriage return is quoted only by a writer that ends its lines with one."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return f"{out.getvalue()[:-2]}\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # A spreadsheet would run text from outside that starts like a formula.
        return "'" + value if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if math.isfinite(value) else "null"
    return json.dumps(_finite(value), sort_keys=True, ensure_ascii=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):  # most are: to ask for a Mapping takes longer
        return value
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return {str(name): _finite(item) for name, item in value.items()} if isinstance(value, Mapping) else value
