"""Lattice signatures of several signers against vectors, another implementation, and estimates of their strength."""

from __future__ import annotations

import math
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods.additive_lattice import DIGEST_BYTES, Additive, product, recovered, response
from chainward.methods.lattice_signature import MLDSA, SCHEMES, Scheme

MESSAGE = b"a record"
SEEDS = tuple(bytes([number]) * 32 for number in range(3))
BOTH = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)

# The hand vector of the additive form.
Q, A, S, T = 97, [[1, 2], [3, 4]], [[1], [-1]], [[96], [96]]

# NIST's validation vectors, ML-DSA-keyGen-FIPS204, test case 27: the seed, and how the public key begins and ends.
NIST_SEED = "E67D4E94E36225F5E360DBE043099A96078174A054631BC673100D218A71C448"
NIST_FIRST = "A11E04721B8D823AEBFD8CD4663CC5E864BFB0C33DF9D350FC6B20E1DE4D857DDC0E3510FC180782256A8DA567B316D6277C5727"
NIST_LAST = "25A9C148A0DD127E4EBD9167453DC6E47259FB3C66E8D3B72DF61D0974D01362437191A36EA3C99F45A7DE1C2D179C53E365D1C5"


@cache
def signed(scheme: Scheme, seeds: tuple[bytes, ...] = SEEDS, message: bytes = MESSAGE) -> list[bytes]:
    """The parts of all signers, who talk as often as the form demands."""
    turns = [scheme.begin(seed, message, np.random.default_rng(place)) for place, seed in enumerate(seeds)]
    for _ in range(scheme.exchanges):
        heard = [said for said, _ in turns]
        turns = [scheme.answer(seed, kept, heard) for seed, (_, kept) in zip(seeds, turns, strict=True)]
    return [said for said, _ in turns]


@cache
def joint(scheme: Scheme, seeds: tuple[bytes, ...] = SEEDS) -> bytes:
    return scheme.joint([scheme.public(seed) for seed in seeds])


def test_hand_vector() -> None:
    """q = 97: t = (96, 96), w = (19, 43), z = (7, 5) for c = 2, and A z - c t = w."""
    assert product(A, S, Q).tolist() == T
    assert product(A, [5, 7], Q).tolist() == [19, 43]
    z = response([5, 7], S, [2])
    assert z.tolist() == [7, 5]
    assert recovered(A, z, T, [2], Q).tolist() == [19, 43]


def test_without_a_challenge_the_answer_is_the_mask() -> None:
    """c = 0: A z = w."""
    assert recovered(A, response([5, 7], S, [0]), T, [0], Q).tolist() == product(A, [5, 7], Q).tolist()


@given(st.integers(2, 2**31 - 1), st.integers(1, 5), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_products_are_exact(modulus: int, rows: int, columns: int, seed: int) -> None:
    """Against whole numbers of any size."""
    rng = np.random.default_rng(seed)
    matrix, vector = rng.integers(0, modulus, (rows, columns)), rng.integers(-(2**25), 2**25, columns)
    expected = [sum(int(a) * int(x) for a, x in zip(row, vector, strict=True)) % modulus for row in matrix]
    assert product(matrix, vector, modulus).tolist() == expected


def test_keys_are_those_of_nist() -> None:
    public = MLDSA().public(bytes.fromhex(NIST_SEED)).hex().upper()
    assert len(public) == 2 * 1952
    assert public.startswith(NIST_FIRST)
    assert public.endswith(NIST_LAST)


@pytest.mark.parametrize("seed", SEEDS)
def test_another_implementation_agrees(seed: bytes) -> None:
    """Of `cryptography`: equal keys of equal seeds, and each takes the other's signatures and refuses a changed one."""
    mldsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.mldsa")
    scheme, theirs = MLDSA(), mldsa.MLDSA65PrivateKey.from_seed_bytes(seed)
    public = theirs.public_key()
    assert scheme.public(seed) == public.public_bytes_raw()
    (ours,) = signed(scheme, (seed,))
    public.verify(ours, MESSAGE)
    with pytest.raises(InvalidSignature):
        public.verify(ours, b"another")
    assert scheme.verifies(joint(scheme, (seed,)), MESSAGE, [theirs.sign(MESSAGE)])
    assert not scheme.verifies(joint(scheme, (seed,)), MESSAGE, [theirs.sign(b"another")])


@BOTH
def test_all_signers_together_sign(scheme: Scheme) -> None:
    parts = signed(scheme)
    assert scheme.verifies(joint(scheme), MESSAGE, parts)
    assert not scheme.verifies(joint(scheme), b"another", parts)
    assert parts == signed.__wrapped__(scheme)  # the same for the same secrets, message and chance


@BOTH
def test_one_signer_is_an_ordinary_signature(scheme: Scheme) -> None:
    assert scheme.verifies(joint(scheme, SEEDS[:1]), MESSAGE, signed(scheme, SEEDS[:1]))


@BOTH
@pytest.mark.parametrize("colluding", list(combinations(range(3), 2)))
def test_all_but_one_sign_nothing(scheme: Scheme, colluding: tuple[int, int]) -> None:
    """Their own signature, and it with a part of theirs for the missing one's, in any place."""
    found = signed(scheme, tuple(SEEDS[place] for place in colluding))
    key = joint(scheme)
    assert not scheme.verifies(key, MESSAGE, found)
    for filler in (found[0], b"", bytes(len(found[0])), found[0][:DIGEST_BYTES] + bytes(len(found[0]) - DIGEST_BYTES)):
        for place in range(3):
            assert not scheme.verifies(key, MESSAGE, [*found[:place], filler, *found[place:]])


@BOTH
def test_one_flipped_bit_is_noticed_wherever_it_is(scheme: Scheme) -> None:
    parts, key, rng = signed(scheme), joint(scheme), np.random.default_rng(0)
    places = [0, *rng.integers(0, 8 * len(parts[1]), 12).tolist(), 8 * len(parts[1]) - 1]
    for place in places:
        changed = bytearray(parts[1])
        changed[place // 8] ^= 1 << place % 8
        assert not scheme.verifies(key, MESSAGE, [parts[0], bytes(changed), parts[2]]), place
    for place in range(0, 8 * len(MESSAGE), 7):
        other = bytearray(MESSAGE)
        other[place // 8] ^= 1 << place % 8
        assert not scheme.verifies(key, bytes(other), parts)


@BOTH
@pytest.mark.parametrize("length", [0, 1, 32, 3309, 12_320])
@pytest.mark.parametrize("byte", [b"\0", b"\xff"], ids=["zeros", "ones"])
def test_what_is_no_part_is_none(scheme: Scheme, length: int, byte: bytes) -> None:
    part, parts = length * byte, signed(scheme)
    assert not scheme.verifies(joint(scheme), MESSAGE, [part, *parts[1:]])
    assert not scheme.verifies(joint(scheme), MESSAGE, [part] * 3)
    assert not scheme.verifies(b"", MESSAGE, parts)
    assert not scheme.verifies(joint(scheme), MESSAGE, [])


@BOTH
def test_a_key_of_another_size_is_none(scheme: Scheme) -> None:
    with pytest.raises(ValueError, match=r"bytes|multiple|reshape"):
        scheme.joint([scheme.public(SEEDS[0])[:-4]])


# --- the additive form -------------------------------------------------------------------------------------------


def answered(scheme: Additive, step: int, change: Any) -> list[bytes]:
    """What all but the last signer say last, where the last one says something else in one step."""
    turns = [scheme.begin(seed, MESSAGE, np.random.default_rng(place)) for place, seed in enumerate(SEEDS)]
    for exchange in range(scheme.exchanges):
        heard = [said for said, _ in turns]
        if exchange == step:
            heard[-1] = change(heard[-1])
        turns = [scheme.answer(seed, kept, heard) for seed, (_, kept) in zip(SEEDS, turns, strict=True)]
    return [said for said, _ in turns][:-1]


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("change", [lambda _: b"", lambda said: said[:-1], lambda said: bytes(len(said))])
def test_who_does_not_keep_to_what_it_fixed_gets_no_answer(step: int, change: Any) -> None:
    """Whatever another hash, another w or other tries: nobody gives out a part of a signature."""
    assert answered(SCHEMES["additive"], step, change) == [b"", b""]  # type: ignore[arg-type]


def test_a_part_out_of_turn_is_none() -> None:
    assert SCHEMES["additive"].answer(SEEDS[0], {}, [b""]) == (b"", {})


@pytest.mark.parametrize("more", [1, 2, 40])
def test_more_parts_than_signers_do_not_make_a_larger_sum_short(more: int) -> None:
    """Else whoever splits a long z into many parts would be believed."""
    scheme = SCHEMES["additive"]
    parts = signed(scheme)
    nothing = parts[0][:DIGEST_BYTES] + bytes(len(parts[0]) - DIGEST_BYTES)
    assert not scheme.verifies(joint(scheme), MESSAGE, [*parts, *more * [nothing]])


def test_a_key_chosen_after_the_others_would_sign_alone() -> None:
    """Why keys are fixed before any is shown: T_3 = A S - T_1 - T_2 leaves only what one of them knows."""
    scheme = Additive()
    own, others = (
        np.frombuffer(b"".join(map(scheme.public, seeds)), "<u4").astype(np.int64) for seeds in (SEEDS[2:], SEEDS[:2])
    )
    rogue = (own - others.reshape(2, -1).sum(axis=0)) % scheme.modulus
    key = scheme.joint([*map(scheme.public, SEEDS[:2]), rogue.astype("<u4").tobytes()])
    (alone,) = signed(scheme, SEEDS[2:])
    nothing = alone[:DIGEST_BYTES] + bytes(len(alone) - DIGEST_BYTES)
    assert scheme.verifies(key, MESSAGE, [nothing, nothing, alone])
    assert not scheme.verifies(joint(scheme), MESSAGE, [nothing, nothing, alone])


@pytest.mark.parametrize("place", [0, 1_000, 3_071])
def test_what_is_too_long_is_refused_however_well_it_adds_up(place: int) -> None:
    """A multiple of q in z changes no product, only its length."""
    scheme = Additive()
    parts = signed(scheme)
    z = np.frombuffer(parts[0][DIGEST_BYTES:], "<i4").astype(np.int64)
    z[place] += scheme.modulus if z[place] < 0 else -scheme.modulus
    long = parts[0][:DIGEST_BYTES] + z.astype("<i4").tobytes()
    assert scheme.verifies(joint(scheme), MESSAGE, parts)
    assert not scheme.verifies(joint(scheme), MESSAGE, [long, *parts[1:]])


def test_answers_tell_nothing_of_the_secret() -> None:
    """What is given out lies within the bound, and its mean is 0 whatever S c is."""
    scheme = Additive()
    z = np.concatenate([np.frombuffer(part[DIGEST_BYTES:], "<i4") for part in signed(scheme)])
    assert np.abs(z).max() <= scheme.bound < 2**scheme.mask_bits
    assert abs(z.mean()) < 5 * scheme.bound / math.sqrt(3 * len(z))


def test_masks_of_two_messages_differ_also_where_chance_repeats() -> None:
    """Two answers with one mask would give the secret away."""
    scheme = Additive()
    first, second = (scheme.begin(SEEDS[0], message, np.random.default_rng(0)) for message in (MESSAGE, b"another"))
    assert first[1]["salt"] == second[1]["salt"]
    assert first[0] != second[0]


def reduction(block: int) -> float:
    """log2 of the root Hermite factor of lattice reduction with blocks of this size (Chen 2013)."""
    return math.log2((math.pi * block) ** (1 / block) * block / (2 * math.pi * math.e)) / (2 * (block - 1))


def bits_to_forge(scheme: Additive, signers: int) -> float:
    """Of a short z - z' with A (z - z') = T (c - c'): the block in which reduction finds one, at 0.292 bits each."""
    length = math.log2(2 * signers * 2**scheme.mask_bits * math.sqrt(scheme.columns))
    size = math.log2(scheme.modulus)

    def found(block: int) -> bool:
        dimensions = range(scheme.rows, scheme.columns + 1, 16)
        return min(d * reduction(block) + scheme.rows * size / d for d in dimensions) <= length

    return 0.292 * next(block for block in range(60, 2000) if found(block))


def bits_to_find_the_secret(scheme: Additive) -> float:
    """Of S in T = A S, an instance of learning with errors (primal attack, Alkim et al. 2016)."""
    deviation, size = math.sqrt(scheme.secret * (scheme.secret + 1) / 3), math.log2(scheme.modulus)

    def found(block: int) -> bool:
        return any(
            math.log2(deviation * math.sqrt(block)) <= (2 * block - d - 1) * reduction(block) + samples * size / d
            for samples in range(block, scheme.rows + 1, 16)
            for d in [scheme.columns - scheme.rows + samples + 1]
        )

    return 0.292 * next(block for block in range(60, 2000) if found(block))


def test_the_default_is_as_strong_as_it_says() -> None:
    scheme = Additive()
    assert 130 <= bits_to_find_the_secret(scheme) <= 140
    assert bits_to_forge(scheme, 16) >= 130
    assert math.log2(math.comb(scheme.challenges, scheme.weight)) + scheme.weight >= 132
    toy = Additive(rows=256, columns=512)
    assert bits_to_find_the_secret(toy) < 30  # the estimate tells small from large


def test_tries_are_aborted_as_rarely_as_it_says() -> None:
    scheme = Additive()
    together = (1 - scheme.weight * scheme.secret / 2**scheme.mask_bits) ** (scheme.columns * 3)
    assert (1 - together) ** scheme.tries < 1e-7
