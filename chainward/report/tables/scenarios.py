"""What the report assumes to turn gas into money. Every figure made from it is modelled, never measured.

Block time and price belong together: gas of a private chain, whose blocks come every few seconds, costs nothing, and
layer 1, where it costs something, makes a block each 12 s. So each setting has one scenario, that of its own chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainward.ledgers import consensus
from chainward.plans.specification import Specification

GWEI = 1e-9


@dataclass(frozen=True)
class Assumptions:
    """Prices of the four scenarios; override any of them to see another world.

    A rollup charges for execution and for posting its data to layer 1. The data fee assumed here is
    `(bytes on chain + transactions × rollup_envelope_bytes) × rollup_data_gas_per_byte × rollup_data_gwei`: every byte
    priced as non-zero layer-1 calldata and not compressed; blobs are cheaper. The envelope is what a signed
    transaction of EIP-1559 holds besides its calldata: type, chain, nonce, two fees, gas limit, recipient, signature.
    """

    ether_usd: float = 3000.0
    l1_calm_gwei: float = 5.0
    l1_busy_gwei: float = 50.0
    rollup_gwei: float = 0.01
    rollup_data_gwei: float = 5.0
    rollup_data_gas_per_byte: float = 16.0
    rollup_envelope_bytes: float = 116.0
    private_gwei: float = 0.0

    def usd(self, gas: float, gwei: float) -> float:
        """Price in USD of `gas` at `gwei` a unit."""
        return gas * gwei * GWEI * self.ether_usd

    def everywhere(self, gas: float, chain_bytes: float, transactions: float) -> dict[str, float]:
        """USD of a whole training's gas under each scenario, given the bytes it put on chain and its transactions."""
        posted = chain_bytes + transactions * self.rollup_envelope_bytes
        data = self.usd(posted * self.rollup_data_gas_per_byte, self.rollup_data_gwei)
        return {
            "usd_l1_calm": self.usd(gas, self.l1_calm_gwei),
            "usd_l1_busy": self.usd(gas, self.l1_busy_gwei),
            "usd_rollup": self.usd(gas, self.rollup_gwei) + data,
            "usd_private": self.usd(gas, self.private_gwei),
        }


@dataclass(frozen=True)
class Scenario:
    """A setting's chain in words, and the price of its gas by the name of `Assumptions.everywhere`; empty: unknown."""

    chain: str
    price: str

    def words(self, prices: Assumptions) -> str:
        """What its gas costs, with the numbers."""
        told = {
            "usd_private": f"private chain, gas at {prices.private_gwei:g} gwei",
            "usd_l1_calm": f"layer 1, gas at {prices.l1_calm_gwei:g} gwei and {prices.ether_usd:,.0f} USD an ether",
        }
        return told.get(self.price, "a chain with a price of its own")


def scenario(specification: Specification) -> Scenario:
    """Return the scenario of a trial's chain: that of a public one is layer 1 on a calm day."""
    params = dict(specification.ledger_params)
    if "rpc" in params or params.get("network", "anvil") != "anvil":
        return Scenario(f"{specification.ledger}: blocks as the chain makes them", "")
    model = str(params.pop("consensus", consensus.DEFAULT))
    if model not in consensus.MODELS:
        return Scenario(f"{specification.ledger}: {model}", "")
    chain = f"{specification.ledger}: {consensus.described(model, params)}"
    return Scenario(chain, "usd_l1_calm" if model in consensus.PUBLIC else "usd_private")
