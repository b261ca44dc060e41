"""Trials on two engines side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from chainward.testing.small import dataset, small
from chainward.trials.prepare import EngineBuilder, Trial, prepare
from chainward.world import Held, Receipt


@dataclass
class Run:
    """What one trial came to: models, canonical bytes and disclosures after each round, receipts, memories, and the
    ids of what was published."""

    models: list[list[np.ndarray]]
    meters: list[Any]
    receipts: list[Receipt]
    memories: Mapping[str, Any]
    contents: frozenset[str] = frozenset()

    @property
    def gas(self) -> int:
        return sum(receipt.gas for receipt in self.receipts)


def prepared(key: str, engine: str, task: str = "heart", build: EngineBuilder | None = None, **overrides: Any) -> Trial:
    specification = small(key, task, engine=engine, **overrides)
    return prepare(specification, dataset(specification), "cpu", build)


def run(key: str, engine: str, **overrides: Any) -> Run:
    """Run three rounds and end the engine."""
    ready = prepared(key, engine, **overrides)
    try:
        return observe(ready)
    finally:
        ready.world.engine.close()


def observe(ready: Trial) -> Run:
    strategy, world = ready.strategy, ready.world
    state = strategy.open(world)
    seen = Run([], [meter(ready)], world.ledger.receipts, {})
    for number in range(1, ready.specification.rounds + 1):
        if strategy.finished(state):
            break
        world.begin(number)
        state = strategy.round(state, world)
        seen.meters.append(meter(ready))
    seen.models.append(arrays(brought(ready, strategy.model(state))))
    seen.memories = world.engine.snapshot()["memories"]
    seen.contents = frozenset(world.store.snapshot())
    return seen


def meter(ready: Trial) -> Any:
    ready.world.chain.settle()
    return (
        ready.world.meter.bytes(),
        ready.world.meter.disclosures(),
        sorted(ready.world.meter.missing),
        sorted(ready.world.meter.unreadable),
    )


def brought(ready: Trial, model: Any) -> Any:
    if isinstance(model, Mapping):
        return {name: brought_one(ready, name, value) for name, value in model.items()}
    return model


def brought_one(ready: Trial, name: str, value: Any) -> Any:
    return ready.world.engine.held(value.owner or name, value.name) if isinstance(value, Held) else value


def arrays(value: Any) -> list[np.ndarray]:
    """All numbers in a value, in order of the names they are under."""
    if isinstance(value, np.ndarray):
        return [value]
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return [part for name in sorted(value) for part in arrays(value[name])]
    if isinstance(value, tuple | list):
        return [part for item in value for part in arrays(item)]
    return [np.asarray(value)] if isinstance(value, int | float) else []


def assert_agree(one: Run, other: Run) -> None:
    """Equal bytes, weights within 1e-4; equal gas where all weights are equal bit for bit, else within 0.1 %.

    Those of earlier rounds too, as far as they were published: `other` may share its store with other trials.
    """
    assert other.meters == one.meters
    same = one.contents <= other.contents
    for mine, theirs in zip(flat(one), flat(other), strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-6)
        same &= np.array_equal(mine, theirs)
    assert other.gas == one.gas if same else abs(other.gas - one.gas) <= 1e-3 * one.gas
    assert [receipt.function for receipt in other.receipts] == [receipt.function for receipt in one.receipts]


def flat(seen: Run) -> list[np.ndarray]:
    return [part for model in seen.models for part in model] + arrays(seen.memories)
