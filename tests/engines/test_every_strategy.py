"""Every strategy is the same on every engine: here in process, by hand-written gradients and by Lightning."""

from __future__ import annotations

from typing import Any

import pytest
from engine_runs import assert_agree, run

from chainward.strategy import discovery


@pytest.mark.parametrize("key", discovery.keys())
def test_lightning_agrees_with_cohort(key: str) -> None:
    assert_agree(run(key, "cohort"), run(key, "lightning"))


@pytest.mark.parametrize(
    ("key", "params"), [("flwr:FedAdam", {"eta": 0.01}), ("flwr:Krum", {}), ("flwr:FedProx", {"proximal_mu": 0.5})]
)
def test_lightning_agrees_with_cohort_under_flowers_own_strategies(key: str, params: dict[str, Any]) -> None:
    pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
    assert_agree(run(key, "cohort", params=params), run(key, "lightning", params=params))
