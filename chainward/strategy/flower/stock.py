"""Flower's own strategies as contestants: `flwr:FedAdam` is driven through its hooks over our world, round by round."""

from __future__ import annotations

import gc
import inspect
import logging
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord
from flwr.serverapp import strategy as flower
from flwr.supercore.task_identity import TaskIdentity

from chainward.codec import fields
from chainward.errors import ChainwardError, UnknownName
from chainward.names import quoted
from chainward.strategy import Audience, Card, Strategy, Vector
from chainward.strategy.flower.grid import WorldGrid
from chainward.world import HospitalAbsent, World

PREFIX = "flwr:"
_PLAIN = (bool, int, float, str)


@dataclass(frozen=True)
class State:
    """The global weights [P], and what the Flower object keeps on itself, as canonical values."""

    weights: Vector
    kept: Mapping[str, Any]


@dataclass(frozen=True)
class Stock(Strategy[State]):
    """Any strategy of Flower's: every round a fresh object is given what the last one kept.

    So nothing is kept here, and a trial resumes from plain arrays. They draw nodes with the global `random`, which is
    seeded by (seed, round) for the time of the round.
    """

    stock: ClassVar[type[Any]]

    def open(self, world: World) -> State:
        """Start from the task's first weights."""
        return State(world.initial_weights(), {})

    def round(self, state: State, world: World) -> State:
        """One round as in Flower's `start`: train, aggregate, evaluate, aggregate."""
        strategy, grid = self._object(state.kept), WorldGrid(world)
        arrays = ArrayRecord([np.array(state.weights)])
        try:
            with _surroundings(f"{world.seed}/{world.round}"):
                sent = strategy.configure_train(world.round, arrays, ConfigRecord(), grid)
                merged, _ = strategy.aggregate_train(world.round, grid.send_and_receive(sent))
                arrays = arrays if merged is None else merged
                sent = strategy.configure_evaluate(world.round, arrays, ConfigRecord(), grid)
                strategy.aggregate_evaluate(world.round, grid.send_and_receive(sent))
        except HospitalAbsent:
            raise
        except Exception as error:  # whatever Flower's object cannot do here, the trial says whose mistake it is
            raise ChainwardError(f"{self.card.key}: {error}") from error
        (weights,) = arrays.to_numpy_ndarrays()
        return State(weights.astype(np.float32), _kept(strategy, self._object({})))

    def model(self, state: State) -> Vector:
        """The global weights."""
        return state.weights

    def _object(self, kept: Mapping[str, Any]) -> Any:
        with _surroundings(""):  # quiet
            strategy = self.stock(**fields(self))
        for name, value in kept.items():
            setattr(strategy, name, _restored(value))
        return strategy


@contextmanager
def _surroundings(seed: str) -> Iterator[None]:
    """What a Flower strategy finds around it in a run: the global `random`, and a task that its messages belong to.

    Some collect garbage after every hospital: what was there before is no business of theirs.
    """
    before, logger = random.getstate(), logging.getLogger("flwr")
    level = logger.level
    random.seed(seed)
    logger.setLevel(logging.ERROR)
    _belong()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        random.setstate(before)
        logger.setLevel(level)


def _belong() -> None:
    """Make messages possible in a process that is no Flower task; one that is, or runs a simulation, stays as it is."""
    try:
        _ = TaskIdentity.run_id
    except RuntimeError:
        TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 1, 1, 1


def _kept(strategy: Any, fresh: Any) -> dict[str, Any]:
    """What changed on a strategy since it was made; hyper-parameters and functions did not."""
    values = {name: value for name, value in vars(strategy).items() if not callable(value)}
    return {name: _saved(value) for name, value in values.items() if not _same(value, getattr(fresh, name, _same))}


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, (*_PLAIN, type(None))) and type(one) is type(other) and one == other


def _saved(value: Any) -> Any:
    if isinstance(value, ArrayRecord):
        return {"arrays": {name: np.array(array.numpy()) for name, array in value.items()}}
    if isinstance(value, Mapping):
        return {"mapping": {name: _saved(item) for name, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": tuple(_saved(item) for item in value)}
    if isinstance(value, np.ndarray):
        return np.array(value)
    if value is None or isinstance(value, _PLAIN):
        return value
    raise ChainwardError(f"it keeps a {type(value).__name__}, which cannot be saved")


def _restored(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.array(value)
    if not isinstance(value, Mapping):
        return value
    ((sort, content),) = value.items()
    if sort == "list":
        return [_restored(item) for item in content]
    items = {name: _restored(item) for name, item in content.items()}
    return items if sort == "mapping" else ArrayRecord({name: Array(item) for name, item in items.items()})


@cache
def load(key: str) -> type[Stock]:
    """Return the contestant for one of Flower's strategies; its parameters are the plain ones of the class.

    Raises:
        UnknownName: Flower has no such strategy.
        ChainwardError: it needs more than plain parameters.
    """
    name = key.removeprefix(PREFIX)
    found = getattr(flower, name) if name in _names() else None
    if not inspect.isclass(found) or not issubclass(found, flower.Strategy) or inspect.isabstract(found):
        raise UnknownName(f"Flower has no strategy {quoted(name)}; it has {', '.join(_names())}")
    parameters = [*inspect.signature(found, eval_str=True).parameters.values()]
    plain = [one for one in parameters if _is_plain(one.annotation)]
    needed = [one.name for one in parameters if one.default is one.empty and one not in plain]
    if needed:
        raise ChainwardError(f"strategy {key}: it needs {needed[0]!r}, which no plan can hold")
    namespace = {"__module__": __name__, "__doc__": found.__doc__, "card": _card(key, found), "stock": found}
    return make_dataclass(name, [_field(one) for one in plain], bases=(Stock,), frozen=True, namespace=namespace)


def _names() -> list[str]:
    return [name for name in flower.__all__ if name not in ("Strategy", "Result")]


def _is_plain(annotation: Any) -> bool:
    return all(kind in (*_PLAIN, type(None)) for kind in getattr(annotation, "__args__", (annotation,)))


def _field(parameter: inspect.Parameter) -> Any:
    if parameter.default is parameter.empty:
        return parameter.name, parameter.annotation
    return parameter.name, parameter.annotation, field(default=parameter.default)


def _card(key: str, found: type[Any]) -> Card:
    text = inspect.getdoc(found) or ""
    paper = re.search(r"arxiv\.org/\w+/((\d\d)\d\d\.\d{4,5})", text)
    return Card(
        key=key,
        title=text.partition("\n")[0].rstrip("."),
        authors="reference",
        where=f"flwr {version('flwr')}" + (f", arXiv {paper[1]}" if paper else ""),
        year=2000 + int(paper[2]) if paper else 2020,
        family="reference",
        tier="T1",
        summary=f"Flower's own {found.__name__}: a server chooses hospitals, they train, it aggregates. No chain.",
        consensus="none",
        sees_individual_updates=Audience.COORDINATOR,
        raw_records_shared="none",
        spends_gas=False,
        tolerates_absence=True,
        reference=True,
        needs=tuple(f"{name} <= hospitals" for name in inspect.signature(found).parameters if name.startswith("min_")),
        deviations=("Weights are one flat array, so what Flower does layer by layer it does for all weights at once.",),
    )
