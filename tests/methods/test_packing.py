"""Packing of weights into slots: by hand, there and back, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.packing import fixed_point, floating_point, joined, packed, slots, unpacked

WEIGHTS = st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=40)


def test_eight_weights_a_slot_the_first_in_the_highest_bits() -> None:
    (slot,) = slots(packed(np.array([1, -1, 2, 0, 0, 0, 0, 3], dtype=np.int32)))
    assert slot == (1 << 224) + ((2**32 - 1) << 192) + (2 << 160) + 3


def test_four_scores_a_slot_and_zeros_to_its_end() -> None:
    first, second = slots(packed(np.array([1, 2, 3, 4, 2**64 - 1], dtype=np.uint64)))
    assert first == (1 << 192) + (2 << 128) + (3 << 64) + 4
    assert second == (2**64 - 1) << 192


@given(WEIGHTS)
def test_there_and_back(values: list[int]) -> None:
    data = packed(np.array(values, dtype=np.int32))
    assert len(data) == 32 * -(-len(values) // 8)
    assert joined(slots(data)) == data
    assert unpacked(data, len(values)).tolist() == values


def test_rounds_to_millionths() -> None:
    values, fits = fixed_point([1.0, -0.5, 0.0000004, 0.0000006, -2147.483648, 2147.483647])
    assert values.tolist() == [1_000_000, -500_000, 0, 1, -(2**31), 2**31 - 1]
    assert fits.all()


@pytest.mark.parametrize("weight", [np.nan, np.inf, -np.inf, 2147.483648, -2147.483649, 1e30])
def test_what_does_not_fit_is_named_and_zero(weight: float) -> None:
    values, fits = fixed_point([1.0, weight])
    assert values.tolist() == [1_000_000, 0]
    assert fits.tolist() == [True, False]


def test_weights_come_back_as_single_precision() -> None:
    weights = floating_point(fixed_point(np.array([0.25, -1.5], dtype=np.float32)).values)
    assert weights.dtype == np.float32
    assert weights.tolist() == [0.25, -1.5]
