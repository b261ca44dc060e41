"""Commit and reveal: a number is fixed before anybody can see it."""

from __future__ import annotations

from eth_utils.crypto import keccak

SALT_BYTES = 32


def commitment(salt: bytes, score: int) -> bytes:
    """Return keccak256(salt || score), the score as 32 bytes in big-endian order, as a contract computes it.

    Raises:
        ValueError: the salt is not 32 bytes, or all of them are zero and so easy to guess.
        OverflowError: the score is negative or does not fit 256 bits.

    Examples:
        >>> commitment(salt=bytes(31) + b"\1", score=7) == commitment(salt=bytes(31) + b"\2", score=7)
        False
    """
    if len(salt) != SALT_BYTES or not any(salt):
        raise ValueError(f"a salt is {SALT_BYTES} bytes that are not all zero")
    return keccak(salt + score.to_bytes(32, "big"))
