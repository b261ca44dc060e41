"""Content ids and their digests: a published id by hand, there and back, and what is no such id."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID, multihash

from chainward import codec
from chainward.methods.content import content_id, digest, fingerprint


def by_hand(hashed: bytes) -> str:
    """Version 1, raw, sha2-256, 32 bytes, in lower-case base32 without padding after a b."""
    return "b" + b32encode(bytes([1, 0x55, 0x12, 32]) + hashed).decode().lower().rstrip("=")


@given(st.binary(max_size=40))
def test_there_and_back(data: bytes) -> None:
    hashed = hashlib.sha256(data).digest()
    cid = codec.content_id(data)
    assert (digest(cid), content_id(hashed)) == (hashed, cid)
    assert cid == by_hand(hashed)


@given(st.binary(max_size=40))
def test_ids_are_those_of_multiformats(data: bytes) -> None:
    cid = codec.content_id(data)
    assert cid == str(CID("base32", 1, "raw", multihash.digest(data, "sha2-256")))
    assert digest(cid) == bytes(CID.decode(cid).raw_digest)


@given(st.integers(1, 58), st.characters(max_codepoint=127))
def test_one_other_character_makes_another_id_or_none(place: int, other: str) -> None:
    """Nothing but the one way of writing an id is read: two ids never mean the same content."""
    cid = codec.content_id(b"model")
    changed = cid[:place] + other + cid[place + 1 :]
    with suppress(ValueError):
        assert content_id(digest(changed)) == changed


@pytest.mark.parametrize(
    "cid",
    [
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",  # version 0
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",  # not raw
        codec.content_id(b"").upper(),
        codec.cid(bytes(31)),
        codec.content_id(b"")[:-1],
        "bä",
        "",
    ],
)
def test_other_kinds_of_ids_are_refused(cid: str) -> None:
    with pytest.raises(ValueError, match="no CIDv1"):
        digest(cid)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_other_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
        content_id(bytes(size))


def test_a_fingerprint_is_of_the_bytes_a_little_endian_machine_holds():
    weights = np.array([1.0, -2.5, 0.0], dtype=np.float32)
    by_hand = hashlib.sha256(bytes.fromhex("0000803f 000020c0 00000000")).digest()
    assert fingerprint(weights) == by_hand
    assert fingerprint(weights.astype(">f4")) == by_hand
    assert fingerprint(np.repeat(weights, 2)[::2]) == by_hand
    assert fingerprint(weights + np.float32(1e-6)) != by_hand
