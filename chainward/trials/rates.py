"""The learning rate of the common track: of a fixed grid, the one with which FedAvg does best on validation patients.

For our own tasks it was chosen once and is frozen in their files. For a task that has none, as a user's table, it is
chosen when the task is run, once for each way that its patients are divided, and stands in every trial's specification.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.plans.fields import Named
from chainward.plans.plan import Plan
from chainward.plans.resolve import published, resolve
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.tasks.base import FederatedDataset
from chainward.tasks.splits import FOLDS
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepared
from chainward.trials.run import run_trial
from chainward.trials.threads import one_thread
from chainward.trials.trained import NothingLearned

GRID = (1e-6, 1e-5, 1e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
LAST_ROUNDS = 5
ENOUGH = 50
"""Validation patients of each class that one seed must have to choose alone."""

Rates = Mapping[str, float]
"""What was chosen, by the text of each question."""


def question(key: str, params: Mapping[str, object], plan: Plan | None = None) -> Specification:
    """FedAvg's trial at seed 0 on a task, with as many rounds as it has; divided and trained as a plan says."""
    task = tasks.load(key, **params)
    plain = Specification(strategy="fedavg", task=key, task_params=params, seed=0, rounds=task.rounds)
    if plan is None:
        return plain
    return replace(
        plain,
        split=plan.split,
        partition=plan.partition.document,
        preparation=plan.preparation,
        training=plan.training.model_dump(exclude_none=True),
    )


def scores(
    asked: Specification, told: Callable[[], None] = lambda: None, seeds: Sequence[int] | None = None
) -> dict[float, float]:
    """The mean validation AUROC of the last rounds for each rate of the grid, minus infinity where it diverged.

    At seed 0; where that has fewer than `ENOUGH` validation patients of a class, the mean over five seeds, as far as
    each has both: of a handful of patients, an untrained model may look best. `told` hears of each rate that is done.

    Raises:
        ChainwardError: validation patients are of one class in every seed.
    """
    datasets = _datasets(asked, seeds)
    found = {}
    for rate in GRID:
        one = replace(asked, training={**asked.training, "learning_rate": rate})
        found[rate] = float(np.mean([_score(replace(one, seed=seed), data) for seed, data in datasets.items()]))
        told()
    return found


def _datasets(asked: Specification, seeds: Sequence[int] | None) -> dict[int, FederatedDataset]:
    """The patients of each seed that takes part in the choice."""
    task = tasks.load(asked.task, **asked.task_params)
    cohort = task.cohort()
    found = {seed: task.divided(cohort, seed, asked.division) for seed in seeds or (0,)}
    if seeds is None and _fewer(found[0]) < ENOUGH:
        found |= {seed: task.divided(cohort, seed, asked.division) for seed in range(1, FOLDS)}
    usable = {seed: data for seed, data in found.items() if _fewer(data)}
    if not usable:
        raise ChainwardError(
            f"task {asked.task}: a learning rate cannot be chosen, validation patients are not of both classes; have "
            "more patients, or give one with --training learning_rate=0.1"
        )
    return usable


def _fewer(dataset: FederatedDataset) -> int:
    """How many validation patients are of the class that fewer are of."""
    labels = np.concatenate([hospital.validation.labels for hospital in dataset.hospitals])
    return int(min(np.sum(labels > 0), np.sum(labels <= 0)))


def _score(asked: Specification, dataset: FederatedDataset) -> float:
    with one_thread(), closing(prepared(resolve(asked), dataset, "cpu")) as trial:
        try:
            last = run_trial(trial, Checkpoint())[0].rounds.validation_auroc[-LAST_ROUNDS:]
        except NothingLearned:
            return -math.inf
    known = [value for value in last if value is not None]
    return float(np.mean(known)) if len(known) == len(last) else -math.inf


def best(found: Mapping[float, float]) -> float:
    """The rate of the highest score; of scores equal to four decimals the smaller one."""
    return max(sorted(found), key=lambda rate: round(found[rate], 4))


def open_questions(plan: Plan) -> dict[str, Specification]:
    """What is to be chosen before a plan can run, by its text: nothing where its tasks or it have rates."""
    asked = (
        question(entry.key, entry.params, leaf) for leaf in plan.leaves for entry in leaf.tasks if _open(leaf, entry)
    )
    return {_text(one): one for one in asked}


def answered(plan: Plan, rates: Rates) -> Plan:
    """The plan with the chosen rates in its parts, one a task, unless a paper's published settings have a rate."""
    if not rates:
        return plan
    return plan.model_copy(update={"parts": tuple(part for leaf in plan.leaves for part in _parts(leaf, rates))})


def _parts(leaf: Plan, rates: Rates) -> Iterator[Plan]:
    for entry in leaf.tasks:
        one = leaf.model_copy(update={"tasks": (entry,)})
        if not _open(leaf, entry):
            yield one
            continue
        rate = rates[_text(question(entry.key, entry.params, leaf))]
        training = leaf.training.model_copy(update={"learning_rate": rate})
        own = tuple(strategy for strategy in leaf.strategies if _has_rate(strategy, leaf.track))
        others = tuple(strategy for strategy in leaf.strategies if strategy not in own)
        yield from (one.model_copy(update={"strategies": some}) for some in (own,) if some)
        yield from (one.model_copy(update={"strategies": some, "training": training}) for some in (others,) if some)


def _open(leaf: Plan, entry: Named) -> bool:
    own = tasks.load(entry.key, **entry.params).training.learning_rate
    return math.isnan(own) and leaf.training.learning_rate is None


def _has_rate(strategy: Named, track: str) -> bool:
    return "learning_rate" in published(discovery.load(strategy.key), track).get("training", {})


def _text(asked: Specification) -> str:
    return json.dumps(asked.document(), sort_keys=True)
