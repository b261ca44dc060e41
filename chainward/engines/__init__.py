"""Where local work runs; one module an engine, which offers `build(sites, strategy, options) -> Engine`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainward.errors import ChainwardError, UnknownName
from chainward.names import quoted

if TYPE_CHECKING:
    from chainward.engines.local.sites import Sites
    from chainward.strategy import Strategy
    from chainward.world import Engine

_MODULES = {
    "cohort": "local.cohort",
    "lightning": "local.lightning",
    "flower-simulation": "flower.simulation",
    "flower-deployment": "flower.deployment.engine",
}
ENGINES = {
    "cohort": "all hospitals at once along one leading axis, in process",
    "lightning": "each hospital by a pytorch_lightning.Trainer, one after another",
    "flower-simulation": "each hospital a node of Flower's simulation on Ray",
    "flower-deployment": "each hospital a Flower SuperNode, a process of its own, under a SuperLink",
}


def load(name: str) -> ModuleType:
    """Return the module of the engine called `name`.

    Raises:
        UnknownName: there is none.
        ChainwardError: it needs a package that is not installed.
    """
    if name not in ENGINES:
        raise UnknownName(f"no engine is called {quoted(name)}; there is {', '.join(ENGINES)}")
    try:
        return import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        extra = name.partition("-")[0]
        raise ChainwardError(f"{name} needs {error.name}: pip install 'chainward[{extra}]'") from None


def build(name: str, sites: Sites, strategy: Strategy[Any], options: Mapping[str, Any]) -> Engine:
    """Return the engine called `name` over these sites; one outside this process has its own copy of `strategy`."""
    engine: Engine = load(name).build(sites, strategy, options)
    return engine


def lightning_trainer(*arguments: Any) -> Any:
    """Train by `pytorch_lightning`, imported only when something is trained that way."""
    from chainward.engines.local.lightning import train

    return train(*arguments)
