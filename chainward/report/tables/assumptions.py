"""What the report assumes to turn gas into money. Every figure made from it is modelled, never measured."""

from __future__ import annotations

from dataclasses import dataclass

GWEI = 1e-9


@dataclass(frozen=True)
class Assumptions:
    """Prices of the four scenarios; override any of them to see another world.

    A rollup charges for execution and for posting its data to layer 1. The data fee assumed here is
    `bytes on chain × rollup_data_gas_per_byte × rollup_data_gwei`: every byte priced as non-zero layer-1 calldata and
    not compressed, which is an upper bound (blobs are cheaper).
    """

    ether_usd: float = 3000.0
    l1_calm_gwei: float = 5.0
    l1_busy_gwei: float = 50.0
    rollup_gwei: float = 0.01
    rollup_data_gwei: float = 5.0
    rollup_data_gas_per_byte: float = 16.0
    private_gwei: float = 0.0

    def usd(self, gas: float, gwei: float) -> float:
        """Price in USD of `gas` at `gwei` a unit."""
        return gas * gwei * GWEI * self.ether_usd

    def scenarios(self, gas: float, chain_bytes: float) -> dict[str, float]:
        """USD of a whole training under each scenario, given its gas and the bytes it put on chain."""
        data_gas = chain_bytes * self.rollup_data_gas_per_byte
        return {
            "usd_l1_calm": self.usd(gas, self.l1_calm_gwei),
            "usd_l1_busy": self.usd(gas, self.l1_busy_gwei),
            "usd_rollup": self.usd(gas, self.rollup_gwei) + self.usd(data_gas, self.rollup_data_gwei),
            "usd_private": self.usd(gas, self.private_gwei),
        }
