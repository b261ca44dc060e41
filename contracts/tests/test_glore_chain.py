"""GloreChain: sites post sums, each in turn is server, and the others check its step."""

from __future__ import annotations

from typing import Any

import brownie
import pytest

SUMS, MODEL = b"\1" * 32, b"\2" * 32


@pytest.fixture
def glore(GloreChain: Any, hospitals: list[Any]) -> Any:
    """Return the contract of three sites, all of which posted sums; the first is server."""
    sites = hospitals[:3]
    contract = GloreChain.deploy(sites, 20, 10, {"from": sites[0]})
    for site in sites:
        contract.initialize({"from": site})
    contract.advance({"from": sites[0]})
    for site in sites:
        contract.update(0, SUMS, {"from": site})
    contract.advance({"from": sites[0]})
    return contract


def test_a_step_that_the_others_find_right_stands(glore: Any, hospitals: list[Any]) -> None:
    """The next site is server of the next iteration."""
    glore.transfer(0, MODEL, False, {"from": hospitals[0]})
    for site in hospitals[1:3]:
        glore.check(0, True, {"from": site})
    glore.advance({"from": hospitals[0]})
    assert bytes(glore.model()) == MODEL
    assert (glore.iteration(), glore.server()) == (1, hospitals[1])


def test_a_step_that_the_others_find_wrong_does_not(glore: Any, hospitals: list[Any]) -> None:
    """The next site is server of the same iteration."""
    glore.transfer(0, MODEL, False, {"from": hospitals[0]})
    for site in hospitals[1:3]:
        glore.check(0, False, {"from": site})
    tx = glore.advance({"from": hospitals[0]})
    assert tx.events["PassedOver"]["server"] == hospitals[0]
    assert (glore.iteration(), glore.server()) == (0, hospitals[1])


def test_a_silent_server_is_passed_over(glore: Any, chain: Any, hospitals: list[Any]) -> None:
    """Anybody may, after the deadline and not before."""
    with brownie.reverts("still waiting"):
        glore.advance({"from": hospitals[1]})
    chain.mine(11)
    glore.advance({"from": hospitals[1]})
    assert glore.server() == hospitals[1]


def test_nobody_else_is_server(glore: Any, hospitals: list[Any]) -> None:
    """Each has its turn."""
    with brownie.reverts("not the server"):
        glore.transfer(0, MODEL, False, {"from": hospitals[1]})
