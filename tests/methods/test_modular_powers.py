"""Powers modulo large numbers, against Python's own."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.modular_powers import (
    MOST_TABLES,
    fixed_powers,
    power_flops,
    product_flops,
    product_of_powers,
)

MODULUS = 2**127 - 1
NUMBERS = st.integers(0, 2**300)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4))
def test_products_of_powers(pairs: list[tuple[int, int]]) -> None:
    expected = prod(pow(base, exponent, MODULUS) for base, exponent in pairs) % MODULUS
    assert product_of_powers(*(tuple(pair[at] for pair in pairs) for at in (0, 1)), MODULUS) == expected


@given(st.lists(NUMBERS, max_size=3), NUMBERS)
def test_powers_by_tables(bases: list[int], exponent: int) -> None:
    assert fixed_powers(tuple(bases), exponent, MODULUS) == [pow(base, exponent, MODULUS) for base in bases]


def test_many_bases_have_no_tables() -> None:
    bases = tuple(range(MOST_TABLES + 1))
    assert fixed_powers(bases, 5, 1000) == [base**5 % 1000 for base in bases]


def test_a_power_of_2048_bits_takes_about_as_much_as_a_processor_does() -> None:
    """3,072 products modulo 2048 bits, each of 2 (2048 / 32)^2 word products and as many additions: 50 million."""
    assert product_flops(2048) == 16_384
    assert power_flops(2048, 2048) == pytest.approx(5.03e7, rel=1e-3)
    assert power_flops(2048, 4096) == 4 * power_flops(2048, 2048)
