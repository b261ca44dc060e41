"""What exactly one trial is. Its hash, with the digests of data and code, names the trial's record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chainward.folders import ARTIFACTS, PACKAGE
from chainward.strategy import discovery
from chainward.tasks.base import FederatedDataset

# What cannot change a result (the command line, reports, the sweep around a trial) is left out.
_TRIAL = ("trials/prepare.py", "trials/predict.py", "trials/run.py", "trials/result.py")
_CODE = ("codec.py", "strategy/base.py", "strategy/flower", "methods", "world", "tasks", "engines", "ledgers", *_TRIAL)


@dataclass(frozen=True)
class Specification:
    """One trial: strategy, settings, task, faults, attack, ledger, engine, seed."""

    strategy: str
    task: str
    seed: int
    rounds: int
    params: Mapping[str, Any] = field(default_factory=dict)
    task_params: Mapping[str, Any] = field(default_factory=dict)
    track: str = "common"
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
        document: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return document

    @property
    def label(self) -> str:
        """A short name for progress and messages."""
        return f"{self.strategy} on {self.task}, seed {self.seed}"


def trial_id(specification: Specification, data_digest: str, code_digest: str) -> str:
    """Return the SHA-256, in hex, that names the record."""
    parts = {"specification": specification.document(), "data": data_digest, "code": code_digest}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def data_digest(dataset: FederatedDataset) -> str:
    """Return the digest of the patients as split."""
    return dataset.digest


def code_digest(strategy: str) -> str:
    """Return the SHA-256 over the code that can change the result of a trial of `strategy`."""
    source = discovery.source(strategy)
    card = discovery.load(strategy).card
    folders = (*discovery.artifact_folders(strategy), ARTIFACTS)
    contracts = (folder / f"{contract}.json" for contract in card.contracts for folder in folders)
    files = [*_own_sources(), source, source.with_suffix(".toml"), *contracts]
    total = hashlib.sha256()
    for path in files:
        if path.is_file():
            total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def _own_sources() -> Iterable[Path]:
    for name in _CODE:
        path = PACKAGE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]
