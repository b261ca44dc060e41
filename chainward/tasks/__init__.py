"""EHR tasks, one file a source, and those of installed packages (entry-point group `chainward.tasks`).

A module here that defines a `Task` whose key is the module's name is a task.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import isabstract, isclass
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chainward import plugins
from chainward.errors import BadParameter, ChainwardError, UnknownName
from chainward.names import LONGEST, is_key, is_package, quoted
from chainward.tasks.base import Task

GROUP = "chainward.tasks"


class UnknownTask(UnknownName):
    """No file of this folder and no installed package defines a task of that name."""


@cache
def _modules() -> dict[str, ModuleType]:
    return {info.name: import_module(f"{__name__}.{info.name}") for info in iter_modules(__path__)}


@cache
def _listing() -> dict[str, type[Task]]:
    return {
        name: thing
        for name, module in sorted(_modules().items())
        for thing in vars(module).values()
        if isclass(thing) and issubclass(thing, Task) and getattr(thing, "key", None) == name
    }


def problems() -> dict[str, str]:
    """Why a module here that defines a task is none, by the module's name, and by the key that it gives its task."""
    told: dict[str, str] = {}
    for name, module in _modules().items():
        own = [thing for thing in vars(module).values() if _is_own(thing, module)]
        for thing in own if name not in _listing() else ():
            key = getattr(thing, "key", None)
            given = "has no key" if key is None else f"has the key {key!r}"
            reason = f'tasks/{name}.py defines {thing.__name__}, which {given}; write key = "{name}", the file\'s name'
            told |= dict.fromkeys([name, *([key] if isinstance(key, str) else [])], reason)
    return told


def _is_own(thing: Any, module: ModuleType) -> bool:
    own = isclass(thing) and issubclass(thing, Task) and thing.__module__ == module.__name__
    return own and not isabstract(thing)


@cache
def _adapter(task: type[Task]) -> TypeAdapter[Task]:
    return TypeAdapter(task)


def names() -> tuple[str, ...]:
    """The keys of all tasks: ours in alphabetical order, then installed ones."""
    return (*_listing(), *sorted(plugins.keys(GROUP) - _listing().keys()))


def kind(name: str) -> type[Task]:
    """The class of a task, by its key, or by `package:key` for one that is installed.

    Raises:
        UnknownTask: there is none; the message says why, or gives the nearest name.
        ChainwardError: an installed package does not hold a complete task of this key.
    """
    package, colon, key = name.rpartition(":")
    if not is_key(key) or (colon and not is_package(package)):
        raise UnknownTask(f"no task {quoted(name)}: {_nearest(name, names())}")
    if package in ("", plugins.OURS) and key in _listing():
        return _listing()[key]
    installed = plugins.entries(GROUP, key, package)
    if not installed:
        raise UnknownTask(f"no task {quoted(name)}: {problems().get(name) or _nearest(name, names())}")
    return _checked(plugins.load(installed, "task"), key)


def refuse_clashes(keys: Iterable[str]) -> None:
    """Refuse a key that stands alone where it is that of a task of ours and of an installed package.

    Raises:
        ChainwardError: one is; the message names both and how each is written.
    """
    for key in sorted(plugins.keys(GROUP) & set(keys) & _listing().keys()):
        plugins.refuse_clash(GROUP, key, "task")


def load(key: str, **params: Any) -> Task:
    """The task `key` with its fields set to `params`.

    Raises UnknownTask with the nearest name, BadParameter naming the task and the field; both are ValueErrors.
    """
    task = kind(key)
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


_NEEDED = ("title", "outcome", "citation", "licence", "training", "rounds")


def _checked(found: Any, key: str) -> type[Task]:
    if not (isclass(found) and issubclass(found, Task)) or isabstract(found):
        raise ChainwardError(
            f"task {key!r} is no complete Task; derive a frozen dataclass from chainward.tasks.base.Task"
        )
    if getattr(found, "key", None) != key:
        raise ChainwardError(f"task {key!r} calls itself {getattr(found, 'key', None)!r}; make the two equal")
    for name in _NEEDED:
        if not hasattr(found, name):
            raise ChainwardError(f"task {key!r} has no {name}; give its class one")
    return found


def _nearest(name: str, known: Sequence[str]) -> str:
    if not known:
        return "it has none"
    near = get_close_matches(name[:LONGEST], known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}"
