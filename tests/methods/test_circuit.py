"""Gadgets of a computation as rows: what they compute, and that nothing else satisfies them."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.circuit import Circuit, Linear, Shape, Trace, holds, shaped, total, weights_up_to
from chainward.methods.fixed_point import truncated
from chainward.methods.sharing import FIELD


@given(st.integers(0, 5_000))
def test_weights_reach_each_number_and_no_other(most: int) -> None:
    weights = weights_up_to(most)
    reached = {0}
    for weight in weights:
        reached |= {number + weight for number in reached}
    assert reached == set(range(most + 1))
    assert len(weights) == most.bit_length()


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_bits_sum_to_their_number(value: int, beyond: int) -> None:
    trace = Trace()
    assert trace.up_to(value, value + beyond) == value
    assert set(trace.values) <= {0, 1}


def divided(value: int, divisor: int, most: int) -> Any:
    return lambda circuit: circuit.truncated(circuit.wire(value), divisor, most)


@given(st.integers(-999, 999), st.integers(1, 1_200))
def test_a_truncated_number_is_that_of_whole_numbers(value: int, divisor: int) -> None:
    trace = Trace()
    assert divided(value, divisor, 999)(trace) == truncated(value, divisor)
    assert holds(shaped(divided(0, divisor, 999)), trace.values)


@pytest.mark.parametrize("value", [1_000, -1_000])
def test_what_leaves_its_range_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="leaves its range"):
        divided(value, 7, 999)(Trace())


@pytest.mark.parametrize("value", [-5, -1, 0, 3, 6])
def test_of_all_bits_only_those_of_the_true_quotient_satisfy_the_rows(value: int) -> None:
    """All 64 choices of sign, quotient and rest of a division by 3 of numbers up to 8: each with the best product."""
    shape = shaped(divided(0, 3, 8))
    honest = Trace()
    divided(value, 3, 8)(honest)
    free = len(honest.values) - 3  # the constant, the number itself and what comes of it are no choice
    found = set()
    for bits in product((0, 1), repeat=free):
        sign, quotient = 1 - 2 * bits[0], bits[1] + bits[2]
        values = [1, value, *bits, sign * quotient]
        if holds(shape, values):
            found.add(sign * quotient)
    assert found == {truncated(value, 3)}


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=3), st.integers(-5, 5))
def test_linear_combinations_add_and_scale_like_their_numbers(values: list[int], factor: int) -> None:
    def computation(circuit: Circuit) -> Any:
        a, b, c = (circuit.wire(value) for value in values)
        return 7 - (a + b * factor - c) + total([a, 2, b]) - 3 + (-c)

    trace, shape = Trace(), Shape()
    number, combination = computation(trace), computation(shape)
    assert isinstance(combination, Linear)
    assert sum(own * trace.values[wire] for wire, own in combination.terms.items()) % FIELD == number % FIELD


def test_what_is_revealed_later_is_bound_to_its_place() -> None:
    def computation(circuit: Circuit) -> None:
        place = circuit.announce()
        circuit.reveal(place, circuit.product(circuit.wire(6), circuit.wire(7)))

    trace = Trace()
    computation(trace)
    assert trace.values[1] == 42
    shape = shaped(computation)
    assert holds(shape, trace.values)
    assert not holds(shape, [1, 43, *trace.values[2:]])
    assert (shape.publics, shape.size) == (1, trace.size)


def test_a_shape_does_not_depend_on_numbers() -> None:
    assert shaped(divided(5, 7, 99)).rows == shaped(divided(-80, 7, 99)).rows


def test_the_domain_is_the_next_power_of_two() -> None:
    trace = Trace()
    for rows, domain in ((1, 1), (2, 2), (3, 4), (4, 4), (5, 8)):
        while len(trace.left) < rows:
            trace.bit(1)
        assert trace.size.domain == domain


@pytest.mark.parametrize("value", [2, -1, FIELD - 1])
def test_a_bit_is_0_or_1(value: int) -> None:
    shape = shaped(lambda circuit: circuit.bit(0))
    assert not holds(shape, [1, value])
    assert holds(shape, [1, 0])
    assert holds(shape, [1, 1])


@pytest.mark.parametrize("moved", [1, -1, 5])
def test_a_false_quotient_with_the_rest_that_its_row_demands_is_refused(moved: int) -> None:
    """Wires: one, number, sign, two of the quotient up to 2, two of the rest up to 2, what comes of it."""
    shape = shaped(divided(0, 3, 8))
    honest = Trace()
    assert divided(4, 3, 8)(honest) == 1
    assert len(honest.values) == 8
    values = list(honest.values)
    values[3] += moved  # of weight 1
    values[5] -= 3 * moved
    values[7] += moved
    assert holds(shape, honest.values)
    assert not holds(shape, values)
