"""Printing: tables for people, as wide as their terminal; JSON for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import click

from chainward.cli import streams
from chainward.cli.layout import Column, lay_out, wrapped

_FIGURE = re.compile(r"[0-9,]+(\.[0-9]+)?%?")
"""What is right-aligned though it is a text already."""


def tell(text: str) -> None:
    """Print lines; what in them would act on a terminal is shown instead."""
    _print(text, sys.stdout)


def say(text: str) -> None:
    """Print lines of progress to standard error."""
    _print(text, sys.stderr)


def as_json(value: Any) -> None:
    """Print a value as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2, default=str), file=sys.stdout)


def as_table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    title: str | None = None,
    spare: Sequence[str] = (),
    whole: str = "",
    stream: TextIO | None = None,
) -> None:
    """Print rows under the given columns (key to heading); numbers are right-aligned. No text is markup.

    Where a terminal is too narrow, the columns in `spare` are left out, the last first; `whole` names who has them.
    `stream` is standard output unless given.
    """
    stream = stream or sys.stdout
    across = streams.width(stream)
    if title is not None:
        _print(title, stream)
    found = lay_out([_column(rows, key, columns[key], spare, stream) for key in columns], across)
    for number, line in enumerate(found.lines):
        click.echo(click.style(line, bold=True) if number < found.headings and _bold(stream) else line, file=stream)
    if found.left_out:
        names = ", ".join(found.left_out)
        _print(f"left out at {across} columns: {names}{whole and f'; all are in {whole}'}", stream)


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


def _column(rows: Sequence[Mapping[str, Any]], key: str, heading: str, spare: Sequence[str], stream: TextIO) -> Column:
    cells = tuple(streams.for_stream(stream, shown(row.get(key))) for row in rows)
    rank = spare.index(key) + 1 if key in spare else 0
    return Column(streams.for_stream(stream, heading), cells, _numeric([row.get(key) for row in rows]), rank)


def _numeric(values: Sequence[Any]) -> bool:
    """Whether most of what is there are figures."""
    there = [value for value in values if value not in (None, "", "–")]
    figures = [one for one in there if isinstance(one, int | float) or _FIGURE.fullmatch(str(one))]
    return 2 * len(figures) > len(there)


def _print(text: str, stream: TextIO) -> None:
    for line in wrapped(streams.for_stream(stream, text), streams.width(stream)):
        click.echo(line, file=stream)


def _bold(stream: TextIO) -> bool:
    """Whether a stream is a terminal that is asked for no plainness."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
