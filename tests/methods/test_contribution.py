"""Contributions by hand, against scikit-learn, and in the contract's arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from chainward.methods.contribution import (
    ONE,
    contributions,
    fixed_contributions,
    fixed_point,
    macro_f1,
    positive_shares,
    refunds,
)

SCORES = [[0.8, 0.6, 0.4], [0.8, 0.7, 0.4], [0.9, 0.6, 0.5]]
ETHER = 10**18


def fixed(scores: list[list[float]]) -> list[list[int]]:
    return [[fixed_point(score) for score in row] for row in scores]


def matrices(largest: int = ONE) -> st.SearchStrategy[list[list[int]]]:
    return st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, largest), min_size=n, max_size=n), min_size=n, max_size=n)
    )


def test_hand_vector() -> None:
    found = contributions(SCORES)
    assert found.medians == pytest.approx([0.8, 0.6, 0.4])
    assert found.quality == pytest.approx([1, 0.75, 0.5])
    assert found.agreement == pytest.approx([1, 2 / 3, 2 / 3])
    assert found.honesty == pytest.approx([1, 2 / 3, 2 / 3])
    assert found.shares == pytest.approx([1, 2 / 3, 0.5])
    assert found.shares.sum() == pytest.approx(2.166667, abs=1e-6)


def test_hand_vector_in_the_contracts_arithmetic() -> None:
    found = fixed_contributions(fixed(SCORES))
    assert found.medians == (838_860, 629_145, 419_430)
    assert found.quality == (ONE, 786_432, 524_288)
    assert found.agreement == found.honesty == (ONE, 699_049, 699_049)
    assert found.shares == (ONE, 699_049, 524_288)


def test_refunds_of_the_hand_vector_to_the_wei() -> None:
    shares = fixed_contributions(fixed(SCORES)).shares
    first = refunds(shares, 3 * ETHER, ETHER // 4, ONE // 2, last=False)
    assert first == (519_231_150_136_470_894, 346_153_274_795_293_657, 259_615_575_068_235_447)
    last = refunds(shares, 3 * ETHER - sum(first), ETHER // 4, ONE // 2, last=True)
    assert 0 <= 3 * ETHER - sum(first) - sum(last) < 3


def test_the_median_of_an_even_count_is_the_lower() -> None:
    assert contributions([[0.2, 0.9], [0.6, 0.7]]).medians == pytest.approx([0.2, 0.7])
    assert fixed_contributions([[2, 9], [6, 7]]).medians == (2, 7)


def test_equal_scores_are_equal_contributions() -> None:
    assert contributions(np.full((4, 4), 0.7)).shares.tolist() == [1, 1, 1, 1]
    assert fixed_contributions([[7, 7], [7, 7]]).shares == (ONE, ONE)


def test_one_agent_contributes_all() -> None:
    assert contributions([[0.3]]).shares.tolist() == [1]
    assert refunds(fixed_contributions([[5]]).shares, 7, 1, ONE // 2, last=True) == (7,)


def test_one_score_more_than_a_half_off_the_median_forfeits_everything() -> None:
    scores = [[0.9, 0.9, 0.9], [0.9, 0.9, 0.9], [0.3, 0.9, 0.9]]
    assert contributions(scores).shares.tolist() == [1, 1, 0]
    assert fixed_contributions(fixed(scores)).shares == (ONE, ONE, 0)


def test_where_nobody_contributes_nobody_stands_out() -> None:
    assert contributions(np.zeros((3, 3))).shares.tolist() == [1, 1, 1]
    assert fixed_contributions([[0, 0], [0, 0]]).shares == (ONE, ONE)


@given(matrices())
def test_both_arithmetics_agree(scores: list[list[int]]) -> None:
    exact = contributions(np.array(scores) / ONE)
    found = fixed_contributions(scores)
    assert np.array(found.medians) / ONE == pytest.approx(exact.medians)
    assert np.array(found.agreement) / ONE == pytest.approx(exact.agreement, abs=2 / ONE)


@given(matrices(), st.integers(0, 10**6), st.integers(0, ONE))
def test_refunds_are_floors_of_exact_shares(scores: list[list[int]], spare: int, fraction: int) -> None:
    shares = fixed_contributions(scores).shares
    pool = 10 * len(shares) + spare
    for last, spend in ((False, spare * fraction // ONE), (True, pool)):
        paid = refunds(shares, pool, 10, fraction, last)
        assert paid == tuple(int(Fraction(spend * share, sum(shares))) for share in shares)
        assert sum(paid) <= spend < sum(paid) + len(shares)


@given(st.data(), st.integers(1, 40), st.integers(1, 4))
def test_macro_f1_is_scikit_learns(data: st.DataObject, rows: int, models: int) -> None:
    bits = st.lists(st.integers(0, 1), min_size=rows, max_size=rows)
    labels, predicted = data.draw(bits), [data.draw(bits) for _ in range(models)]
    wanted = [f1_score(labels, guess, average="macro", zero_division=0) for guess in predicted]
    assert macro_f1(labels, predicted) == pytest.approx(wanted)


def test_fixed_point_floors() -> None:
    assert (fixed_point(0.75), fixed_point(1.0), fixed_point(0.8)) == (786_432, ONE, 838_860)


@given(st.dictionaries(st.text(), st.integers(-(10**21), 10**21)))
def test_shares_of_what_is_positive_are_one_together(values: dict[str, int]) -> None:
    found = positive_shares(values)
    assert list(found) == list(values)
    assert all((found[name] > 0) == (value > 0) for name, value in values.items())
    assert sum(found.values()) == pytest.approx(float(any(value > 0 for value in values.values())))
