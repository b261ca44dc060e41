"""Baffle: the best bidder for a chunk writes it."""

from __future__ import annotations

from typing import Any

import brownie
import pytest
from eth_utils.crypto import keccak

NEAR, FAR = 4 << 224, 5 << 224
"""A chunk of one slot whose first weight is 4 or 5 millionths."""

CAP = 1_000


@pytest.fixture
def baffle(Baffle: Any, hospitals: list[Any]) -> Any:
    """Return the contract of two hospitals with a model of eight zeros in one chunk, and one winner a chunk."""
    contract = Baffle.deploy(hospitals[:2], 8, 1, 1, 1, CAP, 0, 10, {"from": hospitals[0]})
    contract.fill([0], {"from": hospitals[0]})
    return contract


def bid(contract: Any, place: int, hospital: Any, chunk: int, score: int) -> bytes:
    """Bid for the chunk with a score, and return its hash."""
    digest = bytes(keccak(chunk.to_bytes(32, "big")))
    commitment = keccak(place.to_bytes(2, "big") + digest)
    contract.bid([(score + 1) << 192], commitment, {"from": hospital})
    return digest


def test_the_best_bid_is_written(baffle: Any, hospitals: list[Any]) -> None:
    """Who changed the chunk most uploads it; the other was not accepted."""
    near, far = bid(baffle, 1, hospitals[0], NEAR, 4), bid(baffle, 2, hospitals[1], FAR, 5)
    baffle.accept({"from": hospitals[0]})
    with brownie.reverts("no accepted bid"):
        baffle.upload(1, [near], [NEAR], {"from": hospitals[0]})
    baffle.upload(1, [far], [FAR], {"from": hospitals[1]})
    baffle.aggregate({"from": hospitals[0]})
    assert list(baffle.model()) == [FAR]


def test_a_score_that_is_not_the_distance_is_refused(baffle: Any, hospitals: list[Any]) -> None:
    """A bid can be inflated, and not be honoured."""
    digest = bid(baffle, 1, hospitals[0], NEAR, 9)
    bid(baffle, 2, hospitals[1], FAR, 5)
    baffle.accept({"from": hospitals[0]})
    with brownie.reverts("score is not the distance"):
        baffle.upload(1, [digest], [NEAR], {"from": hospitals[0]})


def test_the_next_bid_takes_over_from_a_phantom(baffle: Any, chain: Any, hospitals: list[Any]) -> None:
    """Who wins and does not upload is passed over after the deadline."""
    near = bid(baffle, 1, hospitals[0], NEAR, 4)
    bid(baffle, 2, hospitals[1], FAR, CAP)
    baffle.accept({"from": hospitals[0]})
    with brownie.reverts("uploads may still come"):
        baffle.accept({"from": hospitals[0]})
    chain.mine(11)
    baffle.accept({"from": hospitals[0]})
    baffle.upload(1, [near], [NEAR], {"from": hospitals[0]})
    baffle.aggregate({"from": hospitals[0]})
    assert list(baffle.model()) == [NEAR]


def test_others_cannot_bid(baffle: Any, accounts: Any) -> None:
    """Who is not listed is no hospital."""
    with brownie.reverts("not a hospital"):
        baffle.bid([1 << 192], b"\1" * 32, {"from": accounts[9]})
