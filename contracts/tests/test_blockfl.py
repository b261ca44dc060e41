"""BlockFL: a miner verifies and pays its devices, and packs the block."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

SAMPLE, REWARD = 100_000, 3


@pytest.fixture
def blockfl(BlockFL: Any, accounts: Any, hospitals: list[Any]) -> Any:
    """Return the contract of two devices and two miners, with an update of ten samples for the first miner."""
    terms = (hospitals[:2], [10, 100], list(accounts)[4:6], [12, 100], SAMPLE, 10, 0, [REWARD, 2])
    contract = BlockFL.deploy(*terms, {"from": accounts[6], "value": 100})
    contract.upload("bafy", 10, 10 * SAMPLE, accounts[4], {"from": hospitals[0]})
    return contract


def test_verified_updates_are_paid_and_packed(blockfl: Any, accounts: Any, hospitals: list[Any]) -> None:
    """The device earns by its samples, the winner by those of its devices."""
    blockfl.verify(hospitals[0], "bafy", 10, 10 * SAMPLE, {"from": accounts[4], "value": 10 * REWARD})
    blockfl.upload("bafy", 5, 5 * SAMPLE, accounts[5], {"from": hospitals[1]})
    blockfl.verify(hospitals[1], "bafy", 5, 5 * SAMPLE, {"from": accounts[5], "value": 5 * REWARD})
    tx = blockfl.pack(0, {"from": accounts[4]})
    assert tx.events["Mined"]["reward"] == 20
    assert [blockfl.collectable(party) for party in (*hospitals[:2], accounts[4])] == [30, 15, 20]
    assert blockfl.balance() == 100 + 45


def test_a_time_that_does_not_fit_is_refused(blockfl: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Ten times the samples in the same time."""
    blockfl.upload("bafy", 100, 10 * SAMPLE, accounts[4], {"from": hospitals[1]})
    with brownie.reverts("time does not fit samples"):
        blockfl.verify(hospitals[1], "bafy", 100, 10 * SAMPLE, {"from": accounts[4], "value": 100 * REWARD})


def test_nobody_has_more_samples_than_it_enrolled_with(blockfl: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Whatever time it says they took."""
    with brownie.reverts("more samples than enrolled"):
        blockfl.upload("bafy", 11, 11 * SAMPLE, accounts[4], {"from": hospitals[0]})


def test_what_was_verified_cannot_be_replaced(blockfl: Any, accounts: Any, hospitals: list[Any]) -> None:
    """The verification of one update is not one of another."""
    blockfl.upload("another", 10, 10 * SAMPLE, accounts[4], {"from": hospitals[0]})
    with brownie.reverts("not what was uploaded"):
        blockfl.verify(hospitals[0], "bafy", 10, 10 * SAMPLE, {"from": accounts[4], "value": 10 * REWARD})


def test_a_block_waits_for_all_devices(blockfl: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Until the waiting time is over."""
    blockfl.verify(hospitals[0], "bafy", 10, 10 * SAMPLE, {"from": accounts[4], "value": 10 * REWARD})
    with brownie.reverts("waiting for updates"):
        blockfl.pack(0, {"from": accounts[4]})
