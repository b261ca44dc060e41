"""BlockFlow: hospitals pay a bond and submit models."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

BOND = 1000


@pytest.fixture
def blockflow(BlockFlow: Any, hospitals: list[Any]) -> Any:
    """Return the contract, enrolling."""
    return BlockFlow.deploy(3, BOND, 100, 100_000, 100, 100, False, 0, hospitals, {"from": hospitals[0]})


def test_a_bond_enrols(blockflow: Any, hospitals: list[Any]) -> None:
    """The contract holds the bond of who enrolled."""
    tx = blockflow.enrol({"from": hospitals[1], "value": BOND})
    assert tx.events["AgentEnrolled"]["agent"] == hospitals[1]
    assert blockflow.balance() == BOND


def test_all_enrolled_open_the_training(blockflow: Any, hospitals: list[Any]) -> None:
    """Data can be submitted once everyone is in."""
    for hospital in hospitals:
        blockflow.enrol({"from": hospital, "value": BOND})
    tx = blockflow.submitData("bafy", {"from": hospitals[0]})
    assert tx.events["DataSubmitted"]["contentId"] == "bafy"


def test_less_than_the_bond_is_refused(blockflow: Any, hospitals: list[Any]) -> None:
    """And so is who was not admitted."""
    with brownie.reverts("not the bond"):
        blockflow.enrol({"from": hospitals[0], "value": BOND - 1})


def test_the_published_transactions_enrol_too(BlockFlowPublished: Any, hospitals: list[Any]) -> None:
    """For the same terms."""
    contract = BlockFlowPublished.deploy(3, BOND, 100, 100_000, 100, 100, False, 0, hospitals, {"from": hospitals[0]})
    tx = contract.enrol({"from": hospitals[1], "value": BOND})
    assert tx.events["AgentEnrolled"]["agent"] == hospitals[1]
