"""How the common track's learning rates were chosen: FedAvg's validation AUROC at seed 0, over a fixed grid.

Run as `python benchmarks/learning_rate.py heart synthetic_skewed`; the best rate is then frozen in the task's file.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np

from chainward import tasks
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepared
from chainward.trials.run import run_trial

GRID = (1e-6, 1e-5, 1e-4, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
LAST_ROUNDS = 5


def validation_auroc(task_key: str, learning_rate: float) -> float:
    """Return the mean validation AUROC of FedAvg over its last rounds at seed 0."""
    task = tasks.load(task_key)
    specification = Specification(strategy="fedavg", task=task_key, seed=0, rounds=task.rounds)
    training = dataclasses.replace(task.training, learning_rate=learning_rate)
    resolved = dataclasses.replace(resolve(specification), training=training)
    result, _ = run_trial(prepared(resolved, task.dataset(0), "cpu"), Checkpoint())
    return float(np.mean(result.rounds.validation_auroc[-LAST_ROUNDS:]))


for key in sys.argv[1:]:
    scores = {rate: validation_auroc(key, rate) for rate in GRID}
    best = max(scores, key=lambda rate: round(scores[rate], 4))  # equal to four decimals: the smaller rate
    print(key, "  ".join(f"{rate:g}: {score:.4f}" for rate, score in scores.items()), f"-> {best:g}")
