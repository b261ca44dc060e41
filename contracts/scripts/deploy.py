"""Deploy every contract with small settings: `brownie run deploy [--network NAME]`."""

from __future__ import annotations

from typing import Any

from brownie import (
    BFLC,
    AccessManager,
    Baffle,
    BinDaaS,
    Biscotti,
    BlockFL,
    BlockFlow,
    BlockFlowPublished,
    Decai,
    DeepChain,
    ExplorerChain,
    FedCoin,
    GloreChain,
    SwarmLearning,
    TwoCP,
    VerifiableFL,
    accounts,
    network,
)

HOSPITALS = 4


def main() -> list[Any]:
    """Deploy from the first account, the first four being the hospitals, and return the contracts."""
    if network.show_active() != "development":
        for name in ("hospital-1", "hospital-2", "hospital-3", "hospital-4"):
            accounts.load(name)
    hospitals = list(accounts)[:HOSPITALS]
    sender = {"from": hospitals[0]}
    founder, *others = hospitals
    return [
        AccessManager.deploy(others, 10, sender),
        Baffle.deploy(hospitals, 64, 1, 2, 4, 10_000_000, 1, 10, sender),
        BFLC.deploy(hospitals, 1, 2, 1, False, 10, sender),
        BinDaaS.deploy(hospitals[:2], hospitals, hospitals[3], 10, sender),
        Biscotti.deploy(hospitals, 1, 3, 3, 2, 10, 5, 10, sender),
        BlockFL.deploy(others, [100] * 3, [founder], (10, 100), 100_000, 10, 8, (10, 10), {**sender, "value": 10_000}),
        BlockFlow.deploy(3, 1000, 100, 100_000, 10, 10, False, 0, hospitals, sender),
        BlockFlowPublished.deploy(3, 1000, 100, 100_000, 10, 10, False, 0, hospitals, sender),
        Decai.deploy(0, 40, 0, 1, 10**12, (2, 20, 40), sender),
        DeepChain.deploy(others, [b"\1" * 32] * 3, [founder], 2, 1_000, 10, 128, 10, sender),
        ExplorerChain.deploy(hospitals, 3, 10, 10, sender),
        FedCoin.deploy(founder, others, [founder], 1_000, 70, 10, 50_000, False, 10, sender),
        GloreChain.deploy(hospitals, 20, 10, sender),
        SwarmLearning.deploy(hospitals, 2, 4, 10, 10, sender),
        TwoCP.deploy(founder, others, 2**256 - 1, 10, sender),
        VerifiableFL.deploy(hospitals, [], [0, 0, 5_000], 2, 2, 10, [0] * 32, sender),
    ]
