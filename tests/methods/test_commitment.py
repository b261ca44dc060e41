"""Commit and reveal: what a contract would compute, and what is too easy to guess."""

from __future__ import annotations

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.commitment import commitment

SALTS = st.binary(min_size=32, max_size=32).filter(any)
SCORES = st.integers(0, 2**256 - 1)


def test_hand_vector() -> None:
    salt = (1).to_bytes(32, "big")
    assert commitment(salt, 786_432).hex() == "fdb27c9c85415e2dcc176cb88f1da27f8d748f8e14d103c2776492285415442b"


@given(SALTS, SCORES)
def test_is_the_hash_of_both_as_the_abi_writes_them(salt: bytes, score: int) -> None:
    assert commitment(salt, score) == keccak(encode(["bytes32", "uint256"], [salt, score]))


@given(SALTS, st.lists(SCORES, max_size=4))
def test_is_the_hash_of_as_many_numbers_as_are_given(salt: bytes, scores: list[int]) -> None:
    words = ["bytes32", *["uint256"] * len(scores)]
    assert commitment(salt, *scores) == keccak(encode(words, [salt, *scores]))


@given(SALTS, SALTS, SCORES)
def test_another_salt_hides_the_same_score(salt: bytes, other: bytes, score: int) -> None:
    assert (commitment(salt, score) == commitment(other, score)) == (salt == other)


@pytest.mark.parametrize("salt", [bytes(32), b"\x01" * 31, b"\x01" * 33, b""])
def test_a_salt_of_zeros_or_of_another_length_is_refused(salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        commitment(salt, 1)


@pytest.mark.parametrize("score", [-1, 2**256])
def test_a_score_beyond_256_bits_is_refused(score: int) -> None:
    with pytest.raises(OverflowError):
        commitment(b"\x01" * 32, score)
