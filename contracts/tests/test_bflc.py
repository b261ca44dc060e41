"""BFLC: a committee scores the trainers' updates."""

from __future__ import annotations

from typing import Any

import brownie
import pytest


@pytest.fixture
def bflc(BFLC: Any, hospitals: list[Any]) -> Any:
    """Return the contract with a committee of one, two updates wanted and one merged."""
    return BFLC.deploy(hospitals, 1, 2, 1, False, 10, {"from": hospitals[0]})


def test_listed_hospitals_register_once(bflc: Any, hospitals: list[Any]) -> None:
    """Registering is an event; a second time is refused."""
    tx = bflc.register({"from": hospitals[0]})
    assert tx.events["Registered"]["hospital"] == hospitals[0]
    with brownie.reverts("already registered"):
        bflc.register({"from": hospitals[0]})


def test_others_stay_outside(bflc: Any, accounts: Any) -> None:
    """Who is not listed cannot register."""
    with brownie.reverts("not in the consortium"):
        bflc.register({"from": accounts[9]})


def test_no_committee_no_contract(BFLC: Any, hospitals: list[Any]) -> None:
    """The constructor refuses settings that cannot work."""
    with brownie.reverts("no committee or no trainers"):
        BFLC.deploy(hospitals, 0, 2, 1, False, 10, {"from": hospitals[0]})
