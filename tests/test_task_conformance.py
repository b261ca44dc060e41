"""Every task holds the conformance suite; each is a class of tests under its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainward import tasks
from chainward.cli.known import required
from chainward.testing import TaskConformance

SMALLER: Mapping[str, Mapping[str, Any]] = {
    "synthetic": {"hospitals": 5, "patients": 60},
    "synthetic_skewed": {"hospitals": 5, "patients": 60},
}
"""Parameters with which a task has fewer patients, where all of them would take long."""

REPEATS = "validation shows the training rows again"
"""What ExplorerChain's tasks say."""

for key in tasks.names():
    if not required(tasks.kind(key)):
        body = {"key": key, "params": SMALLER.get(key, {}), "repeats": REPEATS, "__module__": __name__}
        globals()[f"Test_{key}"] = type(f"Test_{key}", (TaskConformance,), body)
