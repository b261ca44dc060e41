"""How the common track's learning rates were chosen: FedAvg's validation AUROC at seed 0, over a fixed grid.

Run as `python benchmarks/learning_rate.py heart synthetic_skewed icu_physionet2012:view=hourly`, a task's parameters
after its key; the best rate is then frozen in the task's file. `--training network=logistic` chooses one for another
network of the same task.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from chainward.trials.rates import best, question, scores


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
    found = scores(replace(question(key, settings(params)), training=chosen.training), seeds=(0,))
    print(text, "  ".join(f"{rate:g}: {score:.4f}" for rate, score in found.items()), f"-> {best(found):g}", flush=True)
