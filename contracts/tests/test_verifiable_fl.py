"""VerifiableFL: hospitals commit to batches, and an update needs a proof."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

NEUTRAL_KEY = [0] * 32
"""Of points that are all neutral, under which every proof of neutral points holds."""


@pytest.fixture
def learning(VerifiableFL: Any, hospitals: list[Any]) -> Any:
    """Return the contract, waiting for hospitals to enrol."""
    return VerifiableFL.deploy(hospitals, [], [0, 0, 5_000], 2, 2, 10, NEUTRAL_KEY, {"from": hospitals[0]})


def test_a_round_of_two_updates(learning: Any, hospitals: list[Any]) -> None:
    """All enrol, two take their turn, and their mean stands."""
    for number, hospital in enumerate(hospitals):
        learning.enrol([number, 7], {"from": hospital})
    learning.close({"from": hospitals[0]})
    learning.update([10, -10, 4_000], [0] * 8, {"from": hospitals[0]})
    learning.update([13, -13, 4_001], [0] * 8, {"from": hospitals[1]})
    learning.close({"from": hospitals[3]})
    assert list(learning.model()) == [11, -11, 4_000]
    assert learning.round() == 2


def test_no_update_without_a_proof(learning: Any, hospitals: list[Any]) -> None:
    """Numbers that are no points prove nothing."""
    for hospital in hospitals:
        learning.enrol([1, 2], {"from": hospital})
    learning.close({"from": hospitals[0]})
    with brownie.reverts("proof does not hold"):
        learning.update([0, 0, 5_000], [1] * 8, {"from": hospitals[0]})


def test_others_cannot_enrol(learning: Any, accounts: Any) -> None:
    """Who was not named is no hospital."""
    with brownie.reverts("not a hospital"):
        learning.enrol([1, 2], {"from": accounts[9]})
