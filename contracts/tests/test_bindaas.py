"""BinDaaS: nothing is taken that not every authority signed, and no token is used twice."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from eth_utils.crypto import keccak

ONE = b"\1" * 32


@pytest.fixture
def service(BinDaaS: Any, hospitals: list[Any], accounts: Any) -> Any:
    """Return the contract of two hospitals with records, two authorities with keys, and a provider."""
    contract = BinDaaS.deploy(accounts[5:7], hospitals[:2], accounts[7], 10, {"from": accounts[7]})
    for authority in accounts[5:7]:
        contract.registerKey(ONE, {"from": authority})
    for hospital in hospitals[:2]:
        contract.register(ONE, True, {"from": hospital})
    return contract


def signed(contract: Any, accounts: Any, hospitals: list[Any], which: int = 0b11) -> Any:
    """Have both authorities sign, and both hospitals find so."""
    for authority in accounts[5:7]:
        contract.attest([which], ONE, {"from": authority})
    for hospital in hospitals[:2]:
        contract.vote(keccak(which.to_bytes(32, "big")), {"from": hospital})
    return contract.accept([which], {"from": accounts[9]})


def test_a_record_without_all_signatures_is_refused(service: Any, accounts: Any, hospitals: list[Any]) -> None:
    """The other is accepted, and both are recorded."""
    told = signed(service, accounts, hospitals, 0b01).events
    assert told["RecordAccepted"]["hospital"] == hospitals[0]
    assert told["RecordRefused"]["hospital"] == hospitals[1]


def test_a_missing_authority_ends_nothing_and_signs_nothing(service: Any, accounts: Any, chain: Any) -> None:
    """After the deadline all records are refused."""
    service.attest([0b11], ONE, {"from": accounts[5]})
    with brownie.reverts("before the deadline"):
        service.close({"from": accounts[9]})
    chain.mine(11)
    assert len(service.close({"from": accounts[9]}).events["RecordRefused"]) == 2


def test_a_token_is_redeemed_once_for_those_who_consent(service: Any, accounts: Any, hospitals: list[Any]) -> None:
    """And by the provider alone."""
    signed(service, accounts, hospitals)
    service.request(ONE, {"from": accounts[7]})
    with brownie.reverts("not granted, or used"):
        service.redeem(1, {"from": accounts[7]})
    for authority in accounts[5:7]:
        service.endorse(ONE, {"from": authority})
    service.setConsent(False, {"from": hospitals[0]})
    with brownie.reverts("not the provider"):
        service.redeem(1, {"from": hospitals[0]})
    told = service.redeem(1, {"from": accounts[7]}).events["Redeemed"]
    assert list(told["hospitals"]) == [0b10]
    with brownie.reverts("not granted, or used"):
        service.redeem(1, {"from": accounts[7]})
    service.publishResult(ONE, {"from": accounts[7]})


def test_others_cannot_ask(service: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Not even a hospital."""
    signed(service, accounts, hospitals)
    with brownie.reverts("not the provider"):
        service.request(ONE, {"from": hospitals[0]})
