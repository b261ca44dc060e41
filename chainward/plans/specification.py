"""What exactly one trial is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainward.codec import fields
from chainward.tasks.division import BY_PATIENT, FEDERATED, Division, Partition


@dataclass(frozen=True)
class Specification:
    """One trial: strategy, settings, task and how it is divided, faults, attack, ledger, engine, seed."""

    strategy: str
    task: str
    seed: int
    rounds: int
    params: Mapping[str, Any] = field(default_factory=dict)
    task_params: Mapping[str, Any] = field(default_factory=dict)
    split: str = BY_PATIENT
    partition: Mapping[str, Any] = field(default_factory=dict)
    preparation: str = FEDERATED
    track: str = "common"
    training: Mapping[str, Any] = field(default_factory=dict)
    faults: Mapping[str, Any] = field(default_factory=dict)
    attack: Mapping[str, Any] = field(default_factory=dict)
    speeds: Mapping[str, float] = field(default_factory=dict)
    ledger: str = "evm"
    ledger_params: Mapping[str, Any] = field(default_factory=lambda: {"consensus": "poa"})
    engine: str = "cohort"
    engine_params: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the specification as plain JSON data.

        Raises:
            ValueError: a number is not finite.
        """
        document: dict[str, Any] = json.loads(json.dumps(fields(self), allow_nan=False))
        return document

    @property
    def division(self) -> Division:
        """How the task's patients are dealt to hospitals, split and prepared."""
        return Division(self.split, Partition(**self.partition), self.preparation)

    @property
    def label(self) -> str:
        """A short name for progress and messages."""
        return f"{self.strategy} on {self.task}, seed {self.seed}"
