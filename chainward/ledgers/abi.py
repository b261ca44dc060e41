"""The ABI coding of `eth_abi`: compiled where `faster_eth_abi` is installed, its fork with the same results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from eth_utils.address import is_address, to_canonical_address

# Not every platform has wheels of what the compiled one needs.
_CODER: Any = import_module("faster_eth_abi" if find_spec("faster_eth_abi") else "eth_abi.abi")


def encode(types: Sequence[str], values: Iterable[Any]) -> bytes:
    """Return the ABI encoding of values of these types.

    An address is encoded as the number it is: the same 32 bytes, without the checks that outlast most transactions.
    """
    numbers = [_numbers(kind, value) for kind, value in zip(types, values, strict=True)]
    kinds = [kind.replace("address", "uint160") if kind.startswith("address") else kind for kind in types]
    return bytes(_CODER.encode(kinds, numbers))


def _numbers(kind: str, value: Any) -> Any:
    """A value of type address, or of an array of them, as numbers; any other as it is."""
    if kind == "address":
        return _number(value)
    return [_numbers(kind[: kind.rindex("[")], item) for item in value] if kind.startswith("address") else value


@lru_cache(maxsize=65_536)
def _number(address: str | bytes) -> int:
    if not is_address(address):
        raise TypeError(f"Value {address!r} cannot be encoded as an address")
    return int.from_bytes(to_canonical_address(address), "big")


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Return the values of these types in `data`."""
    return tuple(_CODER.decode(types, data))
