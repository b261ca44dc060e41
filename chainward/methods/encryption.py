"""Encryption between accounts: ECDH on secp256k1, HKDF-SHA256 and AES-256-GCM, all from `cryptography`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chainward import codec

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_NONCE_BYTES = 12


@dataclass(frozen=True)
class KeyPair:
    """A secp256k1 key: the secret scalar and the uncompressed public point (65 bytes)."""

    secret: int
    public: bytes


@lru_cache(maxsize=4096)
def key_pair(seed: bytes) -> KeyPair:
    """Return the key pair that belongs to a 32-byte seed."""
    secret = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
    return KeyPair(secret, _public(secret))


def seal_for(data: bytes, readers: Mapping[str, bytes], own: KeyPair, rng: np.random.Generator) -> bytes:
    """Encrypt `data` under a fresh content key, and that key for the public key of each reader.

    Examples:
        >>> us, them = key_pair(bytes(31) + b"\1"), key_pair(bytes(31) + b"\2")
        >>> sealed = seal_for(b"weights", {"them": them.public}, own=us, rng=np.random.default_rng(0))
        >>> unseal(sealed, "them", publisher=us.public, own=them)
        b'weights'
    """
    content_key, nonce = rng.bytes(32), rng.bytes(_NONCE_BYTES)
    key_nonces, wrapped = rng.bytes(_NONCE_BYTES * len(readers)), {}
    for at, (reader, public) in enumerate(readers.items()):
        key_nonce = key_nonces[_NONCE_BYTES * at : _NONCE_BYTES * (at + 1)]
        wrapped[reader] = key_nonce + AESGCM(_shared(_Pair.of(own, public))).encrypt(key_nonce, content_key, None)
    return codec.encode({"keys": wrapped, "nonce": nonce, "data": AESGCM(content_key).encrypt(nonce, data, None)})


def unseal(data: bytes, reader: str, publisher: bytes, own: KeyPair) -> bytes:
    """Decrypt what `seal_for` made, as `reader`; `publisher` is the public key of who made it.

    Raises:
        PermissionError: `reader` is not among those it was encrypted for.
        cryptography.exceptions.InvalidTag: the content was tampered with, or another key pair is used.
    """
    sealed = _opened(data)
    if reader not in sealed["keys"]:
        raise PermissionError(f"{reader} is not among the readers of this item")
    wrapped = sealed["keys"][reader]
    key = AESGCM(_shared(_Pair.of(own, publisher))).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], None)
    return AESGCM(key).decrypt(sealed["nonce"], sealed["data"], None)


def locked(data: bytes, key: bytes, owner: bytes, rng: np.random.Generator) -> bytes:
    """Encrypt `data` under a key of 32 bytes, to be read as its `owner`'s by whoever is given that key.

    Who republishes it under another name cannot have it opened, also not with the right key.

    Examples:
        >>> closed = locked(b"weights", key=bytes(32), owner=b"us", rng=np.random.default_rng(0))
        >>> unlocked(closed, key=bytes(32), owner=b"us")
        b'weights'
    """
    nonce = rng.bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, owner)


def unlocked(data: bytes, key: bytes, owner: bytes) -> bytes:
    """Decrypt what `locked` made.

    Raises:
        ValueError: another key was used, it is another owner's, or the content was tampered with.
    """
    try:
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], owner)
    except (InvalidTag, ValueError):
        raise ValueError("the key does not open it") from None


def locked_between(data: bytes, own: KeyPair, public: bytes, rng: np.random.Generator) -> bytes:
    """Encrypt `data` for one reader by its public key, who reads it by `unlocked_between`; it cannot be sent back."""
    return locked(data, _shared(_Pair.of(own, public)), _public(own.secret), rng)


def unlocked_between(data: bytes, own: KeyPair, public: bytes) -> bytes:
    """Decrypt what somebody with a public key encrypted by `locked_between`.

    Raises:
        ValueError: it is for somebody else or from somebody else, or the content was tampered with.

    Examples:
        >>> us, them = key_pair(bytes(31) + b"\1"), key_pair(bytes(31) + b"\2")
        >>> unlocked_between(locked_between(b"key", us, them.public, np.random.default_rng(0)), them, us.public)
        b'key'
    """
    return unlocked(data, _shared(_Pair.of(own, public)), owner=public)


@dataclass(frozen=True)
class _Pair:
    """Two parties by their public keys. Either one's secret leads to the same key, so which is at hand is no matter."""

    publics: frozenset[bytes]
    secret: int = field(compare=False)
    other: bytes = field(compare=False)

    @classmethod
    def of(cls, own: KeyPair, other: bytes) -> _Pair:
        """Take the public key that the secret has, whatever is said beside it: only who knows one gets a key."""
        return cls(frozenset((_public(own.secret), other)), own.secret, other)


@lru_cache(maxsize=65_536)
def _shared(pair: _Pair) -> bytes:
    secret_bytes = _private(pair.secret).exchange(ec.ECDH(), _point(pair.other))
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"chainward content key").derive(secret_bytes)


@lru_cache(maxsize=128)  # items, which may be large: the other readers of one come soon
def _opened(data: bytes) -> Mapping[str, Any]:
    """Take a sealed item apart; nobody may change what comes back."""
    parts: Mapping[str, Any] = codec.decode(data)
    return parts


@lru_cache(maxsize=4_096)
def _private(secret: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(secret, ec.SECP256K1())


@lru_cache(maxsize=4_096)
def _public(secret: int) -> bytes:
    return _private(secret).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@lru_cache(maxsize=4_096)
def _point(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public)
