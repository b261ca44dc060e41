"""Parties and their accounts: arguments of type `address` may be party names, and results come back as such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from eth_utils.address import is_address, to_checksum_address

checksummed = lru_cache(maxsize=65_536)(to_checksum_address)
"""An address as results show it; the same few come back in every transaction."""


class Accounts:
    """The two-way book of parties and addresses; `open_account` makes a new party's account."""

    def __init__(self, open_account: Callable[[str], str]) -> None:
        self._open_account = open_account
        self._address_of: dict[str, str] = {}
        self._bytes_of: dict[str, bytes] = {}  # which take half as long to encode
        self._party_of: dict[str, str] = {}

    def of(self, party: str) -> str:
        """Return the address of a party's account, opening it on first use."""
        if party not in self._address_of:
            address = checksummed(self._open_account(party))
            self._address_of[party], self._party_of[address.lower()] = address, party
            self._bytes_of[party] = bytes.fromhex(address[2:])
        return self._address_of[party]

    def addressed(self, kinds: Sequence[str], values: Sequence[Any]) -> list[Any]:
        """Return arguments of the given ABI types with party names replaced by addresses.

        Raises:
            TypeError: their number differs.
        """
        if len(kinds) != len(values):
            raise TypeError(f"expected {len(kinds)} arguments ({', '.join(kinds)}), got {len(values)}")
        return [self._addressed(kind, value) for kind, value in zip(kinds, values, strict=True)]

    def named(self, kind: str, value: Any) -> Any:
        """Return one result with addresses of accounts replaced by party names."""
        if kind == "address":
            return self._party_of.get(value.lower(), checksummed(value))
        if kind.startswith("address["):
            return tuple(self.named("address", item) for item in value)
        return value

    def _addressed(self, kind: str, value: Any) -> Any:
        if kind == "address":
            if value not in self._bytes_of:
                if is_address(value):
                    return value
                self.of(value)
            return self._bytes_of[value]
        if kind.startswith("address["):
            return [self._addressed("address", item) for item in value]
        return value
