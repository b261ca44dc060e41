"""Proofs of encryption and of partial opening: right ones hold, and whatever is changed does not."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods.paillier_proofs import (
    ciphertexts_of,
    combining_flops,
    dealing_flops,
    encrypt,
    encryption_check_flops,
    encryption_flops,
    open_partly,
    opening_check_flops,
    opening_flops,
    partial_proof_bytes,
    parts_of,
    plaintext_proof_bytes,
    share_fits,
)
from chainward.methods.threshold_paillier import Dealt, deal, encrypted, joined, opened

OCCASION = b"contract, round, party"
VALUES = [5, 0, 2**120]


@cache
def dealt() -> Dealt:
    return deal(128, 4, 2, np.random.default_rng(0))


@cache
def upload() -> bytes:
    return encrypt(dealt().key, VALUES, OCCASION, np.random.default_rng(1))


def ciphertexts() -> tuple[int, ...]:
    found = ciphertexts_of(dealt().key, upload(), 3, OCCASION)
    assert found is not None
    return found


@cache
def part(place: int = 1, wrong: int = 0) -> bytes:
    share = dealt().shares[place - 1] + wrong
    return open_partly(dealt().key, place, share, ciphertexts(), OCCASION, np.random.default_rng(2))


def changed(message: bytes, data: Any) -> bytes:
    place, bit = data.draw(st.integers(0, len(message) - 1)), data.draw(st.integers(0, 7))
    return message[:place] + bytes([message[place] ^ 1 << bit]) + message[place + 1 :]


def test_what_was_encrypted_is_opened_from_parts_whose_proofs_hold() -> None:
    key, found = (
        dealt().key,
        {place: parts_of(dealt().key, place, ciphertexts(), part(place), OCCASION) for place in (2, 4)},
    )
    for at, value in enumerate(VALUES):
        assert opened(key.n, {place: parts[at] for place, parts in found.items() if parts}, key.factor) == value


def test_lengths_are_as_told() -> None:
    key = dealt().key
    assert len(upload()) == 3 * key.width + plaintext_proof_bytes(key)
    assert len(part()) == 3 * key.width + partial_proof_bytes(key)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_changed_upload_passes(data: st.DataObject) -> None:
    assert ciphertexts_of(dealt().key, changed(upload(), data), 3, OCCASION) is None


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_changed_part_passes(data: st.DataObject) -> None:
    assert parts_of(dealt().key, 1, ciphertexts(), changed(part(), data), OCCASION) is None


@pytest.mark.parametrize("message", [b"", upload()[:-1], upload() + b"\0"])
def test_uploads_of_another_length_do_not_pass(message: bytes) -> None:
    assert ciphertexts_of(dealt().key, message, 3, OCCASION) is None


def test_an_upload_of_more_or_fewer_ciphertexts_does_not_pass() -> None:
    assert ciphertexts_of(dealt().key, upload(), 2, OCCASION) is None
    assert ciphertexts_of(dealt().key, upload(), 4, OCCASION) is None


def test_a_copied_upload_does_not_pass_for_another() -> None:
    """Nor do another's ciphertexts, times an encryption of one's own, with any proof that one can make of it."""
    key, width = dealt().key, dealt().key.width
    assert ciphertexts_of(key, upload(), 3, b"another") is None
    own = encrypt(key, [1, 2, 3], b"another", np.random.default_rng(4))
    mixed = [
        a * b % key.modulus for a, b in zip(ciphertexts(), ciphertexts_of(key, own, 3, b"another") or (), strict=True)
    ]
    assert ciphertexts_of(key, joined(mixed, width) + own[3 * width :], 3, b"another") is None


def test_swapped_ciphertexts_do_not_pass() -> None:
    width = dealt().key.width
    swapped = upload()[width : 2 * width] + upload()[:width] + upload()[2 * width :]
    assert ciphertexts_of(dealt().key, swapped, 3, OCCASION) is None


def test_parts_by_another_share_do_not_pass() -> None:
    assert parts_of(dealt().key, 1, ciphertexts(), part(wrong=1), OCCASION) is None
    assert parts_of(dealt().key, 2, ciphertexts(), part(1), OCCASION) is None


def test_one_wrong_part_of_three_does_not_pass() -> None:
    """Also one that only adds to what is opened: c (1 + n)^8."""
    key, width = dealt().key, dealt().key.width
    moved = int.from_bytes(part()[:width], "big") * encrypted(key.n, 8, 1) % key.modulus
    assert parts_of(key, 1, ciphertexts(), joined([moved], width) + part()[width:], OCCASION) is None


def test_two_wrong_parts_that_cancel_out_do_not_pass() -> None:
    """Weights are hashed from all parts, so that nobody can make errors whose weighted product is one."""
    key, width = dealt().key, dealt().key.width
    first, second = (int.from_bytes(part()[at : at + width], "big") for at in (0, width))
    moved = (first * encrypted(key.n, 8, 1) % key.modulus, second * encrypted(key.n, -8, 1) % key.modulus)
    assert parts_of(key, 1, ciphertexts(), joined(moved, width) + part()[2 * width :], OCCASION) is None


def test_parts_for_another_sum_or_occasion_do_not_pass() -> None:
    assert parts_of(dealt().key, 1, ciphertexts()[::-1], part(), OCCASION) is None
    assert parts_of(dealt().key, 1, ciphertexts(), part(), b"another") is None
    assert parts_of(dealt().key, 1, ciphertexts(), part()[:-1], OCCASION) is None


def test_a_share_fits_its_own_value_alone() -> None:
    key, shares = dealt()
    assert [share_fits(key, place, shares[0]) for place in (1, 2)] == [True, False]
    assert not share_fits(key, 1, shares[0] + 1)


def test_an_answer_is_longer_than_what_it_hides() -> None:
    """By the 128 bits of a challenge and 128 more: r + e D s tells nothing about s."""
    key, shares = dealt()
    answer = part()[3 * key.width + 2 * key.width :]
    assert 8 * len(answer) > (key.factor * max(shares)).bit_length() + 256


def test_equal_seeds_make_equal_messages() -> None:
    assert encrypt(dealt().key, VALUES, OCCASION, np.random.default_rng(1)) == upload()
    assert encrypt(dealt().key, VALUES, OCCASION, np.random.default_rng(2)) != upload()


def test_work_grows_with_the_key_and_the_ciphertexts() -> None:
    small, large = dealt().key, deal(256, 4, 2, np.random.default_rng(0)).key
    for flops in (encryption_flops, encryption_check_flops, opening_flops, opening_check_flops):
        assert flops(small, 3) < flops(small, 4)
        assert flops(large, 3) > 2 * flops(small, 3)
    assert combining_flops(small, 3, 2) < combining_flops(small, 3, 3) < combining_flops(large, 3, 3)
    assert dealing_flops(small) < dealing_flops(large)


def test_equal_values_have_other_ciphertexts_and_none_tells_its_value() -> None:
    """Without a mask a ciphertext is 1 + n m, which anybody reads."""
    key = dealt().key
    message = encrypt(key, [5, 5], OCCASION, np.random.default_rng(1))
    one, other = ciphertexts_of(key, message, 2, OCCASION) or (0, 0)
    assert one != other
    assert 1 not in (one % key.n, other % key.n)
