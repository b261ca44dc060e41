"""2CP: an evaluator and trainers, or trainers who score one another."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

NOBODY = "0x" + 40 * "0"


@pytest.fixture
def crowdsource(TwoCP: Any, hospitals: list[Any], accounts: Any) -> Any:
    """Return the contract with the last account as its evaluator."""
    return TwoCP.deploy(accounts[9], hospitals, 2**256 - 1, 10, {"from": accounts[9]})


def test_a_trainer_commits_once(crowdsource: Any, hospitals: list[Any]) -> None:
    """Committing is an event; a second time is refused."""
    tx = crowdsource.commit([0], [b"\x01" * 32], {"from": hospitals[0]})
    assert tx.events["Committed"]["trainer"] == hospitals[0]
    with brownie.reverts("already committed"):
        crowdsource.commit([0], [b"\x01" * 32], {"from": hospitals[0]})


def test_others_do_not_train(crowdsource: Any, accounts: Any) -> None:
    """Who is not listed cannot commit, the evaluator included."""
    with brownie.reverts("not a trainer"):
        crowdsource.commit([0], [b"\x01" * 32], {"from": accounts[9]})


def test_a_consortium_has_a_run_a_trainer(TwoCP: Any, hospitals: list[Any]) -> None:
    """Its founder opens them, once each."""
    consortium = TwoCP.deploy(NOBODY, hospitals, 2**256 - 1, 10, {"from": hospitals[0]})
    tx = consortium.addAux(hospitals[1], {"from": hospitals[0]})
    assert tx.events["RunOpened"]["run"] == 1
    with brownie.reverts("already has a run"):
        consortium.addAux(hospitals[1], {"from": hospitals[0]})
