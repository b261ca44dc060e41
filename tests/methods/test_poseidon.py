"""Poseidon against published vectors, and as rows of a proof."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods import poseidon
from chainward.methods.circuit import Circuit, Trace, holds, shaped
from chainward.methods.sharing import FIELD

VECTORS = [
    ([1], 0x29176100EAA962BDC1FE6C654D6A3C130E96A4D1168B33848B897DC502820133),
    ([1, 2], 0x115CC0F5E7D690413DF64C6B9662E9CF2A3617F2743245519E19607A4417189A),
    ([1, 2, 3], 0x0E7732D89E6939C0FF03D5E58DAB6302F3230E269DC5B968F725DF34AB36D732),
    ([1, 2, 3, 4], 0x299C867DB6C1FDD79DCEFA40E4510B9837E60EBB1CE0663DBAA525DF65250465),
]
"""As circomlib has them."""


@pytest.mark.parametrize(("inputs", "expected"), VECTORS, ids=["1", "2", "3", "4"])
def test_published_vectors(inputs: list[int], expected: int) -> None:
    assert poseidon.hashed(inputs) == expected


def test_published_constants() -> None:
    """The first round constant and the first entry of the matrix for two inputs, as in the reference script."""
    constants, matrix = poseidon.parameters(3)
    assert constants[0][0] == 0x0EE9A592BA9A9518D05986D656F40C2114C4993C11BB29938D21D47304CD8E6E
    assert matrix[0][0] == 0x109B7F411BA0E4C9B2B70CAF5C36A7B194BE7C11AD24378BFEDB68592BA8118B
    assert len(constants) == 65


@pytest.mark.parametrize("width", poseidon.PARTIAL_ROUNDS)
def test_the_matrix_is_that_of_cauchy_and_no_constant_is_beyond_the_field(width: int) -> None:
    constants, matrix = poseidon.parameters(width)
    assert all(0 <= value < FIELD for row in (*constants, *matrix) for value in row)
    assert len({value for row in matrix for value in row}) == width * width


@given(st.integers(0, FIELD - 1), st.lists(st.integers(0, 1), min_size=1, max_size=800))
@settings(max_examples=8, deadline=None)
def test_in_a_proof_it_is_the_same_chained_over_bits(first: int, bits: list[int]) -> None:
    def computation(circuit: Circuit) -> int:
        return circuit.hashed(circuit.wire(first), [circuit.bit(bit) for bit in bits])  # type: ignore[no-any-return]

    trace = Trace()
    found = computation(trace)
    numbers = [sum(bit << at for at, bit in enumerate(bits[start : start + 253])) for start in range(0, len(bits), 253)]
    expected = first
    for start in range(0, len(numbers), 3):
        expected = poseidon.hashed([expected, *numbers[start : start + 3]])
    assert found == expected
    assert holds(shaped(computation), trace.values)


def test_a_hash_of_two_takes_243_rows() -> None:
    shape = shaped(lambda circuit: circuit.hashed(circuit.wire(0), [circuit.bit(0)]))
    assert shape.size.rows == 243 + 1
