"""AccessManager: who may train on whose records, and which model of a patient stands."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

CLASSIFIER, RETRAINING = 1, 1
ENDLESS = 10**9
DATA, OTHER, MODEL = b"\1" * 32, b"\2" * 32, "0x" + "03" * 32


@pytest.fixture
def manager(AccessManager: Any, hospitals: list[Any]) -> Any:
    """Return the contract; the first assigns roles, the second classifies, the others are patients."""
    contract = AccessManager.deploy(hospitals[2:], 10, {"from": hospitals[0]})
    contract.assign(hospitals[1], CLASSIFIER, {"from": hospitals[0]})
    return contract


def granted(manager: Any, hospitals: list[Any]) -> None:
    """The third consents and posts, and the second has access."""
    manager.grant(CLASSIFIER, RETRAINING, ENDLESS, {"from": hospitals[2]})
    manager.post(DATA, {"from": hospitals[2]})
    events = manager.requestAccess(hospitals[2], DATA, RETRAINING, {"from": hospitals[1]}).events
    assert events["Granted"]["patient"] == hospitals[2]


def test_no_grant_no_retraining(manager: Any, hospitals: list[Any]) -> None:
    """Without a consent access is refused, and without access a model is."""
    manager.post(DATA, {"from": hospitals[2]})
    with brownie.reverts("no grant"):
        manager.requestAccess(hospitals[2], DATA, RETRAINING, {"from": hospitals[1]})
    with brownie.reverts("no access"):
        manager.retrained(hospitals[2], DATA, MODEL, {"from": hospitals[1]})


def test_a_better_model_stands(manager: Any, hospitals: list[Any]) -> None:
    """It is recorded once, and kept by its patient."""
    granted(manager, hospitals)
    manager.retrained(hospitals[2], DATA, MODEL, {"from": hospitals[1]})
    assert "Kept" in manager.judge(1, 2, {"from": hospitals[2]}).events
    assert str(manager.current(hospitals[2])) == MODEL
    with brownie.reverts("already retrained"):
        manager.retrained(hospitals[2], DATA, MODEL, {"from": hospitals[1]})


def test_a_worse_model_is_rolled_back(manager: Any, hospitals: list[Any]) -> None:
    """The one before it stands again."""
    granted(manager, hospitals)
    manager.retrained(hospitals[2], DATA, MODEL, {"from": hospitals[1]})
    assert "RolledBack" in manager.judge(2, 1, {"from": hospitals[2]}).events
    assert len(manager.history(hospitals[2])) == 0


def test_who_does_not_judge_holds_up_nobody(manager: Any, chain: Any, hospitals: list[Any]) -> None:
    """After the deadline anybody has the model rolled back."""
    granted(manager, hospitals)
    manager.retrained(hospitals[2], DATA, MODEL, {"from": hospitals[1]})
    with brownie.reverts("before the deadline"):
        manager.close(hospitals[2], {"from": hospitals[3]})
    chain.mine(11)
    manager.close(hospitals[2], {"from": hospitals[3]})
    assert len(manager.history(hospitals[2])) == 0
