"""Commit and reveal: a number is fixed before anybody can see it."""

from __future__ import annotations

from collections.abc import Iterable

from eth_utils.crypto import keccak

SALT_BYTES = 32


def commitment(salt: bytes, *numbers: int) -> bytes:
    """Return keccak256(salt || number || ...), each as 32 bytes in big-endian order, as a contract computes it.

    Raises:
        ValueError: the salt is not 32 bytes, or all of them are zero and so easy to guess.
        OverflowError: a number is negative or does not fit 256 bits.

    Examples:
        >>> commitment(bytes(31) + b"\1", 7) == commitment(bytes(31) + b"\2", 7)
        False
    """
    _check(salt)
    return keccak(salt + b"".join(number.to_bytes(32, "big") for number in numbers))


def sealed(domain: bytes, salt: bytes, content: bytes) -> bytes:
    """Return keccak256(domain || salt || content), as a contract computes it.

    `domain` is the contract's word for who commits, where and when, which makes a copied commitment useless.

    Raises:
        ValueError: the salt is not 32 bytes, or all of them are zero and so easy to guess.

    Examples:
        >>> sealed(b"of one", bytes(31) + b"\1", b"content") == sealed(b"of another", bytes(31) + b"\1", b"content")
        False
    """
    _check(salt)
    return keccak(domain + salt + content)


def words(values: Iterable[int]) -> bytes:
    """Return each of the values as 32 bytes in two's complement, as `abi.encodePacked` writes an array.

    Raises:
        OverflowError: a value does not fit 256 bits.

    Examples:
        >>> words([-1, 2]).hex() == "f" * 64 + "0" * 63 + "2"
        True
    """
    return b"".join(value.to_bytes(32, "big", signed=True) for value in values)


def _check(salt: bytes) -> None:
    if len(salt) != SALT_BYTES or not any(salt):
        raise ValueError(f"a salt is {SALT_BYTES} bytes that are not all zero")
