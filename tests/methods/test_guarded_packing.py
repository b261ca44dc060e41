"""Fixed point in slots with guard bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.guarded_packing import Slots

SLOTS = Slots(fraction_bits=4, value_bits=8, summands=5, plaintext_bits=40)  # slots of 11 bits, three a plaintext


@given(st.lists(st.lists(st.integers(-128, 127), min_size=7, max_size=7), min_size=1, max_size=5))
def test_sums_of_packed_numbers_are_the_packed_sums(rows: list[list[int]]) -> None:
    plains = [SLOTS.packed(np.array(row)) for row in rows]
    assert all(len(plain) == SLOTS.count(7) == 3 for plain in plains)
    assert max(map(max, plains)) < 2**40
    total = [sum(column) for column in zip(*plains, strict=True)]
    assert SLOTS.unpacked(total, 7, len(rows)).tolist() == np.sum(rows, axis=0).tolist()


@pytest.mark.parametrize("value", [-128, 127])
def test_guard_bits_hold_the_largest_sums(value: int) -> None:
    (plain,) = SLOTS.packed(np.array([value, -value - 1, value]))
    assert SLOTS.unpacked([5 * plain], 3, 5).tolist() == [5 * value, -5 * value - 5, 5 * value]


def test_one_summand_needs_no_guard_bits() -> None:
    assert (Slots(4, 8, 1, 40).width, Slots(4, 8, 2, 40).width, SLOTS.width) == (8, 9, 11)


def test_fixed_point_rounds_halves_to_even_and_clips() -> None:
    given_values = [0.03125, 0.09375, 1.0, 100.0, -100.0, np.inf, -np.inf, np.nan]
    assert SLOTS.fixed(given_values).tolist() == [0, 2, 16, 127, -128, 127, -128, 0]


@given(st.floats(-7.5, 7.5, width=32))
def test_rounding_errs_by_half_a_unit_at_most(value: float) -> None:
    assert abs(SLOTS.fixed([value])[0] / SLOTS.one - value) <= 0.5 / SLOTS.one


@pytest.mark.parametrize("terms", [(4, 60, 1, 100), (9, 8, 1, 40), (8, 8, 1, 40), (-1, 8, 1, 40), (4, 8, 5, 10)])
def test_what_cannot_be_packed_is_refused(terms: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be packed"):
        Slots(*terms)
