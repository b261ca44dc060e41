"""Shares against the hand vector, their secrecy by counting, and sums against plain sums."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.methods.sharing import (
    FIELD,
    LIMIT,
    from_bytes,
    in_units,
    packed_rows,
    recovered,
    shamir_rows,
    share,
    signed,
    summed,
    to_bytes,
    uniform,
    unpacked_secrets,
)

PRIME = 2089
ROWS = [[1234], [166], [94]]
SHARES = {x: [value] for x, value in enumerate((1494, 1942, 489, 1313, 236, 1436), 1)}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_hand_vector_in_whole_numbers() -> None:
    assert [share(ROWS, x)[0] for x in range(1, 7)] == [1494, 1942, 2578, 3402, 4414, 5614]


def test_hand_vector_modulo_a_prime() -> None:
    assert {x: share(ROWS, x, PRIME) for x in range(1, 7)} == SHARES


@pytest.mark.parametrize("points", list(itertools.combinations(range(1, 7), 3)))
def test_any_three_shares_give_the_secret(points: tuple[int, ...]) -> None:
    assert recovered({x: SHARES[x] for x in points}, 3, PRIME) == ROWS


def test_two_shares_are_too_few() -> None:
    with pytest.raises(ValueError, match="3 shares"):
        recovered({x: SHARES[x] for x in (1, 2)}, 3, PRIME)


def test_points_that_are_equal_in_the_field_are_one() -> None:
    with pytest.raises(ValueError, match="different points"):
        recovered({1: [1], 1 + 7: [1]}, 2, 7)


class Counted(np.random.Generator):
    """Gives out just these numbers as randomness, 48 bytes each."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        super().__init__(np.random.PCG64(0))
        self.numbers = list(numbers)

    def bytes(self, length: int) -> bytes:
        return b"".join(self.numbers.pop(0).to_bytes(48, "big") for _ in range(length // 48))


@pytest.mark.parametrize("points", list(itertools.combinations(range(1, 5), 2)))
def test_fewer_shares_than_the_threshold_are_uniform_whatever_the_secret(points: tuple[int, ...]) -> None:
    """Over all randomness in a field of 5, any two of the shares with threshold 3 are every pair just once."""
    for secret in range(5):
        seen = Counter()
        for randomness in itertools.product(range(5), repeat=2):
            rows = shamir_rows([secret], 3, Counted(randomness), 5)
            seen[tuple(share(rows, x, 5)[0] for x in points)] += 1
        assert seen == Counter(itertools.product(range(5), repeat=2))


def test_packed_shares_are_not_uniform_and_one_is_a_secret() -> None:
    """Biscotti's form in the same field has no randomness: a share is a function of the secrets."""
    rows = packed_rows([3, 1, 4], 3, 5)
    assert share(rows, 0, 5) == [3]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12), st.integers(1, 5))
@settings(max_examples=50)
def test_packing_is_undone(secrets: list[int], coefficients: int) -> None:
    rows = packed_rows(secrets, coefficients)
    assert len(rows) == coefficients
    assert signed(unpacked_secrets(rows, len(secrets))) == secrets


def test_packing_puts_neighbours_into_one_polynomial() -> None:
    assert packed_rows([1, 2, 3, 4, 5], 2) == [[1, 3, 5], [2, 4, 0]]


@pytest.mark.parametrize(("threshold", "parties"), [(1, 1), (2, 3), (3, 5), (14, 26)])
def test_shares_sum_to_shares_of_the_sum(threshold: int, parties: int) -> None:
    updates = rng().normal(size=(7, 4))
    units = [in_units(update, 10_000) for update in updates]
    shared = [shamir_rows(values.tolist(), threshold, rng(k)) for k, values in enumerate(units)]  # type: ignore[union-attr]
    sums = {x: summed([share(rows, x) for rows in shared]) for x in range(parties, parties - threshold, -1)}
    found = np.array(signed(recovered(sums, threshold)[0])) / 10_000
    np.testing.assert_allclose(found, updates.sum(axis=0), rtol=0, atol=7 * 0.5e-4)
    assert found.tolist() == (np.sum(units, axis=0) / 10_000).tolist()


def test_higher_terms_are_random() -> None:
    first, second = (shamir_rows([1, 1], 3, rng(seed)) for seed in (1, 2))
    assert first[0] == second[0] == [1, 1]
    assert len({*first[1], *first[2], *second[1], *second[2]}) == 8


def test_uniform_elements_fill_the_field() -> None:
    values = uniform(400, rng())
    assert all(0 <= value < FIELD for value in values)
    assert 0.45 < np.mean([value / FIELD for value in values]) < 0.55


def test_units_round_to_the_nearest() -> None:
    values = in_units(np.array([0.00014, -0.00016, 0.00025]), 10_000)
    assert values is not None
    assert values.tolist() == [1, -2, 2]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, (LIMIT + 1) / 10_000])
def test_numbers_that_do_not_fit_are_refused(odd: float) -> None:
    assert in_units(np.array([0.0, odd]), 10_000) is None
    assert in_units(np.array([LIMIT / 2**10, -LIMIT / 2**10]), 2**10) is not None


def test_half_of_the_field_is_negative() -> None:
    assert signed([0, 1, FIELD - 1, FIELD // 2, FIELD // 2 + 1]) == [0, 1, -1, FIELD // 2, -(FIELD // 2)]


def test_bytes_are_read_back() -> None:
    row = [0, 1, FIELD - 1]
    assert from_bytes(to_bytes(row)) == row
    assert len(to_bytes(row)) == 96
