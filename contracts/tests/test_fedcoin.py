"""FedCoin: a task's price is split by the vector nearest to the average."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from eth_utils.crypto import keccak

ONE, PRICE = 2**20, 1000
SALT = b"\5" * 32


@pytest.fixture
def fedcoin(FedCoin: Any, accounts: Any, hospitals: list[Any]) -> Any:
    """Return the contract of two clients and one solver, with an open task."""
    terms = (PRICE, 70, 10, ONE, False, 10)
    contract = FedCoin.deploy(accounts[5], hospitals[:2], [accounts[6]], *terms, {"from": accounts[4]})
    contract.announce({"from": accounts[4], "value": PRICE})
    contract.post(hospitals[:2], ["bafy a", "bafy b"], {"from": accounts[5]})
    return contract


def sealed(contract: Any, solver: Any, vector: list[int]) -> bytes:
    """Return the commitment of a solver to its vector."""
    values = b"".join(value.to_bytes(32, "big", signed=True) for value in vector)
    return bytes(keccak(bytes(contract.domain(solver)) + SALT + values))


def test_the_price_is_split_by_the_winners_values(fedcoin: Any, accounts: Any, hospitals: list[Any]) -> None:
    """Three quarters of the trainers' part for three quarters of the value."""
    vector, before = [3 * ONE // 4, ONE // 4], [hospital.balance() for hospital in hospitals[:2]]
    fedcoin.commit(sealed(fedcoin, accounts[6], vector), {"from": accounts[6]})
    fedcoin.reveal(SALT, vector, {"from": accounts[6]})
    assert fedcoin.close({"from": accounts[9]}).events["Accepted"]["winner"] == accounts[6]
    gained = [hospital.balance() - wei for hospital, wei in zip(hospitals[:2], before, strict=True)]
    assert gained == [525, 175]
    assert fedcoin.balance() == 0


def test_a_commitment_opens_to_its_own_vector(fedcoin: Any, accounts: Any) -> None:
    """Another vector is refused."""
    fedcoin.commit(sealed(fedcoin, accounts[6], [ONE, 0]), {"from": accounts[6]})
    with brownie.reverts("commitment not opened"):
        fedcoin.reveal(SALT, [0, ONE], {"from": accounts[6]})


def test_others_are_no_solvers(fedcoin: Any, accounts: Any) -> None:
    """Who was not named cannot commit."""
    with brownie.reverts("not a solver"):
        fedcoin.commit(SALT, {"from": accounts[9]})
