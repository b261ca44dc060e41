"""The stake lottery against its hand vector, the code's own way of drawing again, and a chi-squared test."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from chainward.methods.lottery import committee, numbers, others_drawn, sample


def test_hand_vector() -> None:
    """Tickets 0 0 1 2; bytes 00 05 are 5, 5 mod 4 = 1: the second ticket, which is peer 0's."""
    assert committee((2, 1, 1), numbers(bytes([0, 5])), 1) == (0,)


def test_when_the_bytes_end_the_seed_is_hashed() -> None:
    seed = bytes([0, 5])
    following = hashlib.sha256(seed).digest()
    expected = [5, *(int.from_bytes(following[at : at + 2], "big") for at in range(0, 32, 2))]
    assert list(itertools.islice(numbers(seed), 17)) == expected


def test_who_is_drawn_hands_in_its_tickets_and_the_next_committee_goes_on_from_there() -> None:
    chances = iter([0, 1, 3, 2, 0])
    assert committee((2, 1, 1), chances, 3) == (0, 2, 1)  # of 0 0 1 2, of 1 2, of 1
    assert committee((2, 1, 1), chances, 2) == (1, 0)


def test_a_seat_takes_one_number_however_skewed_the_stakes_are() -> None:
    chances = iter(range(20))
    assert len(committee([60_000, *[1] * 19], chances, 20)) == 20
    assert next(chances, None) is None


def test_nobody_without_a_stake_is_drawn_and_no_seat_is_invented() -> None:
    assert committee((0, 5, 0), numbers(bytes(32)), 2) == (1,)


def test_without_any_stake_all_have_one_ticket() -> None:
    assert sorted(committee((0, 0, 0), numbers(bytes(32)), 3)) == [0, 1, 2]


@pytest.mark.parametrize("stakes", [(10, 10, 10, 10), (10, 20, 5, 0, 65)])
def test_chances_are_shares_of_the_stakes(stakes: tuple[int, ...]) -> None:
    chances = numbers(b"chances of each")
    found = np.bincount([committee(stakes, chances, 1)[0] for _ in range(20_000)], minlength=len(stakes))
    held = np.array(stakes) > 0
    assert not found[~held].any()
    assert chisquare(found[held], 20_000 * np.array(stakes)[held] / sum(stakes)).pvalue > 1e-4


def test_second_seats_have_the_chances_of_drawing_again_until_somebody_else_is_found() -> None:
    stakes, chances = (50, 30, 20), numbers(b"second seats")
    found = np.zeros((3, 3))
    for _ in range(20_000):
        found[committee(stakes, chances, 2)] += 1
    shares = np.array(stakes) / 100
    expected = np.array(
        [[a * b / (1 - a) if i != j else 0 for j, b in enumerate(shares)] for i, a in enumerate(shares)]
    )
    pairs = expected > 0
    assert not found[~pairs].any()
    assert chisquare(found[pairs], 20_000 * expected[pairs]).pvalue > 1e-4


def test_a_sample_takes_all_of_the_others_with_equal_chances() -> None:
    chances, pairs = numbers(b"samples"), list(itertools.permutations([1, 4, 5, 9], 2))
    found = [sample([1, 4, 5, 9], chances, 2) for _ in range(20_000)]
    assert chisquare([found.count(pair) for pair in pairs]).pvalue > 1e-4
    assert sorted(sample([1, 4], chances, 5)) == [1, 4]


def test_a_lottery_needs_bytes() -> None:
    with pytest.raises(ValueError, match="lottery"):
        next(numbers(b"1"))


@pytest.mark.parametrize("stakes", [(10, 10, 10), (10, 0, 0), (0, 0, 0)])
def test_one_is_never_among_ones_own(stakes: tuple[int, ...]) -> None:
    for number in range(20):
        drawn = others_drawn(stakes, [True] * 3, 0, hashlib.sha256(bytes([number])).digest(), 2)
        assert sorted(drawn) == [1, 2]
    assert others_drawn((7,), [True], 0, bytes(32), 2) == ()


def test_only_the_able_are_drawn() -> None:
    assert others_drawn((5, 5, 5, 5), [True, True, False, False], 0, bytes(32), 2) == (1,)
    assert others_drawn((5, 5), [True, False], 0, bytes(32), 2) == ()
