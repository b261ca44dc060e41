"""Trials run round by round, to look at what a strategy keeps between rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chainward.strategy import Strategy, discovery
from chainward.tasks.base import FederatedDataset
from chainward.testing.small import dataset, small
from chainward.trials.prepare import Trial, prepare


def prepared(
    key: str,
    task: str = "synthetic",
    strategy: Strategy[Any] | None = None,
    patients: FederatedDataset | None = None,
    **overrides: Any,
) -> Trial:
    """Return a small trial of the strategy `key` on the CPU, about to be opened.

    `strategy` and `patients` stand in for those of the trial; `overrides` are as those of `small`.
    """
    specification = small(key, task, **overrides)
    ready = prepare(specification, dataset(specification) if patients is None else patients, "cpu")
    return ready if strategy is None else replace(ready, strategy=strategy)


def states(ready: Trial) -> list[Any]:
    """Return the state after opening a trial and after each of its rounds, the last of them being the end."""
    found = [ready.strategy.open(ready.world)]
    while len(found) <= ready.specification.rounds and not ready.strategy.finished(found[-1]):
        ready.world.begin(len(found))
        found.append(ready.strategy.round(found[-1], ready.world))
    return found


def varied(key: str, params: Mapping[str, Any] | None = None, **methods: Any) -> Any:
    """Return the strategy `key` with some of its methods replaced, as where a hospital cheats."""
    return type("Varied", (discovery.load(key),), methods)(**(params or {}))
