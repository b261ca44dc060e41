"""What names a trial: its specification, its patients as split, and the code that can change its figures."""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from chainward.folders import ARTIFACTS, PACKAGE
from chainward.ledgers import consensus
from chainward.plans import sources, typed_in
from chainward.plans.resolve import Resolved
from chainward.plans.specification import Specification
from chainward.strategy import Strategy
from chainward.tasks.base import FederatedDataset, Task

Reader = Callable[[Path], bytes]

# Reached from the code that computes figures, and changing none: what finds things by name, reads words or keeps files.
_APART = {
    *(f"chainward.{name}" for name in ("engines", "errors", "files", "folders", "ledgers", "tasks")),
    *(f"chainward.strategy.{name}" for name in ("card", "claims", "discovery", "paper", "threats")),
    *("chainward.plans.specification", "chainward.trials.checkpoint"),
}
_OURS = ("chainward.", "reimplementations.")
_NO_EFFECT = {".pyc", ".md", ".mjs", ".sol", ".vy"}  # caches, prose, and what contracts are compiled from
_NOT_THEIRS = {"__pycache__", "node_modules"}
_PYTHONS_OWN = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED = {"site-packages", "dist-packages"}


def trial_id(specification: Specification, data_digest: str, code_digest: str) -> str:
    """Return the SHA-256, in hex, that names the record."""
    return _digest({"specification": specification.document(), "data": data_digest, "code": code_digest})


def data_digest(dataset: FederatedDataset) -> str:
    """Return the digest of the patients as split."""
    return dataset.digest


def code_digest(resolved: Resolved, read: Reader = Path.read_bytes) -> str:
    """Return the SHA-256, in hex, over the code that can change the figures of a trial, as `read` finds it.

    That is the trial itself, the engines in this process and its own, its ledger with the model of its consensus, its
    task, and all that these import of chainward; the strategy, its contracts as compiled and, on the track "published",
    its published settings; on "tuned", how its settings are chosen.
    """
    model = resolved.specification.ledger_params.get("consensus", consensus.DEFAULT)
    package = resolved.engine.__name__.rpartition(".")[0].removeprefix("chainward.").split(".")[:2]
    engines = {*_modules(PACKAGE / "engines" / "local"), *_modules(PACKAGE.joinpath(*package))}
    kind, track = type(resolved.strategy), resolved.specification.track
    choice = ("chainward.trials.tuning",) if track == "tuned" else ()
    runs = (*sorted(engines), resolved.ledger.__name__, consensus.module(model), *choice)
    # What a cell of a notebook assigns may change between two runs, and nobody tells: it is looked up each time.
    typed = tuple(_typed_in(kind, read).items()) if typed_in.is_typed_in(kind) else None
    return _code(kind, type(resolved.task), runs, resolved.contracts, track == "published", read, typed)


@cache
def _code(
    kind: type[Strategy[Any]],
    task: type[Task],
    runs: tuple[str, ...],
    folders: tuple[Path, ...],
    published: bool,
    read: Reader,
    typed: tuple[tuple[str, str], ...] | None,
) -> str:
    parts = {
        "trial": _reached(["chainward.trials.run", *runs], read),
        "strategy": _reached_from(kind, read) if typed is None else dict(typed),
        "task": _reached_from(task, read),
        "contracts": {name: _contract(name, folders, read) for name in kind.card.contracts},
        "published": dict(kind.card.published) if published else {},
    }
    return _digest(parts)


def _reached_from(kind: type[Any], read: Reader) -> dict[str, str]:
    """What a strategy or task is made of: our own, its file; another's, the whole package that it lives in."""
    return _typed_in(kind, read) if typed_in.is_typed_in(kind) else _with_imports(_files_of(kind.__module__), read)


def _files_of(module: str) -> dict[str, Path]:
    """The files of a module: our own, that one; another's, those of its package."""
    found = sys.modules[module]
    if module.startswith(_OURS):
        path = Path(str(found.__file__))
        return {path.name: path}
    return dict(_files(sys.modules[module.partition(".")[0]]))


def _typed_in(kind: type[Any], read: Reader) -> dict[str, str]:
    """What a class without a file reaches: what was typed in with it, and modules that are not of an installation."""
    found = typed_in.reached(kind)
    beside = {name: path for module in found.modules if _is_beside(module) for name, path in _files_of(module).items()}
    names = ["chainward.strategy", "chainward.world", *found.modules]
    return dict(found.digests) | _with_imports(beside, read) | _reached(names, read)


def _is_beside(module: str) -> bool:
    """Whether a module is a paper of the line-up, or a file of the user's own: neither Python's, installed nor ours."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None or module.startswith("chainward."):
        return False
    installed = _INSTALLED.intersection(Path(path).parts) or any(map(Path(path).is_relative_to, _PYTHONS_OWN))
    return module.startswith(_OURS) or not installed


def _files(package: ModuleType) -> Iterator[tuple[str, Path]]:
    """The files of a package, or of a module that stands alone, by their place in it."""
    folders = [Path(folder) for folder in getattr(package, "__path__", ())]
    if not folders:
        yield str(package.__file__ and Path(package.__file__).name), Path(str(package.__file__))
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder)
            left_out = _NOT_THEIRS.intersection(place.parts) or any(part.startswith(".") for part in place.parts)
            if path.is_file() and not left_out and path.suffix not in _NO_EFFECT and not _is_words(path):
                yield place.as_posix(), path


def _is_words(path: Path) -> bool:
    """The TOML beside a paper's file: its words and claims."""
    return path.suffix == ".toml" and path.with_suffix(".py").is_file()


def _with_imports(files: Mapping[str, Path], read: Reader) -> dict[str, str]:
    """The digest of each file, and of all that the Python among them reaches in chainward."""
    code = {name: sources.python(read(path)) for name, path in files.items() if path.suffix == ".py"}
    rest = {name: sources.artifact(read(path)) for name, path in files.items() if path.suffix != ".py"}
    names = [name for source in code.values() for name in source.imports]
    return {name: source.digest for name, source in code.items()} | rest | _reached(names, read)


def _reached(names: Iterable[str], read: Reader) -> dict[str, str]:
    """The digest of every module of chainward among these names, and of those they import in turn."""
    found: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if path is None or name in found or name in _APART or name.startswith("chainward.results"):
            continue
        source = sources.python(read(path))
        found[name] = source.digest
        waiting += source.imports
    return found


def _contract(name: str, folders: tuple[Path, ...], read: Reader) -> str | None:
    """The digest of a compiled contract, none where there is none: the trial then says so."""
    paths = (folder / f"{name}.json" for folder in (*folders, ARTIFACTS))
    return next((sources.artifact(read(path)) for path in paths if path.is_file()), None)


@cache
def _path(name: str) -> Path | None:
    """The file of a module of chainward, none for any other name."""
    top, *parts = name.split(".")
    place = PACKAGE.joinpath(*parts)
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py") if top == "chainward" and parts else ()
    return next((path for path in candidates if path.is_file()), None)


@cache
def _modules(folder: Path) -> tuple[str, ...]:
    """The names of all modules of chainward below a folder."""
    paths = (path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(folder.rglob("*.py")))
    return tuple(".".join(path.parts).removesuffix(".__init__") for path in paths)


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
