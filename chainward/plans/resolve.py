"""What a specification names: looked up once a trial, and once for the check of a plan."""

from __future__ import annotations

import math
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
    if refused := task.refuses(specification.division):
        raise ChainwardError(f"task {specification.task}: {refused}")
    return Resolved(
        specification=specification,
        strategy=discovery.build(specification.strategy, params),
        contracts=discovery.artifact_folders(kind),
        task=task,
        training=_trained(task.training, specification, beside.get("training", {})),
        attack=Attack(**specification.attack) if specification.attack else None,
        faults=_faults(specification.faults),
        speeds=Speeds(**specification.speeds),
        engine=engines.load(specification.engine),
        ledger=ledgers.load(specification.ledger),
    )


def published(kind: type[Strategy[Any]], track: str) -> Mapping[str, Any]:
    """Return what the paper's own settings change, `params` and `training`: nothing but on the track "published".

    Raises:
        ChainwardError: the track is "tuned", and this is no reference that trains the task's network.
    """
    card = kind.card
    if track == "tuned" and (card.own_learner or not card.reference):
        raise ChainwardError(
            f'track: {card.key} has no track "tuned": its rate and rounds are only chosen for references that train '
            'the task\'s network, as fedavg; run it on "common"'
        )
    return card.published if track == "published" else {}


def _trained(common: Training, specification: Specification, beside: Mapping[str, Any]) -> Training:
    """How everyone trains: the task's own way, with what the paper's settings change and then the plan."""
    known = [field.name for field in fields(Training)]
    given = ((f"{specification.strategy}: card.published.training", beside), ("training", specification.training))
    for where, changes in given:
        for name in changes:
            if name not in known:
                raise ChainwardError(f"{where}: no field {name!r}; it has {', '.join(known)}")
    trained = replace(common, **{**beside, **specification.training})
    if math.isnan(trained.learning_rate):
        told = f"task {specification.task} has none of its own; `chainward run` chooses one, or give it"
        raise ChainwardError(f"training.learning_rate: {told}")
    return trained


def _faults(document: Mapping[str, Any]) -> Faults:
    absent = {name: tuple(rounds) for name, rounds in document.get("absent", {}).items()}
    return Faults(absent, dict(document.get("delay", {})))
