"""Where contracts run; one module a ledger. A ledger module offers `build(params, seed, folders) -> Ledger`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainward.errors import UnknownName
from chainward.names import quoted

if TYPE_CHECKING:
    from chainward.world import Ledger

LEDGERS = {
    "evm": "revm in process, Cancun rules, blocks on the virtual clock",
    "brownie": "a node through Brownie: a local anvil, a private chain by its URL, or a public test network",
}


def load(name: str) -> ModuleType:
    """Return the module of the ledger called `name`.

    Raises:
        UnknownName: there is none.
    """
    if name not in LEDGERS:
        raise UnknownName(f"no ledger is called {quoted(name)}; there is {', '.join(LEDGERS)}")
    return import_module(f"{__name__}.{name}")


def build(name: str, params: Mapping[str, Any], seed: int, folders: tuple[Path, ...]) -> Ledger:
    """Return a fresh ledger called `name`; `folders` hold contracts besides chainward's own.

    Raises:
        UnknownName: there is none.
        ChainwardError: a parameter is unknown.
    """
    ledger: Ledger = load(name).build(params, seed, folders)
    return ledger
