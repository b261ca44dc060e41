"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from chainward.names import visible


def tell(text: str) -> None:
    """Print lines; what in them would act on a terminal is shown instead."""
    click.echo(visible(text, keep="\n"))


def as_json(value: Any) -> None:
    """Print a value as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2, default=str))


def as_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str | None = None) -> None:
    """Print rows under the given columns (key to heading); numbers are right-aligned. No text is markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    named = None if title is None else Text(visible(title, keep="\n"), style="table.title")
    table = Table(title=named, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        numeric = any(isinstance(row.get(key), int | float) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(shown(row.get(key)), keep="\n")) for key in columns))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=max(console.width, 220))
    console.print(table)


def shown(value: Any) -> str:
    """Return how a cell is printed: a dash for nothing, thousands separated, four significant digits."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return str(value)
