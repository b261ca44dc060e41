"""Content ids and their digests: a published id by hand, there and back, and what is no such id."""

from __future__ import annotations

import hashlib
from base64 import b32encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward import codec
from chainward.methods.content import content_id, digest


def by_hand(hashed: bytes) -> str:
    """Version 1, raw, sha2-256, 32 bytes, in lower-case base32 without padding after a b."""
    return "b" + b32encode(bytes([1, 0x55, 0x12, 32]) + hashed).decode().lower().rstrip("=")


@given(st.binary(max_size=40))
def test_there_and_back(data: bytes) -> None:
    hashed = hashlib.sha256(data).digest()
    cid = codec.content_id(data)
    assert (digest(cid), content_id(hashed)) == (hashed, cid)
    assert cid == by_hand(hashed)


@pytest.mark.parametrize(
    "cid",
    [
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",  # version 0
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",  # not raw
    ],
)
def test_other_kinds_of_ids_are_refused(cid: str) -> None:
    with pytest.raises(ValueError, match="no CIDv1"):
        digest(cid)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        content_id(bytes(size))
