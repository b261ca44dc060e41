"""Threshold Paillier against the toy vectors, against plain decryption, and as what it promises."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from math import gcd, lcm

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods.safe_primes import random_below, safe_prime
from chainward.methods.threshold_paillier import (
    Dealt,
    Key,
    combined,
    deal,
    encrypted,
    joined,
    opened,
    partial,
    shares_of,
    split,
    summed,
)

N, MODULUS, FACTOR = 161, 25921, 6  # p = 7, q = 23; three parties, 3! = 6
SHARES = (4043, 4060, 4077)
SUM = 9868


@cache
def dealt(parties: int = 5, threshold: int = 3) -> Dealt:
    return deal(128, parties, threshold, np.random.default_rng(0))


def test_toy_vector_of_the_papers_digest() -> None:
    """p = 7, q = 23, d = 4026, f(x) = d + 17 x mod 5313: Enc(12; 2) Enc(30; 3) Enc(-7; 4) opens to 35."""
    assert shares_of([4026, 17], 33 * N, 3) == SHARES
    total = summed(N, (encrypted(N, m, pow(r, N, MODULUS)) for m, r in ((12, 2), (30, 3), (-7, 4))))
    assert total == SUM
    first, _, third = (partial((total,), share, FACTOR, MODULUS)[0] for share in SHARES)
    assert (first, third) == (24795, 16906)
    assert combined(N, {1: first, 3: third}, FACTOR) == 7890
    assert opened(N, {1: first, 3: third}, FACTOR) == 35


def test_paillier_toy_vector() -> None:
    """n = 77, g = 78: Enc(12; 2) = 2636, Enc(30; 3) = 4464, their product 3968 holds 42; -5 is 72."""
    one, other = encrypted(77, 12, pow(2, 77, 5929)), encrypted(77, 30, pow(3, 77, 5929))
    assert (one, other, summed(77, (one, other))) == (2636, 4464, 3968)
    assert (pow(3968, 30, 5929) - 1) // 77 * pow(30, -1, 77) % 77 == 42
    assert encrypted(77, -5, 1) == encrypted(77, 72, 1)


@pytest.mark.parametrize("pair", list(combinations((1, 2, 3), 2)))
def test_any_two_of_the_toy_open_the_sum_and_one_does_not(pair: tuple[int, ...]) -> None:
    parts = {place: partial((SUM,), SHARES[place - 1], FACTOR, MODULUS)[0] for place in (1, 2, 3)}
    assert opened(N, {place: parts[place] for place in pair}, FACTOR) == 35
    assert all(opened(N, {place: parts[place]}, FACTOR) != 35 for place in pair)


def parts(ciphertext: int, places: tuple[int, ...]) -> dict[int, int]:
    key, shares = dealt()
    return {place: partial((ciphertext,), shares[place - 1], key.factor, key.modulus)[0] for place in places}


def test_any_three_of_five_open_what_was_encrypted_and_no_two_do() -> None:
    key, _ = dealt()
    ciphertext = encrypted(key.n, 123_456, pow(key.mask, 77, key.modulus))
    for some in combinations(range(1, 6), 3):
        assert opened(key.n, parts(ciphertext, some), key.factor) == 123_456
    for few in combinations(range(1, 6), 2):
        assert opened(key.n, parts(ciphertext, few), key.factor) != 123_456
    assert opened(key.n, parts(ciphertext, (1, 2, 3, 4, 5)), key.factor) == 123_456


def test_two_shares_of_three_fit_every_secret() -> None:
    """For any secret there is a polynomial through two shares: they tell nothing about it."""
    order, shares = 101, shares_of([42, 7, 13], 101, 5)
    for secret in range(order):
        first, second = (shares[at] - secret for at in (0, 1))
        square = (second - 2 * first) * pow(2, -1, order) % order  # a x + b x^2 through both
        assert shares_of([secret, (first - square) % order, square], order, 2) == shares[:2]


@given(st.lists(st.integers(0, 2**100), min_size=1, max_size=6), st.integers(0, 2**60))
@settings(max_examples=30, deadline=None)
def test_a_product_opens_to_the_sum(values: list[int], exponent: int) -> None:
    key, _ = dealt()
    masks = (pow(key.mask, exponent + place, key.modulus) for place in range(len(values)))
    total = summed(key.n, (encrypted(key.n, m, mask) for m, mask in zip(values, masks, strict=True)))
    assert opened(key.n, parts(total, (2, 3, 5)), key.factor) == sum(values) % key.n


def test_it_is_paillier_opened_with_the_factors_it_opens_alike() -> None:
    """The factors are drawn again from the seed: L(c^lambda) / lambda modulo n."""
    key, _ = dealt()
    secret = lcm(*(p - 1 for p in factors(key.n)))
    ciphertext = encrypted(key.n, 99, pow(key.mask, 5, key.modulus))
    plain = (pow(ciphertext, secret, key.modulus) - 1) // key.n * pow(secret, -1, key.n) % key.n
    assert plain == 99 == opened(key.n, parts(ciphertext, (1, 2, 3)), key.factor)


def factors(n: int) -> tuple[int, int]:
    rng = np.random.default_rng(0)
    p, q = safe_prime(64, rng), safe_prime(64, rng)
    assert p * q == n
    return p, q


def test_a_key_is_of_safe_primes_and_of_the_bits_asked_for() -> None:
    key, _ = dealt()
    p, q = factors(key.n)
    assert (key.bits, key.width) == (128, 32)
    assert gcd(key.n, (p - 1) * (q - 1)) == 1


def test_verification_values_stand_for_the_shares() -> None:
    key, shares = dealt()
    assert key.verification == tuple(pow(key.base, key.factor * share, key.modulus) for share in shares)


def test_a_key_is_read_as_it_was_written() -> None:
    key, _ = dealt()
    assert Key.read(key.written(), 128) == key
    with pytest.raises(ValueError, match="no key of 256 bits"):
        Key.read(key.written(), 256)
    with pytest.raises(ValueError, match="no key of 128 bits"):
        Key.read(b"", 128)


@pytest.mark.parametrize(("bits", "parties", "threshold"), [(0, 3, 2), (130, 3, 2), (128, 3, 4), (128, 3, 0)])
def test_what_cannot_be_dealt_is_refused(bits: int, parties: int, threshold: int) -> None:
    with pytest.raises(ValueError, match="no key"):
        deal(bits, parties, threshold, np.random.default_rng(0))


def test_equal_seeds_deal_equal_keys() -> None:
    assert deal(128, 2, 2, np.random.default_rng(3)) == deal(128, 2, 2, np.random.default_rng(3))


def test_one_of_one_is_plain_paillier() -> None:
    key, (share,) = deal(128, 1, 1, np.random.default_rng(1))
    ciphertext = encrypted(key.n, 7, key.mask)
    assert opened(key.n, {1: partial((ciphertext,), share, 1, key.modulus)[0]}, 1) == 7


@given(st.lists(st.integers(0, 2**32 - 1), max_size=4))
def test_numbers_are_split_as_they_were_joined(numbers: list[int]) -> None:
    assert split(joined(numbers, 4), 4) == tuple(numbers)


@pytest.mark.slow
def test_a_secure_key_opens_too() -> None:
    key, shares = deal(2048, 4, 3, np.random.default_rng(0))
    assert key.bits == 2048
    value = random_below(key.n, np.random.default_rng(1))
    ciphertext = encrypted(key.n, value, pow(key.mask, 12345, key.modulus))
    some = {place: partial((ciphertext,), shares[place - 1], key.factor, key.modulus)[0] for place in (1, 3, 4)}
    assert opened(key.n, some, key.factor) == value
