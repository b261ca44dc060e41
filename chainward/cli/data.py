"""`chainward data`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chainward.cli import completion, tables
from chainward.cli.paths import Folder

if TYPE_CHECKING:
    from chainward.tasks.sources import Source


@click.group("data")
def command() -> None:
    """See which data a task needs, get them from their canonical source, check and describe them.

    \b
    Examples:
      chainward data list
      chainward data get explorer
      chainward data check
      chainward data describe heart -o heart.html
    """


@command.command("list")
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def list_(json_output: bool) -> None:
    """List every task with its data: the source, whether they are here, licence, citation and address.

    \b
    Examples:
      chainward data list
      chainward data list --json
    """
    from chainward.cli.known import task_rows
    from chainward.cli.output import as_json, as_table

    names = ("title", "source", "present", "licence", "url", "citation", "needs")
    rows = [{"task": row["key"], **{name: row[name] for name in names}} for row in task_rows()]
    if json_output:
        as_json(rows)
    else:
        headings = {"task": "task", "source": "get", "present": "here", "licence": "licence", "from": "from, citation"}
        as_table([{**row, "from": "\n".join(filter(None, (row["url"], row["citation"])))} for row in rows], headings)


@command.command("get")
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=completion.tasks)
def get(names: tuple[str, ...]) -> None:
    """Get each NAME, a source or a task that needs one, and tell where it was put.

    Licence, citation and address are printed before anything is downloaded. What is already here is kept; a download
    that breaks off goes on at the next try; every file is checked against its pinned SHA-256. For data that need an
    account, tells how to come to them and where to put them.

    \b
    Examples:
      chainward data get explorer
      chainward data get edin ca
    """
    import pooch

    from chainward.cli import known
    from chainward.cli.output import tell
    from chainward.tasks import downloads

    pooch.get_logger().setLevel("WARNING")
    for source in {source.name: source for source in map(known.source, names)}.values():
        tell("\n".join(_terms(source)))
        paths = downloads.fetch(source, progress=sys.stderr.isatty())
        tell(f"  here: {len(paths)} {'file' if len(paths) == 1 else 'files'} in {paths[0].parent}")


def _terms(source: Source) -> Iterator[str]:
    """What one should know before one takes data: whose they are and on what terms."""
    from chainward import tasks
    from chainward.cli import known

    citations = [source.citation] if source.citation else [tasks.kind(key).citation for key in known.tasks_of(source)]
    yield source.name
    yield f"  licence: {source.licence}"
    yield from (f"  cite: {citation}" for citation in dict.fromkeys(citations))
    yield f"  from: {source.url}"


@command.command("check")
@click.argument("names", nargs=-1, metavar="[NAME...]", shell_complete=completion.tasks)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def check(names: tuple[str, ...], json_output: bool) -> None:
    """Check the data that are here, or those of each NAME, a source or a task: files first, then the tasks that
    read them.

    A file that is not the published one is told by what became of it: other line endings, another archive, a web page
    saved in its place. Exits with 1 if something is changed or cannot be read, or is missing beside what is here.

    \b
    Examples:
      chainward data check
      chainward data check stroke --json
    """
    from chainward.cli import known
    from chainward.cli.inspection import sound, verified
    from chainward.cli.output import as_json, as_table

    chosen = {source.name: source for source in map(known.source, names)} if names else known.sources()
    rows = [row for source in chosen.values() for row in verified(source, wanted=bool(names))]
    if json_output:
        as_json({"sound": sound(rows), "checks": rows})
    else:
        as_table(rows, {"source": "source", "what": "file or task", "status": "", "detail": ""})
    if not sound(rows):
        sys.exit(1)


@command.command("describe")
@click.argument("task", metavar="KEY|csv:FILE", shell_complete=completion.tasks)
@tables.options
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the task; repeat it.")
@click.option("-o", "--out", type=Folder(path_type=Path, dir_okay=False), help="The page [KEY.html, or FILE.html].")
@click.option("--json", "json_output", is_flag=True, help="Print JSON and write no page unless --out is given.")
def describe(task: str, params: tuple[str, ...], out: Path | None, json_output: bool, **table: Any) -> None:
    """Write a page about the patients of a task or a table: hospitals, outcome, what is missing, how hospitals differ.

    Only aggregates are written, and counts from 1 to 4 as "< 5".

    \b
    Examples:
      chainward data describe heart
      chainward data describe stroke -o stroke.html --json
      chainward data describe csv:cohort.csv --label died --site hospital
    """
    from chainward import tasks
    from chainward.cli.inspection import parameters
    from chainward.cli.output import as_json, tell
    from chainward.errors import DataMissing
    from chainward.files import replace_file
    from chainward.report.page.data import page
    from chainward.report.tables.data import described

    entry = tables.entries((task,), table)[0]
    named = dict(entry) if isinstance(entry, dict) else {"key": entry}
    chosen = tasks.load(named.pop("key"), **{**named, **parameters(params)})
    if lacking := chosen.requires():
        raise DataMissing(lacking)
    found = described(chosen, chosen.cohort())
    if json_output:
        as_json(found)
    if out or not json_output:
        place = out or Path(f"{tables.plan_name(entry)}.html")
        replace_file(place, page(found).encode())
    if not json_output:
        tell(f"{place}: {found['patients']} patients, {len(found['hospitals'])} {found['sites']}")


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
