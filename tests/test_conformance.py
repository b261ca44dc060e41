"""Every strategy of the line-up holds the conformance suite; each is a class of tests under its own name."""

from __future__ import annotations

from chainward.strategy.discovery import keys
from chainward.testing import StrategyConformance

for key in keys():
    globals()[f"Test_{key}"] = type(f"Test_{key}", (StrategyConformance,), {"key": key, "__module__": __name__})
