"""Content ids as contracts keep them: the 32 bytes of the hash that are all that differs between two of them."""

from __future__ import annotations

from multiformats import CID

DIGEST_BYTES = 32
_SHA2_256 = 0x12


def digest(cid: str) -> bytes:
    """Return the SHA-256 [32 bytes] in a CIDv1 of raw content.

    Raises:
        ValueError: it is another kind of id.
    """
    decoded = CID.decode(cid)
    code, size, *hashed = decoded.digest
    if (decoded.version, decoded.codec.name, code, size) != (1, "raw", _SHA2_256, DIGEST_BYTES):
        raise ValueError(f"{cid} is no CIDv1 (raw, sha2-256)")
    return bytes(hashed)


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
    return str(CID("base32", 1, "raw", bytes([_SHA2_256, DIGEST_BYTES]) + hashed))
