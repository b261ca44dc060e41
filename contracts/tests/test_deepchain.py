"""DeepChain: deposits, majorities of workers, and a wrong part that the contract finds out by itself."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from eth_utils.crypto import keccak

DEPOSIT, FEE = 1000, 7
KEY = b"\xff" * 32 + (4).to_bytes(32, "big") * 2  # an odd modulus, v = 4, and v_i = 4, so that the share is 1
SUM = (2).to_bytes(32, "big")


@pytest.fixture
def deepchain(DeepChain: Any, accounts: Any, hospitals: list[Any]) -> Any:
    """Return the contract of three hospitals, two of whom open a sum, and of one worker."""
    keys = [keccak(KEY)] * 3
    terms = (2, DEPOSIT, FEE, 128, 10)
    contract = DeepChain.deploy(hospitals[:3], keys, [accounts[5]], *terms, {"from": hospitals[0]})
    for hospital in hospitals[:3]:
        contract.join({"from": hospital, "value": DEPOSIT})
    return contract


def aggregated(contract: Any, worker: Any, hospitals: list[Any]) -> Any:
    """All upload, and the worker names their sum."""
    for hospital in hospitals[:3]:
        contract.upload(b"\1" * 32, {"from": hospital, "value": FEE})
    contract.claim(keccak(SUM), 7, {"from": worker})
    return contract


def message(contract: Any, hospital: Any, part: int) -> bytes:
    """Return a part in opening the sum and a proof that is right for the part 4 = 2^(2 * 1): commitments of 1."""
    told, ones = part.to_bytes(32, "big"), 2 * (1).to_bytes(32, "big")
    seed = keccak(bytes(contract.domain(hospital)) + keccak(KEY) + SUM + told)
    return told + ones + keccak(seed + ones)[:16].rjust(32, b"\0")


def test_a_round_is_opened_and_deposits_come_home(deepchain: Any, accounts: Any, hospitals: list[Any]) -> None:
    """The worker has the fees."""
    aggregated(deepchain, accounts[5], hospitals)
    for hospital in hospitals[:3]:
        deepchain.submit(message(deepchain, hospital, 4), {"from": hospital})
    with brownie.reverts("the proof holds"):
        told = (hospitals[1], KEY, SUM, message(deepchain, hospitals[1], 4))
        deepchain.dispute(*told, {"from": accounts[9]})
    deepchain.approve({"from": accounts[5]})
    assert deepchain.opened() == 1
    assert deepchain.collectable(accounts[5]) == 3 * FEE
    for hospital in hospitals[:3]:
        deepchain.leave({"from": hospital})
        deepchain.collect({"from": hospital})
    assert deepchain.balance() == 3 * FEE


def test_a_wrong_part_costs_its_deposit(deepchain: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Anybody can show it, and the others share the deposit."""
    aggregated(deepchain, accounts[5], hospitals)
    for hospital, part in zip(hospitals[:3], (4, 9, 4), strict=True):
        deepchain.submit(message(deepchain, hospital, part), {"from": hospital})
    deepchain.dispute(hospitals[1], KEY, SUM, message(deepchain, hospitals[1], 9), {"from": accounts[9]})
    assert deepchain.submitted() == 0b101
    assert [deepchain.collectable(hospital) for hospital in hospitals[:3]] == [DEPOSIT // 2, 0, DEPOSIT // 2]


def test_others_are_no_parties(deepchain: Any, accounts: Any) -> None:
    """Who was not named cannot join."""
    with brownie.reverts("not a party"):
        deepchain.join({"from": accounts[9], "value": DEPOSIT})
