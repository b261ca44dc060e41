"""The conformance suites: what every strategy and every task must hold, ours and anybody's.

A package with a strategy of its own tests it with three lines (pytest collects the class):

    from chainward.testing import StrategyConformance

    class TestMine(StrategyConformance):
        key = "mine"

and a task of its own with `TaskConformance` in place of it.

Contracts it tests with `ContractConformance` and `OnChain`; see `chainward.testing.contracts`, and for random runs at
whose end parties fall silent for ever, `chainward.testing.liveness`.

The suites need pytest. `run_small` gives the record of a trial that takes a fraction of a second; `prepared` and
`states` run one round by round, and `varied` makes a strategy that goes wrong in one place.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError:
    raise ImportError("chainward.testing needs pytest: pip install pytest") from None
else:
    pytest.register_assert_rewrite(
        *(f"chainward.testing.{part}" for part in ("card", "contracts", "facts", "runs", "task"))
    )

from chainward.testing.conformance import StrategyConformance
from chainward.testing.contracts import ContractConformance, OnChain, refused
from chainward.testing.rounds import prepared, states, varied
from chainward.testing.small import completed, run_small, small, without_times
from chainward.testing.task import TaskConformance

__all__ = [
    "ContractConformance",
    "OnChain",
    "StrategyConformance",
    "TaskConformance",
    "completed",
    "prepared",
    "refused",
    "run_small",
    "small",
    "states",
    "varied",
    "without_times",
]
