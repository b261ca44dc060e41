"""One trial: task, engine, ledger and world wired together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainward import tasks
from chainward.engines import build as build_engine
from chainward.engines import lightning_trainer
from chainward.engines.local.attacks import Attack
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites, device_for, feature_count, hospital_sizes
from chainward.ledgers import build as build_ledger
from chainward.ledgers.store import MemoryStore
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.tasks.base import FederatedDataset, Training
from chainward.world import Engine, Faults, Speeds, World

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


def prepare(
    specification: Specification, dataset: FederatedDataset, device: str = "auto", build: EngineBuilder | None = None
) -> Trial:
    """Build a trial's strategy, network, sites, ledger, engine (by `build`, where given) and world."""
    strategy = discovery.build(specification.strategy, params_of(specification))
    training = training_of(specification, strategy)
    network = TaskNetwork(feature_count(dataset), training, device_for(device))
    trainer = partial(lightning_trainer, network, training.learning_rate)
    attack = Attack(**specification.attack) if specification.attack else None
    sites = Sites(dataset, training, network, specification.seed, MemoryStore(), trainer, attack)
    folders = discovery.artifact_folders(specification.strategy)
    with ExitStack() as undone:
        ledger = build_ledger(specification.ledger, specification.ledger_params, specification.seed, folders)
        undone.callback(ledger.close)
        engine = build(sites, strategy) if build else _engine(specification, sites, strategy)
        undone.pop_all()
    world = World(
        hospitals=tuple(hospital.name for hospital in dataset.hospitals),
        sizes=hospital_sizes(dataset),
        network=network,
        seed=specification.seed,
        engine=engine,
        ledger=ledger,
        store=sites.store,
        speeds=Speeds(**specification.speeds),
        faults=faults(specification.faults),
    )
    return Trial(specification, strategy, dataset, network, world, sites.attackers)


def params_of(specification: Specification) -> dict[str, Any]:
    """Return the hyper-parameters: the plan's, on the track "published" over those of the card."""
    published = discovery.load(specification.strategy).card.published.get("params", {})
    return {**{"common": {}, "published": published}[specification.track], **specification.params}


def _engine(specification: Specification, sites: Sites, strategy: Strategy[Any]) -> Engine:
    return build_engine(specification.engine, sites, strategy, specification.engine_params)


def training_of(specification: Specification, strategy: Strategy[Any]) -> Training:
    """Return how everyone trains: the task's own way, or on the track "published" with what the card changes."""
    common = tasks.load(specification.task, **specification.task_params).training
    changes = {"common": {}, "published": strategy.card.published.get("training", {})}[specification.track]
    return replace(common, **changes)


def faults(document: Mapping[str, Any]) -> Faults:
    """Return the faults of a plan."""
    absent = {name: tuple(rounds) for name, rounds in document.get("absent", {}).items()}
    return Faults(absent, dict(document.get("delay", {})))
