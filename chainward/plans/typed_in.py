"""What a class that was typed in comes to, as in a notebook: the texts, the values and the modules that its code uses.

A class of a package is the whole package; one that was typed in is what it reaches, since the rest of a notebook is
about something else.
"""

from __future__ import annotations

import ast
import dataclasses
import dis
import hashlib
import inspect
import linecache
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cached_property
from textwrap import dedent
from types import CodeType, FunctionType, ModuleType
from typing import Any, get_args, get_origin

from chainward import codec
from chainward.errors import ChainwardError
from chainward.names import quoted
from chainward.plans import sources
from chainward.strategy import Card

Named = Iterator[tuple[str, Any]]


def is_typed_in(kind: type[Any]) -> bool:
    """Tell whether a class is of a module without a file, as a notebook's."""
    return getattr(sys.modules.get(kind.__module__), "__file__", None) is None


@dataclasses.dataclass(frozen=True)
class Reached:
    """SHA-256, in hex, of each thing that was typed in, by its name; names of modules that are used with them."""

    digests: Mapping[str, str]
    modules: tuple[str, ...]


def reached(kind: type[Any]) -> Reached:
    """Return what a class is made of.

    Raises:
        ChainwardError: the text of something is not at hand, or a value that it uses has no digest.
    """
    digests: dict[str, str] = {}
    modules: dict[str, None] = {}
    seen: dict[int, Any] = {}  # kept, so that no id is given twice
    waiting: list[tuple[str, Any]] = [(kind.__qualname__, kind)]
    while waiting:
        name, thing = waiting.pop()
        if isinstance(thing, ModuleType):
            modules[thing.__name__] = None
        elif isinstance(thing, type | FunctionType) and thing.__module__ != kind.__module__:
            modules[thing.__module__] = None
            digests[name] = _digest(f"{thing.__module__}.{thing.__qualname__}")
            waiting += _closure(name, thing)
        elif isinstance(thing, type | FunctionType):
            if id(thing) not in seen:
                seen[id(thing)] = thing
                text = sources.python(_text(thing).encode())
                digests[name] = text.digest
                modules |= dict.fromkeys(text.imports)
                waiting += _used_by_class(thing) if isinstance(thing, type) else _used_by_function(thing)
        elif not isinstance(thing, Card):  # facts the meter checks, and words
            digests[name], parts = _value(name, thing)
            waiting += parts
    return Reached(digests, tuple(sorted(modules)))


def _used_by_class(kind: type[Any]) -> Named:
    """Bases and their arguments, what stands in the class, and what its functions use."""
    name = kind.__qualname__
    for base in vars(kind).get("__orig_bases__", kind.__bases__):
        parts = (get_origin(base) or base, *get_args(base))
        yield from ((f"{name}: {part.__qualname__}", part) for part in parts if isinstance(part, type))
    for attribute, value in vars(kind).items():
        functions = list(_functions(value))
        for function in functions:
            if _is_written_in(function, kind):
                yield from _used_by_function(function)
            elif not attribute.startswith("__"):  # one of two underscores was made with the class
                yield f"{name}.{attribute}", function
        if not functions and not attribute.startswith(("__", "_abc_", "_member_", "_value2member_")):
            yield f"{name}.{attribute}", value
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if not isinstance(field.type, str):
            yield f"{name}.{field.name}: type", field.type
        if isinstance(field.default_factory, FunctionType):
            yield f"{name}.{field.name}: default", field.default_factory


def _is_written_in(function: FunctionType, kind: type[Any]) -> bool:
    """Whether a function is part of a class statement's text; those that a decorator makes have none."""
    inside = function.__qualname__.startswith(f"{kind.__qualname__}.") and function.__module__ == kind.__module__
    return inside and bool(linecache.getlines(function.__code__.co_filename))


def _used_by_function(function: FunctionType) -> Named:
    """The globals that it loads, what it closes over, and its defaults."""
    for name in _globals(function.__code__):
        if name in function.__globals__:
            yield name, function.__globals__[name]
    yield from _closure(function.__qualname__, function)
    defaults = [*enumerate(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    yield from ((f"{function.__qualname__}: default {name}", value) for name, value in defaults)


def _closure(name: str, thing: Any) -> Named:
    free = getattr(getattr(thing, "__code__", None), "co_freevars", ())
    for variable, cell in zip(free, getattr(thing, "__closure__", None) or (), strict=True):
        if variable != "__class__":
            yield f"{name}: {variable}", cell.cell_contents


def _globals(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals(constant)


def _functions(value: Any) -> Iterator[FunctionType]:
    """The functions that an attribute of a class stands for; none where it is a value."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, property):
        yield from (one for one in (value.fget, value.fset) if isinstance(one, FunctionType))
        return
    if callable(value) and not isinstance(value, type):
        unwrapped = inspect.unwrap(value)
        if isinstance(unwrapped, FunctionType):
            yield unwrapped


def _text(thing: type[Any] | FunctionType) -> str:
    """The text of a class or function, that of a class without methods by what it holds."""
    if isinstance(thing, FunctionType):
        return _of_function(thing)
    functions = (one for value in vars(thing).values() for one in _functions(value))
    if function := next((one for one in functions if _is_written_in(one, thing)), None):
        return _of_class(thing, function.__code__)
    if dataclasses.is_dataclass(thing):
        types = (field.type if isinstance(field.type, str) else "" for field in dataclasses.fields(thing))
        return repr(list(zip((field.name for field in dataclasses.fields(thing)), types, strict=True)))
    if issubclass(thing, Enum):
        return repr([(name, member.value) for name, member in thing.__members__.items()])
    raise _no_text(thing)


def _of_class(kind: type[Any], method: CodeType) -> str:
    """The class statement around a method, with its decorators."""
    text, line = "".join(linecache.getlines(method.co_filename)), method.co_firstlineno
    statements = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef))
    named = (node for node in statements if node.name == kind.__name__)
    around = [node for node in named if node.lineno <= line <= (node.end_lineno or 0)]
    if not around:
        raise _no_text(kind)
    return ast.unparse(max(around, key=lambda node: node.lineno))


def _of_function(function: FunctionType) -> str:
    try:
        return dedent(inspect.getsource(function))
    except (OSError, TypeError):
        raise _no_text(function) from None


def _value(name: str, value: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The digest of a value without what it holds of others, and those."""
    kind = type(value)
    if isinstance(value, Enum):
        return _digest(f"{kind.__qualname__}.{value.name}"), [(f"{name}: class", kind)]
    if dataclasses.is_dataclass(value):
        fields = [(f"{name}.{field.name}", getattr(value, field.name)) for field in dataclasses.fields(value)]
        return _digest(kind.__qualname__), [(f"{name}: class", kind), *fields]
    if origin := get_origin(value):
        return _digest(str(origin)), [(f"{name}[{place}]", part) for place, part in enumerate(get_args(value))]
    if isinstance(value, Mapping):
        return _digest(repr(list(map(str, value)))), [(f"{name}[{key!s}]", item) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return _digest(str(len(value))), [(f"{name}[{place}]", item) for place, item in enumerate(value)]
    try:
        return hashlib.sha256(codec.encode(value)).hexdigest(), []
    except Exception:
        if kind.__module__ == "typing" or value is ... or hasattr(value, "__qualname__"):  # also a function of C
            return _digest(str(getattr(value, "__qualname__", value))), []
    raise ChainwardError(
        f"{quoted(name)} is of type {kind.__name__}, which has no digest, so no record could say what was run; make "
        "it text, a number, an array or a mapping, or put it into a module beside the notebook"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _no_text(thing: Any) -> ChainwardError:
    return ChainwardError(
        f"{quoted(thing.__qualname__)}: its text is not at hand, so no record could say what was run; type it "
        "into a cell of a notebook, or put it into a module"
    )
