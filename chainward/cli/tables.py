"""A table of one's own on the command line: `--task csv:FILE` and the options that say what its columns are."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from chainward.errors import ChainwardError

OPTIONS = {
    "label": "--label",
    "site": "--site",
    "patient": "--patient",
    "time": "--time",
    "drop": "--drop",
    "categories": "--category",
    "positive": "--positive",
}
"""The parameters of the task `csv`, and the options that give them."""


_ASKED = (
    click.option("--label", metavar="COLUMN", help="Of a table: who had the outcome, 0 or 1, no or yes."),
    click.option("--site", metavar="COLUMN", help="Of a table: who was at which hospital."),
    click.option("--patient", metavar="COLUMN", help="Of a table: whose row it is."),
    click.option("--time", metavar="COLUMN", help="Of a table: when a record begins, for a split by time."),
    click.option("--drop", multiple=True, metavar="COLUMN", help="Of a table: a column to leave out; repeatable."),
    click.option(
        "--category",
        "categories",
        multiple=True,
        metavar="COLUMN",
        help="Of a table: a column to read as text; repeatable.",
    ),
    click.option("--positive", metavar="VALUE", help="Of a table: the label that counts as 1, all others as 0."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a table, in their order, each under the name of its parameter."""
    for option in reversed(_ASKED):
        command = option(command)
    return command


def reasons(values: tuple[str, ...]) -> dict[str, str]:
    """Read COLUMN=REASON."""
    pairs = [(column, reason) for column, _, reason in (text.partition("=") for text in values)]
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ChainwardError("--leak: a column is named twice; give one reason")
    bare = next((column for column, reason in given.items() if not reason.strip()), None)
    if bare is not None:
        raise ChainwardError(f"--leak {bare!r}: write COLUMN=REASON, why it may give the outcome away")
    return given


def entries(named: tuple[str, ...], table: dict[str, Any]) -> list[Any]:
    """Read KEY, or csv:FILE with what its options say of the file."""
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in table.items() if value}
    found = [{"key": "csv", "path": one[4:], **given} if one.startswith("csv:") else one for one in named]
    if given and found == list(named):
        option = OPTIONS[next(iter(given))]
        raise ChainwardError(f"{option}: is said of a table; name one with --task csv:FILE")
    return found


def plan_name(task: Any) -> str:
    """A plan's name after its first task: the file of a table without its ending, or the key."""
    stem = Path(task["path"]).name.partition(".")[0] if isinstance(task, dict) else task
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", stem).strip("-._")[:100] or "table"
