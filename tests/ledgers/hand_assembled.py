"""Contracts written in opcodes, so that every unit of their gas can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

TRANSACTION, CREATION = 21_000, 32_000
ZERO_BYTE, OTHER_BYTE = 4, 16
COLD_SLOT = 2_100

FIXTURES = Path(__file__).parents[1] / "fixtures" / "contracts"


def calldata_gas(data: bytes) -> int:
    zeros = data.count(0)
    return ZERO_BYTE * zeros + OTHER_BYTE * (len(data) - zeros)


def creation_code(runtime: bytes) -> bytes:
    """PUSH1 n, DUP1, PUSH1 9, PUSH0, CODECOPY, PUSH0, RETURN: returns the `runtime` that follows."""
    return bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime


def write(
    folder: Path, contract: str, runtime: str, function: str, *inputs: str, outputs: tuple[str, ...] = ()
) -> bytes:
    """Write an artifact with one function and return its creation code."""
    code = creation_code(bytes.fromhex(runtime))
    arguments = [{"name": "", "type": kind} for kind in inputs]
    returned = [{"name": "", "type": kind} for kind in outputs]
    abi = [{"type": "function", "name": function, "inputs": arguments, "outputs": returned}]
    document = {"contract": contract, "abi": abi, "bytecode": f"0x{code.hex()}"}
    (folder / f"{contract}.json").write_text(json.dumps(document), encoding="utf-8")
    return code
