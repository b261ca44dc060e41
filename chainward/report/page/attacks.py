"""Rows of attacks -> the tables of the page, strategies by attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chainward.report.page.columns import STRATEGY, Column
from chainward.report.page.settings import Table
from chainward.report.tables.groups import Row

AFTER = Column("", "", "measured", "fixed", "AUROC under this attack, mean over seeds.")


def attack_tables(rows: Sequence[Row]) -> list[Table]:
    """One table a setting: strategies by attacks, those that lose least in the worst of them first."""
    settings = dict.fromkeys((row["task"], row["setting"]) for row in rows)
    return [_table([row for row in rows if (row["task"], row["setting"]) == setting]) for setting in settings]


def _table(rows: Sequence[Row]) -> Table:
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    found: dict[str, Row] = {}
    for row in rows:
        place = attacks.index(row["attack"])
        line = found.setdefault(row["label"], {**row, "worst": 0.0})
        told = {f"under_{place}": row["auroc_under"], f"drop_{place}": row["drop"], f"note_{place}": _note(row)}
        found[row["label"]] = {**line, **told, "worst": max(line["worst"], row["drop"] or 0.0)}
    headings = [column for place, attack in enumerate(attacks) for column in _columns(place, attack)]
    shape = (
        STRATEGY,
        replace(AFTER, key="auroc_without", title="No attack", help="AUROC, mean over seeds."),
        *headings,
    )
    lines = tuple(sorted(found.values(), key=lambda line: (line["worst"], line["label"])))
    return Table(f"{rows[0]['task']}: {rows[0]['setting']}", shape, lines)


def _columns(place: int, attack: str) -> tuple[Column, ...]:
    return (
        replace(AFTER, key=f"under_{place}", title=attack),
        Column(f"drop_{place}", "Drop", "measured", "fixed", "AUROC without minus with the attack."),
        Column(f"note_{place}", ""),
    )


def _note(row: Row) -> str:
    return "" if row["reaches"] else "gives no update"
