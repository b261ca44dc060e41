"""Shapley values by hand, by their axioms, and sampled ones against the exact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.shapley import (
    Coalition,
    Value,
    coalitions,
    drawn_orders,
    estimated,
    exact,
    exact_of,
    means,
    members,
    orders_needed,
    prefix_masks,
    sampled,
    sampled_of,
    truncated,
    truncated_of,
    worths_of_means,
)

V2 = {(): 0, (0,): 8, (1,): 1, (0, 1): 10}
V3 = {(): 0, (0,): 12, (1,): 8, (2,): 4, (0, 1): 20, (0, 2): 13, (1, 2): 18, (0, 1, 2): 19}
SHARES3 = [47 / 6, 50 / 6, 17 / 6]
Worths = list[float]


def game(worths: Worths) -> Value:
    """A game from the worth of each coalition, by bit mask."""
    return lambda coalition: worths[sum(1 << player for player in coalition)]


def players_of(worths: Worths) -> int:
    return len(worths).bit_length() - 1


def games(fewest: int = 1, most: int = 5) -> st.SearchStrategy[Worths]:
    return st.integers(fewest, most).flatmap(lambda n: st.lists(st.floats(-10, 10), min_size=2**n, max_size=2**n))


def test_hand_vector_of_two() -> None:
    assert exact(V2.__getitem__, 2) == pytest.approx([8.5, 1.5])


def test_hand_vector_of_three() -> None:
    assert exact(V3.__getitem__, 3) == pytest.approx(SHARES3)
    assert exact(V3.__getitem__, 3) == pytest.approx([7.833333, 8.333333, 2.833333], abs=1e-6)


def test_hand_vector_of_accuracies() -> None:
    accuracy = {(): 0.0, (0,): 0.6, (1,): 0.5, (0, 1): 0.8}.__getitem__
    assert exact(accuracy, 2) == pytest.approx([0.45, 0.35])
    assert sampled(accuracy, 2, [(0, 1)]) == pytest.approx([0.6, 0.2])
    assert sampled(accuracy, 2, [(1, 0)]) == pytest.approx([0.3, 0.5])
    assert sampled(accuracy, 2, [(0, 1), (1, 0), (0, 1)]) == pytest.approx([0.5, 0.3])


def test_truncation_by_hand() -> None:
    """Both orders of 8 + 2 or 1 + 9 out of 10: with tolerance 3 player 0 alone is close enough, player 1 is not."""
    orders = truncated(V2.__getitem__, 2, 2, 3, np.random.default_rng(0))
    assert orders == pytest.approx([(8 + 9) / 2, (0 + 1) / 2])
    assert truncated(V2.__getitem__, 2, 2, 2, np.random.default_rng(0)) == pytest.approx([8.5, 1.5])  # 2 is not below 2


def test_truncation_leaves_the_rest_of_an_order_unevaluated() -> None:
    asked: list[Coalition] = []

    def value(coalition: Coalition) -> float:
        asked.append(coalition)
        return float(bool(coalition))

    assert truncated(value, 6, 10, 0.5, np.random.default_rng(0)).sum() == pytest.approx(1)
    assert {len(coalition) for coalition in asked} == {0, 1, 6}
    assert truncated(value, 3, 10, 2.0, np.random.default_rng(0)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("players", [1, 3, 5])
def test_each_coalition_is_evaluated_once_and_sorted(players: int) -> None:
    def counted(run: Callable[[Value], object]) -> Counter[Coalition]:
        asked: Counter[Coalition] = Counter()

        def value(coalition: Coalition) -> float:
            asked[coalition] += 1
            return 1.0

        run(value)
        return asked

    orders = list(permutations(range(players)))
    for asked in (
        counted(lambda value: exact(value, players)),
        counted(lambda value: sampled(value, players, orders)),
        counted(lambda value: truncated(value, players, 10**3, 0.0, np.random.default_rng(0))),
    ):
        assert set(asked.values()) == {1}
        assert len(asked) == 2**players
        assert all(list(coalition) == sorted(coalition) for coalition in asked)


def test_prefix_masks_are_what_the_sample_asks_for() -> None:
    orders, asked = drawn_orders(6, 9, np.random.default_rng(4)), []

    def value(coalition: Coalition) -> float:
        asked.append(coalition)
        return 0.0

    sampled(value, 6, orders)
    assert prefix_masks(orders) == sorted({sum(1 << player for player in coalition) for coalition in asked})
    assert prefix_masks([(1, 0, 2)]) == [0b000, 0b010, 0b011, 0b111]


def by_tuples(value: Value, players: int, orders: list[Coalition]) -> list[float]:
    """The mean of marginals, one order and one player after another."""
    total = [0.0] * players
    for order in orders:
        before: Coalition = ()
        for player in order:
            with_player = tuple(sorted((*before, player)))
            total[player] += value(with_player) - value(before)
            before = with_player
    return [sum_ / len(orders) for sum_ in total]


@pytest.mark.parametrize("players", [1, 7, 8, 20, 63, 64, 65, 130])
def test_masks_give_the_same_as_tuples_to_the_bit(players: int) -> None:
    def value(coalition: Coalition) -> float:
        return math.sin(sum((player + 1) ** 1.5 for player in coalition))

    rng = np.random.default_rng(players)
    orders = [tuple(rng.permutation(players).tolist()) for _ in range(30)]
    expected = by_tuples(value, players, orders)
    assert sampled(value, players, orders).tolist() == expected
    asked = prefix_masks(orders)
    rows = members(asked, players)
    as_tuples = [tuple(np.flatnonzero(row).tolist()) for row in rows]
    assert set(as_tuples) == {tuple(sorted(order[:length])) for order in orders for length in range(players + 1)}
    assert as_tuples == sorted(as_tuples, key=lambda coalition: coalition[::-1])  # as bits, the last player first
    worth = dict(zip(asked, map(value, as_tuples), strict=True))
    assert sampled_of(worth, players, orders).tolist() == expected


@given(games())
def test_exact_values_need_no_more_than_worths(worths: Worths) -> None:
    players = players_of(worths)
    assert exact_of(worths, players).tolist() == exact(game(worths), players).tolist()
    assert [tuple(np.flatnonzero(row)) for row in members(range(2**players), players)] == coalitions(players)


def test_coalitions_are_what_the_exact_values_ask_for() -> None:
    assert coalitions(2) == [(), (0,), (1,), (0, 1)]
    assert len(set(coalitions(7))) == 128


@given(games())
def test_efficiency(worths: Worths) -> None:
    players, value = players_of(worths), game(worths)
    assert exact(value, players).sum() == pytest.approx(worths[-1] - worths[0], abs=1e-9)
    orders = drawn_orders(players, 3, np.random.default_rng(1))
    assert sampled(value, players, orders).sum() == pytest.approx(worths[-1] - worths[0], abs=1e-9)


@given(games(), st.floats(0, 5))
def test_truncation_loses_at_most_its_tolerance(worths: Worths, tolerance: float) -> None:
    found = truncated(game(worths), players_of(worths), 4, tolerance, np.random.default_rng(2))
    assert abs(found.sum() - (worths[-1] - worths[0])) <= tolerance + 1e-9


@given(games(), st.integers(1, 9))
def test_without_a_tolerance_it_is_the_sample_to_the_bit(worths: Worths, count: int) -> None:
    players, value = players_of(worths), game(worths)
    orders = drawn_orders(players, count, np.random.default_rng(5))
    assert truncated_of(lambda masks: [worths[mask] for mask in masks], players, orders, 0.0).tolist() == (
        sampled(value, players, orders).tolist()
    )


def test_truncation_asks_for_each_coalition_once_and_for_one_of_each_order_at_a_time() -> None:
    orders, batches = drawn_orders(9, 20, np.random.default_rng(3)), list[list[int]]()

    def worths(masks: Any) -> Worths:
        batches.append(list(masks))
        return [float(mask.bit_count()) for mask in masks]

    truncated_of(worths, 9, orders, 2.5)
    asked = [mask for batch in batches for mask in batch]
    assert len(asked) == len(set(asked))
    sizes = [{mask.bit_count() for mask in batch} for batch in batches]
    assert sizes == [{0, 9}, *({size} for size in range(1, 8))]  # seven of nine are within 2.5 of all


@given(games(), st.data())
def test_null_player_gets_nothing(worths: Worths, data: st.DataObject) -> None:
    player = data.draw(st.integers(0, players_of(worths) - 1))
    ignoring = [worths[mask & ~(1 << player)] for mask in range(len(worths))]
    assert exact(game(ignoring), players_of(worths))[player] == 0
    assert sampled(game(ignoring), players_of(worths), [range(players_of(worths))])[player] == 0


@given(games(fewest=2), st.data())
def test_symmetric_players_get_the_same(worths: Worths, data: st.DataObject) -> None:
    """The players one and other are made interchangeable: only how many of them are in matters."""
    players = players_of(worths)
    one, other = data.draw(st.lists(st.integers(0, players - 1), min_size=2, max_size=2, unique=True))

    def alike(coalition: Coalition) -> float:
        both = len({one, other} & set(coalition))
        return worths[sum(1 << player for player in set(coalition) - {one, other})] + both * (both + 3)

    found = exact(alike, players)
    assert found[one] == pytest.approx(found[other], abs=1e-9)


@given(games(), st.data())
def test_renaming_the_players_renames_the_shares(worths: Worths, data: st.DataObject) -> None:
    players, value = players_of(worths), game(worths)
    names = data.draw(st.permutations(range(players)))
    renamed = exact(lambda coalition: value(tuple(sorted(names[player] for player in coalition))), players)
    assert renamed == pytest.approx(exact(value, players)[names], abs=1e-9)


@given(st.integers(1, 4).flatmap(lambda n: st.tuples(games(n, n), games(n, n))), st.floats(-3, 3))
def test_additivity(pair: tuple[Worths, Worths], factor: float) -> None:
    one, other = pair
    both = [first + factor * second for first, second in zip(one, other, strict=True)]
    players = players_of(one)
    apart = exact(game(one), players) + factor * exact(game(other), players)
    assert exact(game(both), players) == pytest.approx(apart, abs=1e-9)


@given(games())
def test_all_orders_are_exact(worths: Worths) -> None:
    players, value = players_of(worths), game(worths)
    wanted = pytest.approx(exact(value, players), abs=1e-9)
    assert sampled(value, players, permutations(range(players))) == wanted
    assert truncated(value, players, math.factorial(players), 0.0, np.random.default_rng(0)) == wanted


def test_drawn_orders_are_permutations_and_all_of_them_from_the_factorial_on() -> None:
    drawn = drawn_orders(4, 23, np.random.default_rng(0))
    assert len(drawn) == 23
    assert all(sorted(order) == [0, 1, 2, 3] for order in drawn)
    assert drawn == drawn_orders(4, 23, np.random.default_rng(0)) != drawn_orders(4, 23, np.random.default_rng(1))
    for count in (24, 10**6):
        assert drawn_orders(4, count, np.random.default_rng(0)) == list(permutations(range(4)))


def test_orders_needed_by_hand() -> None:
    assert orders_needed(0.1, 0.05, 1.0) == 185  # ln(40) / 0.02 = 184.44
    assert orders_needed(0.1, 0.05, 2.0) == 738  # four times as many
    assert orders_needed(0.1, 0.05, 1.0, players=7) == 282  # ln(280) / 0.02 = 281.74
    assert orders_needed(0.1, 0.05, 0.0) == 0


@pytest.mark.parametrize(("error", "failure"), [(0.0, 0.1), (-1.0, 0.1), (0.1, 0.0), (0.1, 1.5)])
def test_no_error_bound_for_nonsense(error: float, failure: float) -> None:
    with pytest.raises(ValueError, match="error must be positive"):
        orders_needed(error, failure, 1.0)


def test_sampled_values_keep_the_bound() -> None:
    """A game whose marginals are 0 or 1, player by player like a coin: the bound holds in all but delta of the runs."""
    players, error, failure = 5, 0.1, 0.1
    worths = [float(mask.bit_count() > players // 2) for mask in range(2**players)]
    count = orders_needed(error, failure, 1.0, players)
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(60):
        orders = [tuple(rng.permutation(players).tolist()) for _ in range(count)]
        missed += bool(np.abs(sampled(game(worths), players, orders) - 1 / players).max() > error)
    assert missed <= failure * 60


def test_far_fewer_orders_break_the_bound() -> None:
    """So the bound's test can fail: with a fiftieth of the orders most runs miss."""
    worths = [float(mask.bit_count() > 2) for mask in range(32)]
    rng = np.random.default_rng(11)
    count = orders_needed(0.1, 0.1, 1.0, 5) // 50
    apart = [
        np.abs(sampled(game(worths), 5, [tuple(rng.permutation(5).tolist()) for _ in range(count)]) - 0.2).max()
        for _ in range(20)
    ]
    assert sum(distance > 0.1 for distance in apart) > 10


def test_no_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one order"):
        sampled(V2.__getitem__, 2, [])
    with pytest.raises(ValueError, match="at least one order"):
        sampled_of({0: 0.0}, 2, [])


def squares(models: Any) -> list[float]:
    return [float(weight) ** 2 for (weight,) in models]


def test_worths_of_means_by_hand() -> None:
    """Models 1, 3 and 8; what is asked for comes in batches of two, in the order it was asked for."""
    asked: list[int] = []

    def judge(models: Any) -> list[float]:
        asked.append(len(models))
        return squares(models)

    worths = worths_of_means(judge, [[1.0], [3.0], [8.0]], nobody=-1.0, batch=2)
    assert worths([0b111, 0, 0b001, 0b011]) == [16.0, -1.0, 1.0, 4.0]
    assert asked == [2, 1]


def test_means_are_of_the_coalitions() -> None:
    models = np.arange(8.0).reshape(4, 2)
    assert means(models, [0b1, 0b1010, 0b1111]).tolist() == [[0, 1], [4, 5], [3, 4]]


def test_estimated_values_are_exact_sampled_or_truncated() -> None:
    worths = worths_of_means(squares, [[1.0], [3.0], [8.0]])
    whole = estimated(worths, 3, list(permutations(range(3))))
    assert estimated(worths, 3, []) == pytest.approx(whole)
    assert estimated(worths, 3, [(2, 0, 1)]).tolist() == [4.5**2 - 8**2, 4**2 - 4.5**2, 8**2]
    assert estimated(worths, 3, [(1, 2, 0)], tolerance=15.0).tolist() == [0.0, 9.0, 0.0]  # 9 is within 15 of 4 squared
