"""One trial: wire task, engine, ledger and world together, let the strategy run, write down what the meter saw."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from chainward import discovery, tasks
from chainward.engines import build as build_engine
from chainward.engines import lightning_trainer
from chainward.engines.attacks import Attack
from chainward.engines.networks import TaskNetwork
from chainward.engines.sites import Sites, cohort_features, device_for, hospital_sizes
from chainward.ledgers import build as build_ledger
from chainward.ledgers.store import MemoryStore
from chainward.strategy import Audience, Strategy
from chainward.tasks.base import Cohort, Records, Training
from chainward.tasks.metrics import auroc
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.specification import Specification
from chainward.world import Engine, Faults, Held, Receipt, Speeds, World

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
    return _result(trial, state, entries)


def _entry(trial: Trial, state: Any, started: float) -> dict[str, Any]:
    world = trial.world
    world.chain.settle()
    meter = world.meter
    return {
        "round": world.round,
        "latency_s": world.clock.lap(),
        "bytes": dict(meter.bytes()),
        "validation_auroc": _validation_auroc(trial, state),
        "measured_compute_s": meter.measured_s,
        "measured_wall_s": time.perf_counter() - started,
        "missing": sorted(meter.missing),
        "audience": meter.audience().value,
        "disclosures": meter.disclosures(),
        "raw_records": meter.raw_records,
        "transactions": len(world.ledger.receipts),
    }


def _result(trial: Trial, state: Any, entries: list[dict[str, Any]]) -> dict[str, Any]:
    receipts = trial.world.ledger.receipts
    bounds = [0, *(entry["transactions"] for entry in entries)]
    spent = [receipts[start:end] for start, end in pairwise(bounds)]
    setup, *rounds = (
        entry | {"gas": sum(r.gas for r in part), "gas_eip7623": sum(r.floor for r in part)}
        for entry, part in zip(entries, spent, strict=True)
    )
    return {
        "setup": setup,
        "rounds": rounds,
        "gas_functions": _gas_by_phase(receipts, len(spent[0])),
        "disclosures": _disclosures(entries),
        "facts": _facts(trial, state, entries, receipts),
        "numbers": dict(trial.strategy.numbers(len(trial.world.hospitals))),
        "attackers": list(trial.attackers),
        "outcomes": {name: dict(values) for name, values in trial.strategy.outcomes(state).items()},
        "predictions": _predictions(trial, state),
        "own_models": _own_models(trial, state),
        "measured": {
            "compute_s": sum(entry["measured_compute_s"] for entry in entries),
            "wall_s": sum(entry["measured_wall_s"] for entry in entries),
            "apportioned": trial.world.engine.apportioned,
            "contended": False,
            **_inclusion(receipts),
            **_wire_bytes(trial.world.engine),
        },
    }


def _wire_bytes(engine: Engine) -> dict[str, int]:
    """Measured bytes of an engine that sends messages."""
    sent = getattr(engine, "wire_bytes", None)
    return {} if sent is None else {"wire_bytes": sent}


def _inclusion(receipts: list[Receipt]) -> dict[str, Any]:
    """Measured seconds from sending to inclusion, from a ledger that has a node."""
    seconds = [receipt.inclusion_s for receipt in receipts if receipt.inclusion_s is not None]
    if not seconds:
        return {}
    return {"inclusion_s": {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))}}


def _facts(trial: Trial, state: Any, entries: list[dict[str, Any]], receipts: list[Receipt]) -> dict[str, Any]:
    audiences = (Audience(entry["audience"]) for entry in entries)
    return {
        "sees_individual_updates": max(audiences, key=lambda audience: audience.rank).value,
        "raw_records_shared": sum(entry["raw_records"] for entry in entries),
        "spends_gas": any(receipt.gas for receipt in receipts),
        "ended_by_itself": bool(trial.strategy.finished(state)),
        "rounds_used": len(entries) - 1,
    }


def _gas_by_phase(receipts: list[Receipt], setup: int) -> list[dict[str, Any]]:
    phases = {"setup": receipts[:setup], "round": receipts[setup:]}
    rows = [{**row, "phase": phase} for phase, part in phases.items() for row in gas_functions(part)]
    return sorted(rows, key=lambda row: (row["contract"], row["function"], row["phase"]))


def gas_functions(receipts: list[Receipt]) -> list[dict[str, Any]]:
    """Return what each contract function cost over some receipts: calls, least, median, most and total gas."""
    groups: dict[tuple[str, str], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        groups[receipt.contract, receipt.function].append(receipt)
    return [
        {
            "contract": contract,
            "function": function,
            "calls": len(group),
            "min": min(r.gas for r in group),
            "median": float(np.median([r.gas for r in group])),
            "max": max(r.gas for r in group),
            "total": sum(r.gas for r in group),
            "total_eip7623": sum(r.floor for r in group),
            "reverted": sum(not r.succeeded for r in group),
        }
        for (contract, function), group in sorted(groups.items())
    ]


def _disclosures(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in (row for entry in entries for row in entry["disclosures"]):
        total = totals[row["kind"], row["audience"]]
        total[0] += row["count"]
        total[1] += row["bytes"]
    return [
        {"kind": kind, "audience": audience, "count": count, "bytes": size}
        for (kind, audience), (count, size) in sorted(totals.items())
    ]


def _probabilities(trial: Trial, state: Any, parts: Mapping[str, Records]) -> dict[str, Any]:
    """Probability of each row of each hospital's part, under the one model or the hospital's own."""
    model = trial.strategy.model(state)
    if isinstance(model, Mapping) and set(parts) <= set(model):
        own = {name: _brought(trial, name, model[name]) for name in parts}
        return {name: trial.strategy.predict(own[name], rows.features, trial.network) for name, rows in parts.items()}
    joined = np.concatenate([rows.features for rows in parts.values()])
    cuts = np.cumsum([len(rows) for rows in parts.values()])[:-1]
    return dict(zip(parts, np.split(trial.strategy.predict(model, joined, trial.network), cuts), strict=True))


def _brought(trial: Trial, hospital: str, model: Any) -> Any:
    return trial.world.engine.held(model.owner or hospital, model.name) if isinstance(model, Held) else model


def _validation_auroc(trial: Trial, state: Any) -> float | None:
    parts = {hospital.name: hospital.validation for hospital in trial.cohort.hospitals}
    probabilities = np.concatenate(list(_probabilities(trial, state, parts).values()))
    return auroc(np.concatenate([rows.labels for rows in parts.values()]), probabilities)


def _predictions(trial: Trial, state: Any) -> dict[str, list[Any]]:
    parts = {hospital.name: hospital.test for hospital in trial.cohort.hospitals}
    probabilities = _probabilities(trial, state, parts)
    return {
        "hospital": [name for name, rows in parts.items() for _ in range(len(rows))],
        "patient": [int(patient) for rows in parts.values() for patient in rows.patients],
        "label": [int(label) for rows in parts.values() for label in rows.labels],
        "probability": [float(value) for values in probabilities.values() for value in values],
    }


def _own_models(trial: Trial, state: Any) -> dict[str, list[float]]:
    """Where every hospital has a model of its own: what each predicts for all test patients, in their order."""
    model = trial.strategy.model(state)
    names = [hospital.name for hospital in trial.cohort.hospitals]
    if not isinstance(model, Mapping) or not set(names) <= set(model):
        return {}
    everybody = np.concatenate([hospital.test.features for hospital in trial.cohort.hospitals])
    own = {name: _brought(trial, name, model[name]) for name in names}
    return {name: trial.strategy.predict(weights, everybody, trial.network).tolist() for name, weights in own.items()}


def card_document(strategy: Strategy[Any] | type[Strategy[Any]]) -> dict[str, Any]:
    """Return a strategy's card as plain data."""
    return asdict(strategy.card)
