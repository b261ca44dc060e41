"""Biscotti: drawn peers verify and aggregate, and the contract adds up commitments."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from eth_utils.crypto import keccak

GENERATOR, DOUBLED = (
    [1, 2],
    [
        0x030644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD3,
        0x15ED738C0E0A7C92E7845F96B2AE9C0A68A6A449E3538FC7FF3EBF7A5A18A2C4,
    ],
)
DIGEST = keccak(b"".join(number.to_bytes(32, "big") for number in GENERATOR))
MODEL = b"\x01" * 32


@pytest.fixture
def biscotti(Biscotti: Any, hospitals: list[Any]) -> Any:
    """Return the contract of four registered peers, one verifier, one aggregator, two updates of one point."""
    contract = Biscotti.deploy(hospitals, 1, 1, 2, 1, 10, 5, 10, {"from": hospitals[0]})
    for hospital in hospitals:
        contract.register(MODEL, MODEL, {"from": hospital})
    return contract


def test_a_block_adds_the_points_of_accepted_updates(biscotti: Any, hospitals: list[Any]) -> None:
    """Two updates that commit by the generator: the block holds its double, and both earn stake."""
    (verifier,), (aggregator,) = biscotti.roles()
    for trainer in biscotti.trainers():
        biscotti.submit(DIGEST, {"from": trainer})
    biscotti.vote(0b11, 0, {"from": verifier})
    biscotti.propose(MODEL, 0b11, GENERATOR * 2, {"from": aggregator})
    model, included, commitment = biscotti.proposed()
    assert (str(model), included, list(commitment)) == (f"0x{MODEL.hex()}", 0b11, DOUBLED)
    for hospital in hospitals[:3]:
        biscotti.check(True, {"from": hospital})
    assert biscotti.iteration() == 2
    assert list(biscotti.tip()[1]) == DOUBLED
    assert sorted(biscotti.standing()[0]) == [10, 10, 15, 15]


def test_only_the_drawn_act_in_their_role(biscotti: Any, hospitals: list[Any]) -> None:
    """Who was not drawn, as a verifier is not, does not train, and nobody else votes."""
    (verifier,), _ = biscotti.roles()
    with brownie.reverts("not drawn to train"):
        biscotti.submit(DIGEST, {"from": verifier})
    trainers = biscotti.trainers()
    for trainer in trainers:
        biscotti.submit(DIGEST, {"from": trainer})
    with brownie.reverts("not a verifier"):
        biscotti.vote(0b11, 0, {"from": trainers[0]})
