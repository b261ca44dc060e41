"""The line-up: every strategy in `reimplementations/`, and those of installed packages (`chainward.strategies`)."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from chainward.errors import ChainwardError, UnknownName
from chainward.folders import REIMPLEMENTATIONS
from chainward.strategy import Strategy
from chainward.strategy.claims import Claim
from chainward.strategy.claims import read as read_claims

GROUP = "chainward.strategies"
FLOWER = "flwr:"


def keys() -> tuple[str, ...]:
    """Return the keys of all strategies, ours in order of the listing, then installed ones."""
    own = sorted(path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py"))
    return (*own, *sorted(entry_points(group=GROUP).names - set(own)))


@cache
def load(key: str) -> type[Strategy[Any]]:
    """Return the class of a strategy.

    Raises:
        UnknownName: no strategy has this key; the message offers the closest.
        ChainwardError: its file or package does not hold exactly one complete strategy of this key.
    """
    path = REIMPLEMENTATIONS / f"{key}.py"
    if key.startswith(FLOWER):
        return _load_stock(key)
    if path.is_file() and not key.startswith("_"):
        found: Any = _only_strategy(_import(path), key)
    elif installed := entry_points(group=GROUP, name=key):
        found = _load_installed(installed)
    else:
        raise UnknownName(f"no strategy is called {key!r}{_suggest(key)}; see `chainward list strategies`")
    if not (inspect.isclass(found) and issubclass(found, Strategy) and getattr(found, "card", None)):
        raise ChainwardError(f"strategy {key!r} is not a Strategy with a card")
    if found.card.key != key:
        raise ChainwardError(f"strategy {key!r} calls itself {found.card.key!r} on its card; make the two equal")
    return found


def build(key: str, params: Mapping[str, Any]) -> Strategy[Any]:
    """Return a strategy with these hyper-parameters.

    Raises:
        ChainwardError: a parameter is unknown or has a wrong type; the message names it.
    """
    from pydantic import ValidationError

    kind = load(key)
    known = [field.name for field in dataclasses.fields(kind)]
    for name in params:
        if name not in known:
            raise ChainwardError(f"strategy {key}: no parameter {name!r}; it has {', '.join(known) or 'none'}")
    try:
        strategy: Strategy[Any] = _adapter(kind).validate_python(dict(params))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "parameters"
        raise ChainwardError(f"strategy {key}: {where}: {first['msg']}") from None
    return strategy


def source(kind: type[Strategy[Any]]) -> Path | None:
    """Return the file a strategy is written in, none for one that was typed in (a notebook's)."""
    try:
        return Path(inspect.getfile(kind))
    except (OSError, TypeError):
        return None


def artifact_folders(kind: type[Strategy[Any]]) -> tuple[Path, ...]:
    """Return where a strategy keeps contracts of its own: `artifacts/` beside its file."""
    file = source(kind)
    folder = file.parent / "artifacts" if file else None
    return (folder,) if folder and folder.is_dir() else ()


def claims(kind: type[Strategy[Any]]) -> tuple[Claim, ...]:
    """Return the claims of a strategy's paper, from the TOML beside its file; none without that file.

    Raises:
        ChainwardError: the TOML is broken or a claim in it wrong; the message names file and field.
    """
    file = source(kind)
    return read_claims(file.with_suffix(".toml")) if file else ()


@cache
def _adapter(kind: type[Strategy[Any]]) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _load_stock(key: str) -> type[Strategy[Any]]:
    """One of Flower's own strategies, by its class name."""
    try:
        from chainward.strategy.flower import stock
    except ImportError:
        raise ChainwardError(f"strategy {key!r} needs Flower: pip install 'chainward[flower]'") from None
    return stock.load(key)


def _load_installed(entries: EntryPoints) -> Any:
    entry, *others = {found.value: found for found in entries}.values()
    if others:
        raise ChainwardError(
            f"two installed packages have a strategy {entry.name!r}: {entry.value} and {others[0].value}; uninstall one"
        )
    try:
        return entry.load()
    except Exception as error:
        raise ChainwardError(f"strategy {entry.name!r} of {entry.value} cannot be imported: {error}") from error


def _import(path: Path) -> ModuleType:
    name = f"reimplementations.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ChainwardError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if isinstance(error, ChainwardError):  # its words are wrong, and the message says where
            raise
        raise ChainwardError(f"{path.name} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _only_strategy(module: ModuleType, key: str) -> Any:
    found = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Strategy) and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ChainwardError(f"{key}.py holds {len(found)} strategies; one paper is one file with one strategy")
    return found[0]


def _suggest(key: str) -> str:
    close = difflib.get_close_matches(key, keys(), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
