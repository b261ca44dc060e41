"""ExplorerChain: sites clear, initialize and take turns."""

from __future__ import annotations

from typing import Any

import brownie
import pytest


@pytest.fixture
def explorer(ExplorerChain: Any, hospitals: list[Any]) -> Any:
    """Return the contract, waiting for sites to clear."""
    return ExplorerChain.deploy(hospitals, 3, 10, 10, {"from": hospitals[0]})


def test_cleared_sites_initialize(explorer: Any, hospitals: list[Any]) -> None:
    """The flag moves on when all have posted and somebody advances it."""
    for site in hospitals:
        explorer.clear({"from": site})
    explorer.advance({"from": hospitals[0]})
    tx = explorer.initialize(250_000, b"\1" * 32, {"from": hospitals[2]})
    assert tx.events["Posted"]


def test_a_site_clears_once(explorer: Any, hospitals: list[Any]) -> None:
    """A second time is refused."""
    explorer.clear({"from": hospitals[0]})
    with brownie.reverts("already posted"):
        explorer.clear({"from": hospitals[0]})


def test_others_are_no_sites(explorer: Any, accounts: Any) -> None:
    """Who was not named cannot clear."""
    with brownie.reverts("not a site"):
        explorer.clear({"from": accounts[9]})
