"""A contract that passes on what its owner has it call, to see what happens to those who cannot be paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chainward.ledgers import artifacts
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.testing import OnChain
from chainward.world import Reverted

# PUSH the call data behind `forward(address,bytes)` on to that address with the value; refuse plain payments.
PURSE = "366007575f5ffd5b6064360360645f375f5f606436035f346004355af13d5f5f3e6027573d5ffd5b00"
MILL = "5b5f56"  # JUMPDEST PUSH0 JUMP: burn all gas one is given


def payee(folder: Path, code: str = PURSE) -> str:
    """Write the contract's artifact into a folder; return the address it has once `join` makes it."""
    inputs = [{"name": "", "type": "address"}, {"name": "", "type": "bytes"}]
    abi = [{"type": "function", "name": "forward", "inputs": inputs, "outputs": []}]
    creation = f"60{len(code) // 2:02x}8060095f395ff3{code}"  # returns what follows
    document = json.dumps({"contract": "Payee", "abi": abi, "bytecode": creation})
    (folder / "Payee.json").write_text(document, encoding="utf-8")
    return _made(EvmLedger(Periodic(), (folder,)))


def join(chain: OnChain, address: str) -> None:
    """Make the contract on the chain of another that knows its address already."""
    assert _made(chain.ledger) == address


def through(chain: OnChain, address: str, contract: str, function: str, *arguments: Any, value: int = 0) -> Any:
    """Have it call a function of `contract`, with addresses as arguments; a refusal is passed on as it is."""
    data = artifacts.find(contract).functions[function].encode(list(arguments))
    try:
        return chain.ledger.send(address, "forward", [chain.address, data], "owner", value, chain.now)
    except Reverted as error:
        raise Reverted(contract, function, error.reason) from None


def _made(ledger: EvmLedger) -> str:
    return ledger.deploy("Payee", [], "owner", 0, 0.0).address
