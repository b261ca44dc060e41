"""SwarmLearning: nodes check in, and one of them is drawn to lead."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

DIGEST = b"\7" * 32


@pytest.fixture
def swarm(SwarmLearning: Any, hospitals: list[Any]) -> Any:
    """Return the contract with everyone enrolled; two make a round."""
    contract = SwarmLearning.deploy(hospitals, 2, 4, 10, 10, {"from": hospitals[0]})
    for hospital in hospitals:
        contract.enrol(50, {"from": hospital})
    return contract


def test_the_leader_delivers(swarm: Any, hospitals: list[Any]) -> None:
    """One of those who checked in leads, and only that one delivers."""
    current = swarm.round()
    for hospital in hospitals:
        swarm.checkIn(current, DIGEST, {"from": hospital})
    leader = swarm.elect({"from": hospitals[0]}).events["LeaderElected"]["leader"]
    assert leader in hospitals
    other = next(hospital for hospital in hospitals if hospital != leader)
    with brownie.reverts("not the leader"):
        swarm.deliver(current, DIGEST, "ipfs://model", {"from": other})
    assert swarm.deliver(current, DIGEST, "ipfs://model", {"from": leader}).events["Merged"]["leader"] == leader


def test_nobody_leads_while_others_are_awaited(swarm: Any, hospitals: list[Any]) -> None:
    """One node is no swarm."""
    swarm.checkIn(swarm.round(), DIGEST, {"from": hospitals[0]})
    with brownie.reverts("nothing to draw"):
        swarm.elect({"from": hospitals[0]})
