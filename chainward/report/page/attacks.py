"""Rows of attacks -> the tables of the page, one a setting and attack."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from chainward.report.page import columns
from chainward.report.page.settings import Table
from chainward.report.tables.groups import Row

ROWS = 40
"""How many rows of each a page holds."""


def attack_tables(rows: Sequence[Row]) -> list[Table]:
    """One table a setting and attack, rows in the order of the ranks that ties share."""
    return [
        Table.of(f"{task}: {attack}; {setting}", columns.ATTACKS, list(members), "attacks", most=ROWS)
        for (task, setting, attack), members in groupby(
            rows, key=lambda row: (row["task"], row["setting"], row["attack"])
        )
    ]
