"""Signatures of several authorities, all of whom must sign, by lattices: ML-DSA of each, or one that adds up.

Both forms are used alike. Each signer has a secret of 32 bytes. It begins, and answers as often as the form has
exchanges to what all said before; what it says last is its part. All parts together are the signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import numpy as np
from dilithium_py.ml_dsa import ML_DSA_65

from chainward.methods.additive_lattice import Additive

PUBLIC_BYTES = 1952
SIGNATURE_BYTES = 3309


class Scheme(Protocol):
    """A form of signature that needs all signers."""

    @property
    def exchanges(self) -> int:
        """How often a signer answers what all said before."""

    @property
    def sign_flops(self) -> float:
        """Modelled operations of a signer's part of one signature."""

    @property
    def verify_flops(self) -> float:
        """Modelled operations of verifying the parts of one signature."""

    def public(self, seed: bytes) -> bytes:
        """Return the public key that belongs to a secret of 32 bytes."""

    def joint(self, publics: Sequence[bytes]) -> bytes:
        """Return the key of all signers together; raises `ValueError` where one of theirs has another form."""

    def begin(self, seed: bytes, message: bytes, rng: np.random.Generator) -> tuple[bytes, Mapping[str, Any]]:
        """Return what a signer says first about a message, and what it keeps."""

    def answer(self, seed: bytes, kept: Mapping[str, Any], heard: Sequence[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        """Return what a signer says to what all said before, in their order, and what it keeps."""

    def verifies(self, joint: bytes, message: bytes, parts: Sequence[bytes]) -> bool:
        """Tell whether these are a valid signature of all signers, in the order of their keys."""


@dataclass(frozen=True)
class MLDSA:
    """ML-DSA-65 (FIPS 204, category 3), a signature of each signer; signing is deterministic, as the standard allows.

    The modelled operations are those of number-theoretic transforms and products: k = 6, l = 5, 5.1 tries on average.
    """

    exchanges: ClassVar[int] = 0
    sign_flops: ClassVar[float] = 6e5
    verify_flops: ClassVar[float] = 1e5

    def public(self, seed: bytes) -> bytes:
        """Return the public key, 1952 bytes."""
        return _keys(seed)[0]

    def joint(self, publics: Sequence[bytes]) -> bytes:
        """Return the keys one after another."""
        if any(len(public) != PUBLIC_BYTES for public in publics):
            raise ValueError(f"a key has {PUBLIC_BYTES} bytes")
        return b"".join(publics)

    def begin(self, seed: bytes, message: bytes, rng: np.random.Generator) -> tuple[bytes, Mapping[str, Any]]:
        """Return the signer's own signature; it needs neither the others nor chance."""
        return _signed(seed, message), {}

    def answer(self, seed: bytes, kept: Mapping[str, Any], heard: Sequence[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        """There is nothing to answer."""
        return b"", {}

    def verifies(self, joint: bytes, message: bytes, parts: Sequence[bytes]) -> bool:
        """Tell whether each signer signed it itself."""
        keys = [joint[start : start + PUBLIC_BYTES] for start in range(0, len(joint), PUBLIC_BYTES)]
        return 0 < len(keys) == len(parts) and all(
            _verified(key, message, part) for key, part in zip(keys, parts, strict=True)
        )


SCHEMES: Mapping[str, Scheme] = {"ml_dsa": MLDSA(), "additive": Additive()}
"""Every form by its name."""


@lru_cache(maxsize=64)
def _keys(seed: bytes) -> tuple[bytes, bytes]:
    public, secret = ML_DSA_65.key_derive(seed)
    return public, secret


@lru_cache(maxsize=1_024)
def _signed(seed: bytes, message: bytes) -> bytes:
    signature: bytes = ML_DSA_65.sign(_keys(seed)[1], message, deterministic=True)
    return signature


@lru_cache(maxsize=65_536)
def _verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verify once what many parties do."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        return bool(ML_DSA_65.verify(public, message, signature))
    except ValueError:  # hints that encode nothing
        return False
