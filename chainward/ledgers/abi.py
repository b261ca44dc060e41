"""The ABI coding of `eth_abi`: compiled where `faster_eth_abi` is installed, its fork with the same results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

# Not every platform has wheels of what the compiled one needs.
_CODER: Any = import_module("faster_eth_abi" if find_spec("faster_eth_abi") else "eth_abi.abi")


def encode(types: Sequence[str], values: Iterable[Any]) -> bytes:
    """Return the ABI encoding of values of these types."""
    return bytes(_CODER.encode(types, values))


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Return the values of these types in `data`."""
    return tuple(_CODER.decode(types, data))
