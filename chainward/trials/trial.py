"""One trial: wire task, engine, ledger and world together, let the strategy run, write down what the meter saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from chainward import discovery, tasks
from chainward.engines import build as build_engine
from chainward.engines import lightning_trainer
from chainward.engines.attacks import Attack
from chainward.engines.networks import TaskNetwork
from chainward.engines.sites import Sites, cohort_features, device_for, hospital_sizes
from chainward.ledgers import build as build_ledger
from chainward.ledgers.store import MemoryStore
from chainward.strategy import Strategy
from chainward.tasks.base import Cohort, Training
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.predicting import validation_auroc
from chainward.trials.result import result
from chainward.trials.specification import Specification
from chainward.world import Engine, Faults, Speeds, World

EngineBuilder = Callable[[Sites, Strategy[Any]], Engine]


@dataclass(frozen=True)
class Trial:
    """Everything one trial needs, put together from its specification."""

    specification: Specification
    strategy: Strategy[Any]
    cohort: Cohort
    network: TaskNetwork
    world: World
    attackers: tuple[str, ...]


def prepare(
    specification: Specification, cohort: Cohort, device: str = "auto", build: EngineBuilder | None = None
) -> Trial:
    """Build a trial's strategy, network, sites, ledger, engine (by `build`, where given) and world."""
    strategy = discovery.build(specification.strategy, params_of(specification))
    training = training_of(specification, strategy)
    network = TaskNetwork(cohort_features(cohort), training, device_for(device))
    trainer = partial(lightning_trainer, network, training.learning_rate)
    attack = Attack(**specification.attack) if specification.attack else None
    sites = Sites(cohort, training, network, specification.seed, MemoryStore(), trainer, attack)
    folders = discovery.artifact_folders(specification.strategy)
    with ExitStack() as undone:
        ledger = build_ledger(specification.ledger, specification.ledger_params, specification.seed, folders)
        undone.callback(ledger.close)
        engine = build(sites, strategy) if build else _engine(specification, sites, strategy)
        undone.pop_all()
    world = World(
        hospitals=tuple(hospital.name for hospital in cohort.hospitals),
        sizes=hospital_sizes(cohort),
        network=network,
        seed=specification.seed,
        engine=engine,
        ledger=ledger,
        store=sites.store,
        speeds=Speeds(**specification.speeds),
        faults=faults(specification.faults),
    )
    return Trial(specification, strategy, cohort, network, world, sites.attackers)


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


def run(trial: Trial, checkpoint: Checkpoint, progress: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
    """Run a trial from its checkpoint or from the start and return the result part of its record."""
    strategy, world = trial.strategy, trial.world
    state, entries = checkpoint.load(strategy, world)
    started = time.perf_counter()
    if not entries:
        state = strategy.open(world)
        entries.append(_entry(trial, state, started))
    while len(entries) <= trial.specification.rounds and not strategy.finished(state):
        started = time.perf_counter()
        world.begin(len(entries))
        state = strategy.round(state, world)
        entries.append(_entry(trial, state, started))
        checkpoint.save(world, state, entries)
        progress(len(entries) - 1)
    return result(trial, state, entries)


def _entry(trial: Trial, state: Any, started: float) -> dict[str, Any]:
    world = trial.world
    world.chain.settle()
    meter = world.meter
    return {
        "round": world.round,
        "latency_s": world.clock.lap(),
        "bytes": dict(meter.bytes()),
        "validation_auroc": validation_auroc(trial, state),
        "measured_compute_s": meter.measured_s,
        "measured_wall_s": time.perf_counter() - started,
        "missing": sorted(meter.missing),
        "audience": meter.audience().value,
        "disclosures": meter.disclosures(),
        "raw_records": meter.raw_records,
        "transactions": len(world.ledger.receipts),
    }


def card_document(strategy: Strategy[Any] | type[Strategy[Any]]) -> dict[str, Any]:
    """Return a strategy's card as plain data."""
    return asdict(strategy.card)
