"""Looking at data that are here: whether files are the published ones, and whether tasks can read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainward.tasks.sources import Source

Row = dict[str, Any]


def verified(source: Source, wanted: bool) -> Iterator[Row]:
    """Yield a row a file of a source, and one a task that can read it; one alone where nothing is here or `wanted`."""
    from chainward.cli.known import tasks_of
    from chainward.tasks.copies import copies

    elsewhere = _elsewhere(source)
    found = copies(replace(source, folder=elsewhere[:-1]) if elsewhere and elsewhere.endswith("/") else source)
    tasks = [_read(source, key) for key in tasks_of(source)]
    read = any(row["status"] != "missing" for row in tasks)
    if not (wanted or read) and (elsewhere or all(copy.status == "missing" for copy in found)):
        got = source.credentialed or f"run `chainward data get {source.name}`"
        lacks = f"{elsewhere} is here, but not all that its tasks read: {tasks[0]['detail']}" if elsewhere else None
        yield _told(source, "", "note", lacks or f"not here: {got}")
        return
    spare = bool(tasks) and all(row["status"] != "missing" for row in tasks)
    for copy in found:
        status = "note" if copy.status == "missing" and spare else copy.status
        lies = f"read from {elsewhere}" if elsewhere else "no task lacks it"
        detail = f"{copy.detail}; {lies}" if status == "note" else copy.detail
        yield _told(source, copy.name, status, f"{copy.place}: {detail}".rstrip(": ") if copy.place else detail)
    yield from tasks


def _elsewhere(source: Source) -> str | None:
    """Where tasks read data from that do not lie in the folder of their source."""
    from chainward import tasks
    from chainward.cli.known import tasks_of

    return next(filter(None, (tasks.load(key).read_from() for key in tasks_of(source))), None)


def sound(rows: Iterable[Row]) -> bool:
    """Tell whether nothing is changed, unreadable or missing beside what is here."""
    return all(row["status"] in ("ok", "note") for row in rows)


def _told(source: Source, what: str, status: str, detail: str) -> Row:
    return {"source": source.name, "what": what, "status": status, "detail": detail}


def _read(source: Source, key: str) -> Row:
    """Whether a task can be read, or the file and column that keep it from that."""
    from chainward import tasks
    from chainward.errors import ChainwardError

    try:
        task = tasks.load(key)
        if lacking := task.requires():
            return _told(source, f"task {key}", "missing", lacking)
        cohort = task.cohort()
    except ChainwardError as error:
        return _told(source, f"task {key}", "unreadable", str(error))
    out = f", {cohort.rows - len(cohort):,} of {cohort.rows:,} rows excluded" if cohort.rows > len(cohort) else ""
    place = f", read from {elsewhere}" if (elsewhere := task.read_from()) else ""
    return _told(source, f"task {key}", "ok", f"{len(cohort):,} rows of {len(cohort.names)} {task.sites}{out}{place}")


def parameters(pairs: Sequence[str]) -> Row:
    """Read NAME=VALUE, the value as JSON where it is some, else as text.

    Raises:
        ChainwardError: there is no equals sign.
    """
    from chainward.errors import ChainwardError
    from chainward.names import quoted

    found = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ChainwardError(f"--param {quoted(pair)}: write NAME=VALUE")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
