"""EHR tasks, one file a source. A module here that defines a `Task` whose key is the module's name is a task."""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chainward.errors import BadParameter, UnknownName
from chainward.names import LONGEST, quoted
from chainward.tasks.base import Task


class UnknownTask(UnknownName):
    """No file of this folder defines a task of that name."""


@cache
def _listing() -> dict[str, type[Task]]:
    modules = {info.name: import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)}
    return {
        name: thing
        for name, module in sorted(modules.items())
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Task) and getattr(thing, "key", None) == name
    }


@cache
def _adapter(task: type[Task]) -> TypeAdapter[Task]:
    return TypeAdapter(task)


def names() -> tuple[str, ...]:
    """The keys of all tasks, in alphabetical order."""
    return tuple(_listing())


def load(key: str, **params: Any) -> Task:
    """The task `key` with its fields set to `params`.

    Raises UnknownTask with the nearest name, BadParameter naming the task and the field; both are ValueErrors.
    """
    task = _listing().get(key)
    if task is None:
        raise UnknownTask(f"no task {quoted(key)}: {_nearest(key, names())}")
    known = [field.name for field in fields(task)]
    for field in sorted(params.keys() - set(known)):
        raise BadParameter(f"task {key!r} has no parameter {quoted(field)}: {_nearest(field, known)}")
    try:
        # Strictly typed, and by way of JSON: a strict adapter takes no Python mapping for a dataclass.
        return _adapter(task).validate_json(to_json(params), strict=True)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        if not field:  # what the fields are together
            raise BadParameter(f"task {key!r}: {first['msg'].removeprefix('Value error, ')}") from failure
        told = f"{first['msg']}, not {quoted(first['input'])}"
        raise BadParameter(f"task {key!r}, parameter {field!r}: {told}") from failure


def _nearest(name: str, known: Sequence[str]) -> str:
    if not known:
        return "it has none"
    near = get_close_matches(name[:LONGEST], known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
