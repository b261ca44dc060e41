"""What calldata costs at least since EIP-7623; modelled, because the EVM here follows Cancun."""

from __future__ import annotations

BASE_GAS = 21_000
_GAS_A_TOKEN = 10


def floor_gas(calldata: bytes) -> int:
    """Return 21,000 + 10 x tokens, where a zero byte is one token and any other byte four (EIP-7623).

    Examples:
        >>> floor_gas(bytes(32)), floor_gas(b"\1" * 32)
        (21320, 22280)
    """
    zeros = calldata.count(0)
    return BASE_GAS + _GAS_A_TOKEN * (zeros + 4 * (len(calldata) - zeros))
