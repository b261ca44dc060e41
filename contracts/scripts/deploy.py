"""Deploy every contract with small settings: `brownie run deploy [--network NAME]`."""

from __future__ import annotations

from typing import Any

from brownie import BFLC, BlockFlow, ExplorerChain, SwarmLearning, accounts, network

HOSPITALS = 4


def main() -> list[Any]:
    """Deploy from the first account, the first four being the hospitals, and return the contracts."""
    if network.show_active() != "development":
        for name in ("hospital-1", "hospital-2", "hospital-3", "hospital-4"):
            accounts.load(name)
    hospitals = list(accounts)[:HOSPITALS]
    sender = {"from": hospitals[0]}
    return [
        BFLC.deploy(hospitals, 1, 2, 1, False, 10, sender),
        BlockFlow.deploy(3, 1000, 100, 100_000, 10, False, hospitals, sender),
        ExplorerChain.deploy(hospitals, 3, 10, 10, sender),
        SwarmLearning.deploy(hospitals, 2, 10, 10, sender),
    ]
