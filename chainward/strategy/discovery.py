"""The line-up: every strategy in `reimplementations/`, and those of installed packages (`chainward.strategies`)."""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import inspect
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from chainward import plugins
from chainward.errors import ChainwardError, UnknownName
from chainward.folders import REIMPLEMENTATIONS
from chainward.names import LONGEST, is_identifier, is_key, is_package, quoted
from chainward.strategy import Strategy
from chainward.strategy.claims import Claim
from chainward.strategy.claims import read as read_claims
from chainward.strategy.threats import Threat
from chainward.strategy.threats import read as read_threats

GROUP = "chainward.strategies"
FLOWER = "flwr:"
TREES = "FedXgb"
"""How Flower calls its strategies for boosted trees."""


def keys() -> tuple[str, ...]:
    """Return the keys of all strategies, ours in order of the listing, then installed ones."""
    own = sorted(path.stem for path in REIMPLEMENTATIONS.glob("[!_]*.py"))
    return (*own, *sorted(plugins.keys(GROUP) - set(own)))


_GIVEN: dict[str, type[Strategy[Any]]] = {}


@contextmanager
def beside(kinds: Iterable[type[Strategy[Any]]]) -> Iterator[None]:
    """Have `load` find these classes too while inside, such as those that were typed into a notebook.

    Raises:
        ChainwardError: one is no complete strategy, or its key is another's already.
    """
    try:
        for kind in kinds:
            _give(kind)
        yield
    finally:
        _GIVEN.clear()
        load.cache_clear()


def _give(kind: type[Strategy[Any]]) -> None:
    key = getattr(getattr(kind, "card", None), "key", kind.__name__)
    found = _checked(kind, key)
    if not is_key(key):
        raise ChainwardError(f"strategy {found.__name__}: its card has the key {quoted(key)}; write an identifier")
    if key in keys() or _GIVEN.get(key, kind) is not kind:
        raise ChainwardError(f"strategy {found.__name__}: another has its key {key!r} too; give its card its own")
    _GIVEN[key] = kind


@cache
def load(name: str) -> type[Strategy[Any]]:
    """Return the class of a strategy, by its key, by `package:key` for one that is installed, or by `flwr:CLASS`.

    A key alone is that of the line-up first; see `refuse_clashes`.

    Raises:
        UnknownName: no strategy has this name; the message offers the closest. A name is never a path or a module.
        ChainwardError: its file or package does not hold exactly one complete strategy of this key.
    """
    if name in _GIVEN:
        return _GIVEN[name]
    package, colon, key = name.rpartition(":")
    if f"{package}:" == FLOWER and is_identifier(key):
        return _load_stock(name)
    if not is_key(key) or (colon and not is_package(package)):
        raise _unknown(name)
    if is_ours(name):
        found: Any = _only_strategy(_import(REIMPLEMENTATIONS / f"{key}.py"), key)
    elif installed := plugins.entries(GROUP, key, package):
        found = plugins.load(installed, "strategy")
    else:
        raise _unknown(name)
    return _checked(found, key)


def is_ours(name: str) -> bool:
    """Tell whether a name is that of a file of the line-up: its key, alone or as `chainward:key`."""
    key = name.removeprefix(f"{plugins.OURS}:")
    return is_key(key) and (REIMPLEMENTATIONS / f"{key}.py").is_file()


def refuse_clashes(names: Iterable[str]) -> None:
    """Refuse a key that stands alone where it is that of the line-up and of an installed package.

    Raises:
        ChainwardError: one is; the message names both and how each is written.
    """
    for key in sorted(plugins.keys(GROUP) & set(names)):
        if is_ours(key):
            plugins.refuse_clash(GROUP, key, "strategy")


def name_of(kind: type[Strategy[Any]]) -> str:
    """Return the name by which `load` finds a class again: its key, unless another strategy goes by that."""
    key = kind.card.key
    for name in (key, *(f"{plugins.package_of(entry)}:{key}" for entry in plugins.entries(GROUP, key))):
        with suppress(ChainwardError):
            if load(name) is kind:
                return name
    return key


def build(name: str, params: Mapping[str, Any]) -> Strategy[Any]:
    """Return a strategy with these hyper-parameters.

    Raises:
        ChainwardError: a parameter is unknown, has a wrong type or no place in the strategy; the message names it.
    """
    from pydantic import ValidationError

    kind = load(name)
    known = [field.name for field in dataclasses.fields(kind)]
    for field, value in params.items():
        if field not in known:
            raise ChainwardError(f"strategy {name}: no parameter {quoted(field)}; it has {', '.join(known) or 'none'}")
        if isinstance(value, float) and math.isnan(value):  # an endless epsilon is no noise, say; NaN is nothing
            raise ChainwardError(f"strategy {name}: {field}: must be a number, not NaN")
    try:
        strategy: Strategy[Any] = _adapter(kind).validate_python(dict(params))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or ", ".join(params) or "parameters"
        raise ChainwardError(f"strategy {name}: {where}: {first['msg'].removeprefix('Value error, ')}") from None
    except Exception as error:  # its own code, which any values may surprise
        where = ", ".join(params) or "parameters"
        raise ChainwardError(f"strategy {name}: {where}: {type(error).__name__}: {error}") from error
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


def threats(kind: type[Strategy[Any]]) -> tuple[Threat, ...]:
    """Return what was tried against a strategy's paper, from the TOML beside its file; none without that file.

    Raises:
        ChainwardError: the TOML is broken or a threat in it wrong; the message names file and field.
    """
    file = source(kind)
    return read_threats(file.with_suffix(".toml")) if file and file.with_suffix(".toml").exists() else ()


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
    found = stock.load(key)
    if found.__name__.startswith(TREES):
        raise ChainwardError(
            f"strategy {key}: it merges boosted trees, which hospitals here do not train; take another"
        )
    return found


def _checked(found: Any, key: str) -> type[Strategy[Any]]:
    if not (inspect.isclass(found) and issubclass(found, Strategy) and getattr(found, "card", None)):
        raise ChainwardError(f"strategy {key!r} is not a Strategy with a card")
    if found.card.key != key:
        raise ChainwardError(f"strategy {key!r} calls itself {found.card.key!r} on its card; make the two equal")
    for contract in found.card.contracts:
        if not is_identifier(contract):
            raise ChainwardError(f"strategy {key!r}: its card names a contract {quoted(contract)}; write an identifier")
    return found


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


def _unknown(name: str) -> UnknownName:
    close = difflib.get_close_matches(name[:LONGEST], keys(), n=1)
    suggestion = f"; did you mean {close[0]!r}?" if close else ""
    return UnknownName(f"no strategy is called {quoted(name)}{suggestion}; see `chainward list strategies`")
