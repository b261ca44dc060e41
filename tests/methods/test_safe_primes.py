"""Safe primes from a seed."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.methods.safe_primes import random_below, safe_prime


def prime(number: int) -> bool:
    """By trial division."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


@pytest.mark.parametrize("seed", range(4))
def test_both_primes_are_prime_and_of_the_length_asked_for(seed: int) -> None:
    found = safe_prime(32, np.random.default_rng(seed))
    assert prime(found)
    assert prime(found // 2)
    assert found >> 30 == 0b11


@pytest.mark.parametrize("bits", [33, 64, 127, 256])
def test_longer_ones_pass_fermats_test_to_many_bases(bits: int) -> None:
    found = safe_prime(bits, np.random.default_rng(bits))
    assert found.bit_length() == bits
    for number in (found, found // 2):
        assert all(pow(base, number - 1, number) == 1 for base in range(2, 60))


def test_equal_seeds_give_equal_primes_and_others_others() -> None:
    one, same, other = (safe_prime(64, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_few_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="32 bits or more"):
        safe_prime(31, np.random.default_rng(0))


def test_drawn_numbers_are_below_their_limit_and_spread() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_below(10, rng) for _ in range(300)]
    assert set(drawn) == set(range(10))
