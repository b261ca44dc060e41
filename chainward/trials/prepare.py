"""One trial: task, engine, ledger and world wired together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from chainward.engines import lightning_trainer
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites, device_for, feature_count, hospital_sizes
from chainward.ledgers.store import MemoryStore
from chainward.plans.resolve import Resolved, resolve
from chainward.plans.specification import Specification
from chainward.strategy import Strategy
from chainward.tasks.base import FederatedDataset
from chainward.world import Engine, World

EngineBuilder = Callable[[Sites, Strategy[Any]], Engine]


@dataclass(frozen=True)
class Trial:
    """Everything one trial needs, put together from its specification."""

    specification: Specification
    strategy: Strategy[Any]
    dataset: FederatedDataset
    network: TaskNetwork
    world: World
    attackers: tuple[str, ...]

    def close(self) -> None:
        """End what its engine and its ledger started."""
        try:
            self.world.engine.close()
        finally:
            self.world.ledger.close()


Make = Callable[[Resolved], Trial]
"""What puts a trial together on patients and a device that are given."""


def prepare(
    specification: Specification, dataset: FederatedDataset, device: str = "auto", build: EngineBuilder | None = None
) -> Trial:
    """Build a trial from what its specification names; see `prepared`."""
    return prepared(resolve(specification), dataset, device, build)


def prepared(
    resolved: Resolved, dataset: FederatedDataset, device: str = "auto", build: EngineBuilder | None = None
) -> Trial:
    """Build a trial's network, sites, ledger, engine (by `build`, where given) and world."""
    specification, strategy, training = resolved.specification, resolved.strategy, resolved.training
    network = TaskNetwork(feature_count(dataset), training, device_for(device), dataset.sequence)
    trainer = partial(lightning_trainer, network, training.learning_rate)
    sites = Sites(dataset, training, network, specification.seed, MemoryStore(), trainer, resolved.attack)
    with ExitStack() as undone:
        ledger = resolved.ledger.build(specification.ledger_params, specification.seed, resolved.contracts)
        undone.callback(ledger.close)
        engine = build(sites, strategy) if build else _engine(resolved, sites)
        undone.pop_all()
    world = World(
        hospitals=tuple(hospital.name for hospital in dataset.hospitals),
        sizes=hospital_sizes(dataset),
        network=network,
        seed=specification.seed,
        engine=engine,
        ledger=ledger,
        store=sites.store,
        speeds=resolved.speeds,
        faults=resolved.faults,
    )
    return Trial(specification, strategy, dataset, network, world, sites.attackers)


def _engine(resolved: Resolved, sites: Sites) -> Engine:
    engine: Engine = resolved.engine.build(sites, resolved.strategy, resolved.specification.engine_params)
    return engine
