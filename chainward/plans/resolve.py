"""What a specification names: looked up once a trial, and once for the check of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from chainward import engines, ledgers, tasks
from chainward.engines.local.attacks import Attack
from chainward.errors import ChainwardError
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.tasks.base import Task, Training
from chainward.world import Faults, Speeds


@dataclass(frozen=True)
class Resolved:
    """A specification with all that it names. `contracts` are folders of artifacts besides chainward's own."""

    specification: Specification
    strategy: Strategy[Any]
    contracts: tuple[Path, ...]
    task: Task
    training: Training
    attack: Attack | None
    faults: Faults
    speeds: Speeds
    engine: ModuleType
    ledger: ModuleType


def resolve(specification: Specification) -> Resolved:
    """Look up what a specification names.

    Raises:
        ChainwardError: a name or a parameter does not exist, or a value is wrong; the message names it.
    """
    kind = discovery.load(specification.strategy)
    beside = published(kind, specification.track)
    params = {**beside.get("params", {}), **specification.params}
    task = tasks.load(specification.task, **specification.task_params)
    if refused := task.refuses(specification.split):
        raise ChainwardError(f"task {specification.task}: {refused}")
    return Resolved(
        specification=specification,
        strategy=discovery.build(specification.strategy, params),
        contracts=discovery.artifact_folders(kind),
        task=task,
        training=_trained(task.training, beside.get("training", {}), specification.strategy),
        attack=Attack(**specification.attack) if specification.attack else None,
        faults=_faults(specification.faults),
        speeds=Speeds(**specification.speeds),
        engine=engines.load(specification.engine),
        ledger=ledgers.load(specification.ledger),
    )


def published(kind: type[Strategy[Any]], track: str) -> Mapping[str, Any]:
    """Return what the paper's own settings change: nothing on the common track."""
    return {"common": {}, "published": kind.card.published}[track]


def _trained(common: Training, changes: Mapping[str, Any], strategy: str) -> Training:
    """How everyone trains: the task's own way, with what the paper's settings change."""
    known = [field.name for field in fields(Training)]
    for name in changes:
        if name not in known:
            raise ChainwardError(f"{strategy}: card.published.training: no field {name!r}; it has {', '.join(known)}")
    return replace(common, **changes)


def _faults(document: Mapping[str, Any]) -> Faults:
    absent = {name: tuple(rounds) for name, rounds in document.get("absent", {}).items()}
    return Faults(absent, dict(document.get("delay", {})))
