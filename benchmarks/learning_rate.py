"""How the common track's learning rates were chosen: FedAvg's validation AUROC at seed 0, over a fixed grid.

Run as `python benchmarks/learning_rate.py heart synthetic_skewed icu_physionet2012:view=hourly`, a task's parameters
after its key; the best rate is then frozen in the task's file. `--training network=logistic` chooses one for another
network of the same task.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import numpy as np

from chainward import tasks
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.tasks.base import FederatedDataset
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepared
from chainward.trials.run import run_trial

GRID = (1e-6, 1e-5, 1e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
LAST_ROUNDS = 5


def validation_auroc(specification: Specification, dataset: FederatedDataset, learning_rate: float) -> float:
    """Return the mean validation AUROC of a specification over its last rounds."""
    resolved = resolve(specification)
    training = dataclasses.replace(resolved.training, learning_rate=learning_rate)
    result, _ = run_trial(prepared(dataclasses.replace(resolved, training=training), dataset, "cpu"), Checkpoint())
    return float(np.mean(result.rounds.validation_auroc[-LAST_ROUNDS:]))


def settings(text: str) -> dict[str, Any]:
    """Return `a=1,b=text` as a mapping: whole numbers as such, anything else as text."""
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name: int(value) if value.isdigit() else value for name, _, value in pairs}


parser = argparse.ArgumentParser()
parser.add_argument("tasks", nargs="+", metavar="KEY[:NAME=VALUE,...]")
parser.add_argument("--training", type=settings, default={}, metavar="NAME=VALUE,...")
chosen = parser.parse_args()
for text in chosen.tasks:
    key, _, params = text.partition(":")
    task = tasks.load(key, **settings(params))
    told = {"task_params": settings(params), "training": chosen.training, "rounds": task.rounds}
    specification = Specification(strategy="fedavg", task=key, seed=0, **told)
    dataset = task.dataset(0)
    scores = {rate: validation_auroc(specification, dataset, rate) for rate in GRID}
    best = max(scores, key=lambda rate: round(scores[rate], 4))  # equal to four decimals: the smaller rate
    print(text, "  ".join(f"{rate:g}: {score:.4f}" for rate, score in scores.items()), f"-> {best:g}", flush=True)
