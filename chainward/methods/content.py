"""What contracts keep of content: of an id the 32 bytes in which two of them differ, of weights their hash."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward import codec

DIGEST_BYTES = 32


def digest(cid: str) -> bytes:
    """Return the SHA-256 [32 bytes] in a CIDv1 of raw content.

    Raises:
        ValueError: it is another kind of id, or not in base32.
    """
    try:
        hashed = base64.b32decode(cid[1:].upper() + "=" * (-len(cid[1:]) % 8))[-DIGEST_BYTES:]
    except ValueError:
        hashed = b""
    if codec.cid(hashed) != cid:
        raise ValueError(f"{cid} is no CIDv1 (raw, sha2-256, base32)")
    return hashed


def is_content_id(text: str) -> bool:
    """Tell whether this is a CIDv1 (raw, sha2-256, base32), of which there is a `digest`.

    Examples:
        >>> is_content_id(content_id(bytes(32))), is_content_id("b" + 58 * "a")
        (True, False)
    """
    try:
        return bool(digest(text))
    except ValueError:
        return False


def content_id(hashed: bytes) -> str:
    """Return the CIDv1 (raw, sha2-256, base32) of content with this SHA-256, the inverse of `digest`.

    Raises:
        ValueError: there are not 32 bytes.

    Examples:
        >>> content_id(bytes(32))
        'bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
        >>> digest(content_id(bytes(32))) == bytes(32)
        True
    """
    if len(hashed) != DIGEST_BYTES:
        raise ValueError(f"a SHA-256 has {DIGEST_BYTES} bytes, not {len(hashed)}")
    return codec.cid(hashed)


def fingerprint(weights: npt.NDArray[np.float32]) -> bytes:
    """Return the SHA-256 [32 bytes] of weights [P], each as four bytes in little-endian order.

    Examples:
        >>> fingerprint(np.ones(1, np.float32)) == hashlib.sha256(bytes.fromhex("0000803f")).digest()
        True
    """
    return hashlib.sha256(np.ascontiguousarray(weights, dtype="<f4").tobytes()).digest()


def salted(value: Any, salt: bytes) -> bytes:
    """Return the SHA-256 [32 bytes] of a salt and what a value encodes to: nobody can guess the value and check it.

    Examples:
        >>> salted(1, bytes(32)) == salted(1, bytes(31) + b"\1")
        False
    """
    return hashlib.sha256(salt + codec.encode(value)).digest()
