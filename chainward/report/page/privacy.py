"""Rows of who opened what -> the matrix of a setting."""

from __future__ import annotations

from collections.abc import Sequence

from chainward.report.formats import count, size
from chainward.report.page.columns import STRATEGY, Column
from chainward.report.tables.groups import Row
from chainward.report.tables.privacy import HOSPITALS, KINDS

WHO = Column("who", "Who", "measured", help="Parties that opened something of others in any trial.")
HELP = "How often a trial, how many bytes; of updates by hospitals also how many of them."


def matrix_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """Strategy, who, and a column for each kind that anybody opened."""
    kinds = [kind for kind in KINDS if any(row[f"{kind}_by"] for row in rows)]
    return (STRATEGY, WHO, *(Column(kind, KINDS[kind].capitalize(), "measured", "long", HELP) for kind in kinds))


def matrix(rows: Sequence[Row]) -> list[Row]:
    """Rows with a cell for each kind: how often it was opened a trial and how many bytes, nothing where it was not."""
    return [{**row, **{kind: _cell(row, kind) for kind in KINDS}} for row in rows]


def _cell(row: Row, kind: str) -> str:
    if row[f"{kind}_by"] is None:
        return ""
    by = row[f"{kind}_by"]
    breadth = f", {by}" if row["audience"] == HOSPITALS and by != HOSPITALS else ""
    return f"{count(row[f'{kind}_opened'])} ×, {size(row[f'{kind}_bytes'])}{breadth}"
