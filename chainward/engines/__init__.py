"""Where local work runs; one module an engine. An engine module offers `build(sites) -> Engine`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainward.errors import UnknownName

if TYPE_CHECKING:
    from chainward.engines.sites import Sites
    from chainward.world import Engine

ENGINES = {
    "cohort": "all hospitals at once along one leading axis, in process",
    "lightning": "each hospital by a pytorch_lightning.Trainer, one after another",
}


def build(name: str, sites: Sites) -> Engine:
    """Return the engine called `name` over these sites.

    Raises:
        UnknownName: there is none.
    """
    if name not in ENGINES:
        raise UnknownName(f"no engine is called {name!r}; there is {', '.join(ENGINES)}")
    engine: Engine = import_module(f"chainward.engines.{name}").build(sites)
    return engine


def lightning_trainer(*arguments: Any) -> Any:
    """Train by `pytorch_lightning`, imported only when something is trained that way."""
    from chainward.engines.lightning import train

    return train(*arguments)
