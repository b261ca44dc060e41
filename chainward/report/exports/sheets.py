"""Every table as a CSV that a spreadsheet opens with all letters as they are."""

from __future__ import annotations

from chainward.report.page.write import as_csv
from chainward.report.tables.by_name import Tables

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""By which a spreadsheet knows UTF-8."""


def sheets(tables: Tables) -> dict[str, str]:
    """Return the CSV of each table, as beside the page, behind a byte order mark."""
    return {f"{name}.csv": MARK + as_csv(rows) for name, rows in tables.items()}
