"""Whole numbers, divided as Solidity does, and their running mean."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import trunc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.fixed_point import moved, quantised, running_mean, truncated

WORD = st.integers(-(2**63), 2**63)


@given(WORD, WORD.filter(bool))
def test_division_cuts_towards_zero(dividend: int, divisor: int) -> None:
    assert truncated(dividend, divisor) == trunc(Fraction(dividend, divisor))


def test_the_published_hand_vector_and_its_other_order() -> None:
    assert [running_mean([[v] for v in (10, 13, 20)[:k]]) for k in (1, 2, 3)] == [(10,), (11,), (14,)]
    assert [running_mean([[v] for v in (20, 13, 10)[:k]]) for k in (1, 2, 3)] == [(20,), (17,), (15,)]
    assert {running_mean([[v] for v in order]) for order in permutations((10, 13, 20))} <= {(13,), (14,), (15,)}


@given(st.lists(WORD, min_size=1, max_size=12))
def test_a_running_mean_of_many_is_off_by_less_than_one_for_each_after_the_first(values: list[int]) -> None:
    (mean,) = running_mean([[value] for value in values])
    assert abs(Fraction(mean) - Fraction(sum(values), len(values))) <= len(values) - 1
    assert min(values) <= mean <= max(values)


def test_the_first_value_replaces_whatever_stood_there() -> None:
    assert moved((10**9, -5), (3, 4), 1) == (3, 4)


def test_equal_values_stay() -> None:
    assert running_mean([[7, -7]] * 5) == (7, -7)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=8))
def test_quantised_values_are_near_and_in_range(values: list[float]) -> None:
    found = quantised(values, 0.125, 31)
    assert (np.abs(found) <= 31).all()
    for value, whole in zip(values, found.tolist(), strict=True):
        if abs(value) <= 31 * 0.125:
            assert abs(whole * 0.125 - value) <= 0.0625
        elif value == value:
            assert whole == (31 if value > 0 else -31)
        else:
            assert whole == 0


@pytest.mark.parametrize(("value", "whole"), [(0.5, 0), (1.5, 2), (-0.5, 0), (-1.5, -2), (0.6, 1)])
def test_halves_go_to_even(value: float, whole: int) -> None:
    assert quantised([value], 1.0, 9).tolist() == [whole]
