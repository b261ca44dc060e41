"""The conformance suite: what every strategy must hold, ours and anybody's.

A package with a strategy of its own tests it with three lines (pytest collects the class):

    from chainward.testing import StrategyConformance

    class TestMine(StrategyConformance):
        key = "mine"

The suite needs pytest; `run_small` gives the record of a trial that takes a fraction of a second.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError:
    raise ImportError("chainward.testing needs pytest: pip install pytest") from None
else:
    pytest.register_assert_rewrite(*(f"chainward.testing.{part}" for part in ("card", "facts", "runs")))

from chainward.testing.conformance import StrategyConformance
from chainward.testing.small import completed, run_small, small, without_times

__all__ = ["StrategyConformance", "completed", "run_small", "small", "without_times"]
