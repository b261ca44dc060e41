"""A trial that somebody else's Flower run conducts: from the run's configuration to a written record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainward.errors import ChainwardError
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.results import store
from chainward.trials.attempt import attempt
from chainward.trials.sweep import job_of

if TYPE_CHECKING:
    from chainward.engines.flower.strategy import Build, FlowerStrategy


def run_config(specification: Specification, root: Path, timeout_s: float) -> dict[str, str | int | float]:
    """Return the configuration of a Flower run of this trial; `root` holds the hospitals' folders and the records."""
    return {
        "strategy": specification.strategy,
        "params": json.dumps(specification.params),
        "task": specification.task,
        "task-params": json.dumps(specification.task_params),
        "seed": specification.seed,
        "rounds": specification.rounds,
        "split": specification.split,
        "partition": json.dumps(specification.partition),
        "preparation": specification.preparation,
        "timeout": timeout_s,
        "hospitals": str(root / "hospitals"),
        "report": str(root / "report"),
        "memory-per-run": True,
    }


def strategy_of(config: Mapping[str, Any]) -> FlowerStrategy:
    """Return the Flower strategy of a run with this configuration."""
    from chainward.engines.flower.strategy import FlowerStrategy

    specification = Specification(
        strategy=config["strategy"],
        params=json.loads(config["params"]),
        task=config["task"],
        task_params=json.loads(config["task-params"]),
        seed=config["seed"],
        rounds=config["rounds"],
        split=config["split"],
        partition=json.loads(config["partition"]),
        preparation=config["preparation"],
        engine="flower-deployment",
    )

    def conduct(build: Build, rounds: int) -> Mapping[int, float | None]:
        job = job_of(resolve(replace(specification, rounds=rounds)))
        ended = attempt(job, Path(config["report"]), "cpu", build=build)
        store.write(Path(config["report"]), ended)
        if ended.record.status == "failed":
            raise ChainwardError(ended.record.error.message)
        return {entry.round: entry.validation_auroc for entry in ended.record.entries}

    return FlowerStrategy(conduct, Path(config["hospitals"]) / "store")
