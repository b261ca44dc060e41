"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

from chainward.names import visible

_FIGURE = re.compile(r"[0-9,]+(\.[0-9]+)?")
"""What is right-aligned though it is a text already."""


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
        numeric = any(isinstance(row.get(key), int | float) or _FIGURE.fullmatch(str(row.get(key))) for row in rows)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(shown(row.get(key)), keep="\n")) for key in columns))
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    console = Console(highlight=False, width=max(console.width, 220))
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


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
