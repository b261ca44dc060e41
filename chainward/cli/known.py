"""What there is to say about tasks and sources of data without reading any data."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainward.tasks.base import Task
    from chainward.tasks.sources import Source


def required(kind: type[Task]) -> tuple[str, ...]:
    """Return the parameters that a task cannot do without."""
    return tuple(field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING)


def lacking(key: str) -> str | None:
    """Return None when a task's data are here, else one line on what to fetch, or on what to tell it.

    Raises:
        ChainwardError: an installed package holds no complete task of this key.
    """
    from chainward import tasks

    if missing := required(tasks.kind(key)):
        return f"reads data of your own: give it {', '.join(missing)}"
    return tasks.load(key).requires()


def task_rows() -> list[dict[str, Any]]:
    """Return a row a task: what it is, what its data hold with the parameters as they are, and what is lacking."""
    from chainward import plugins, tasks
    from chainward.errors import ChainwardError

    rows = []
    for key in tasks.names():
        try:
            kind = tasks.kind(key)
            rows.append({"key": key, **_row(kind, lacking(key)), "package": _package(key, kind)})
        except ChainwardError as error:
            found = plugins.entries(tasks.GROUP, key)
            told = {"title": f"cannot be loaded: {error}", "package": plugins.package_of(found[0]) if found else None}
            rows.append({"key": key, **dict.fromkeys(_FIELDS), "required": [], "present": False, **told})
    return rows


def _package(key: str, kind: type[Task]) -> str | None:
    """The package that brings a task which is none of ours."""
    from chainward import plugins, tasks

    top = kind.__module__.partition(".")[0]
    found = [entry for entry in plugins.entries(tasks.GROUP, key) if entry.module.partition(".")[0] == top]
    return plugins.package_of(found[0]) if found else None


_FIELDS = (
    *("title", "outcome", "patients", "hospitals", "prevalence", "reference", "sites", "licence", "citation"),
    *("source", "url", "required", "present", "needs"),
)


def _row(kind: type[Task], needs: str | None) -> dict[str, Any]:
    known, source = kind.expected, kind.source
    reference = None if known is None or known.auroc is None else {"auroc": known.auroc, "within": known.within}
    return {
        "title": kind.title,
        "outcome": kind.outcome,
        "patients": known and known.patients,
        "hospitals": known and known.hospitals,
        "prevalence": known and known.prevalence,
        "reference": reference,
        "sites": kind.sites,
        "licence": kind.licence,
        "citation": kind.citation,
        "source": source and source.name,
        "url": source and source.url,
        "required": list(required(kind)),
        "present": needs is None,
        "needs": needs,
    }


def sources() -> dict[str, Source]:
    """Return every source of data by its name: those that tasks name, and others that stand in a module beside them."""
    from chainward.tasks.sources import Source

    found: dict[str, Source] = {}
    for kind in _kinds().values():
        package = kind.__module__.rpartition(".")[0] or kind.__module__
        modules = [module for name, module in list(sys.modules.items()) if f"{name}.".startswith(f"{package}.")]
        beside = [thing for module in modules for thing in vars(module).values() if isinstance(thing, Source)]
        for source in [*([kind.source] if kind.source else []), *beside]:
            found.setdefault(source.name, source)
    return dict(sorted(found.items()))


def source(name: str) -> Source:
    """Return the source called `name`, or the one that the task `name` needs.

    Raises:
        ChainwardError: there is none of that name, or the task needs none.
    """
    from chainward import tasks
    from chainward.errors import ChainwardError, UnknownName
    from chainward.names import quoted

    known = sources()
    if name in known:
        return known[name]
    if name not in tasks.names():
        raise UnknownName(f"no source of data is called {quoted(name)}; there is {', '.join(known)}")
    found = tasks.kind(name).source
    if found is None:
        raise ChainwardError(f"task {name}: {lacking(name) or 'its data are here, there is nothing to get'}")
    return found


def tasks_of(source: Source) -> tuple[str, ...]:
    """Return the tasks that need a source and nothing else."""
    return tuple(
        key for key, kind in _kinds().items() if kind.source and kind.source.name == source.name and not required(kind)
    )


def _kinds() -> dict[str, type[Task]]:
    """The classes of all tasks that can be loaded."""
    from chainward import tasks
    from chainward.errors import ChainwardError

    found = {}
    for key in tasks.names():
        with suppress(ChainwardError):
            found[key] = tasks.kind(key)
    return found
