"""DeCAI: a classifier on chain, deposits, refunds and reports."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

MOST = 36 * 10**14
PERCEPTRON, CENTROIDS = 0, 1
WAITS = (2, 20, 40)


@pytest.fixture
def decai(Decai: Any, accounts: Any) -> Any:
    """Return a perceptron of four features that takes everything for class 0 at first."""
    return Decai.deploy(PERCEPTRON, 4, 0, 1, 10**12, WAITS, {"from": accounts[9]})


def added(contract: Any, sender: Any, features: list[int], label: int) -> int:
    """Add a datum and return its id."""
    return int(contract.addData(features, label, {"from": sender, "value": MOST}).events["Added"]["id"])


def test_a_deposit_comes_back_where_the_classifier_agrees(decai: Any, hospitals: list[Any], chain: Any) -> None:
    """After the wait, and no more than what was paid."""
    before = hospitals[0].balance()
    number = added(decai, hospitals[0], [1], 1)
    assert list(decai.weights()) == [0, 1, 0, 0]
    with brownie.reverts("too early"):
        decai.refund(number, [1], 1, {"from": hospitals[0]})
    chain.mine(WAITS[0])
    decai.refund(number, [1], 1, {"from": hospitals[0]})
    decai.collect({"from": hospitals[0]})
    assert (hospitals[0].balance(), decai.balance()) == (before, 0)


def test_a_contradicted_datum_is_reported_by_who_was_right(decai: Any, hospitals: list[Any], chain: Any) -> None:
    """One valid datum of one is all of the deposit."""
    right = added(decai, hospitals[0], [], 0)
    wrong = added(decai, hospitals[1], [], 1)
    chain.mine(WAITS[0])
    with brownie.reverts("nothing valid yet"):
        decai.report(wrong, [], 1, {"from": hospitals[0]})
    decai.refund(right, [], 0, {"from": hospitals[0]})
    tx = decai.report(wrong, [], 1, {"from": hospitals[0]})
    assert tx.events["Reported"]["reporter"] == hospitals[0]
    assert decai.escrow() == 0


def test_a_claim_is_about_what_was_added(decai: Any, hospitals: list[Any], chain: Any) -> None:
    """Other features are another datum."""
    number = added(decai, hospitals[0], [1], 1)
    chain.mine(WAITS[0])
    with brownie.reverts("no such datum"):
        decai.refund(number, [2], 1, {"from": hospitals[0]})


def test_centroids_are_counts(Decai: Any, hospitals: list[Any]) -> None:
    """Of class 0 and class 1, a feature each."""
    contract = Decai.deploy(CENTROIDS, 2, 0, 1, 10**12, WAITS, {"from": hospitals[0]})
    added(contract, hospitals[0], [0], 1)
    added(contract, hospitals[1], [0, 1], 0)
    sizes, counts = contract.centroids()
    assert (tuple(sizes), [tuple(each) for each in counts]) == ((1, 1), [(1, 1), (1, 0)])
    assert contract.predict([0]) == 1
