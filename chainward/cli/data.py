"""`chainward data`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chainward.tasks.sources import Source


@click.group("data")
def command() -> None:
    """See which data a task needs, and get them from their canonical source.

    \b
    Examples:
      chainward data list
      chainward data get explorer
    """


@command.command("list")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(json_output: bool) -> None:
    """List every task with its data: the source, whether they are here, licence and address.

    \b
    Examples:
      chainward data list
      chainward data list --json
    """
    from chainward.cli.output import as_json, as_table

    rows = describe()
    if json_output:
        as_json(rows)
    else:
        headings = {"task": "task", "source": "get", "present": "here", "licence": "licence", "origin": "from"}
        as_table([{**row, "origin": row["url"] or row["citation"]} for row in rows], headings)


@command.command("get")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def get(names: tuple[str, ...]) -> None:
    """Get each NAME, a source or a task that needs one, and tell where it was put.

    What is already here is kept; every file is checked against its pinned SHA-256.

    \b
    Examples:
      chainward data get explorer
      chainward data get edin ca
    """
    import sys

    import pooch

    from chainward.cli.output import tell
    from chainward.tasks import sources

    pooch.get_logger().setLevel("WARNING")
    for source in {source.name: source for source in map(_source, names)}.values():
        paths = sources.fetch(source, progress=sys.stderr.isatty())
        tell(f"{source.name}: {len(paths)} files in {paths[0].parent} ({source.licence})")


@command.command("path")
def path() -> None:
    """Print the folder that `get` puts data in. A folder named by $CHAINWARD_DATA is looked through before it.

    \b
    Example:
      chainward data path
    """
    from chainward.cli.output import tell
    from chainward.tasks import sources

    tell(str(sources.folder()))


def describe() -> list[dict[str, Any]]:
    """Return a row a task: its source to get, whether its data are here, licence, address and what is lacking."""
    from chainward import tasks

    return [_row(tasks.load(key)) for key in tasks.names()]


def _row(task: Any) -> dict[str, Any]:
    lacking = task.requires()
    return {
        "task": task.key,
        "title": task.title,
        "source": task.source.name if task.source else None,
        "present": lacking is None,
        "licence": task.licence,
        "url": task.source.url if task.source else None,
        "citation": task.citation,
        "needs": lacking,
    }


def _source(name: str) -> Source:
    """Return the source called `name`, or the one that the task `name` needs."""
    from chainward import tasks
    from chainward.errors import ChainwardError, UnknownName
    from chainward.names import quoted
    from chainward.tasks.sources import SOURCES

    if name in SOURCES:
        return SOURCES[name]
    if name not in tasks.names():
        raise UnknownName(f"no source of data is called {quoted(name)}; there is {', '.join(SOURCES)}")
    task = tasks.load(name)
    if task.source is None:
        raise ChainwardError(f"task {name}: {task.requires() or 'its data are here, there is nothing to get'}")
    return task.source
