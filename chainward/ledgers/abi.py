"""The ABI coding of `eth_abi`: compiled where `faster_eth_abi` is installed, its fork with the same results."""

from __future__ import annotations

try:
    from faster_eth_abi import decode, encode
except ImportError:  # not every platform has wheels of what it needs
    from eth_abi.abi import decode, encode

__all__ = ["decode", "encode"]
