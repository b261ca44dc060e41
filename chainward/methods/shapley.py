"""Shapley values: what each player adds to a coalition, on average over the orders in which all can come together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, permutations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Coalition = tuple[int, ...]
Mask = int
"""A coalition as a number whose bit p is set where player p is in it; that of nobody is 0."""
Value = Callable[[Coalition], float]
"""v(C), the worth of a coalition C of players 0 .. n-1 in ascending order; v(()) is that of nobody."""
Worths = Callable[[Sequence[Mask]], Sequence[float]]
"""The worth of each of many coalitions."""
Judge = Callable[[npt.NDArray[np.float32]], Iterable[float]]
"""The worth of each of models [M, P]."""


def exact(value: Value, players: int) -> Floats:
    """Return phi_i = sum over C without i of |C|! (n - |C| - 1)! / n! (v(C + i) - v(C)), Shapley (1953): [n].

    Every one of the 2^n coalitions is evaluated once; meant for up to about 16 players.

    Examples:
        Player 0 has a left glove, players 1 and 2 a right one each; a pair is worth 1.

        >>> exact(lambda coalition: float(0 in coalition and len(coalition) > 1), players=3).round(3).tolist()
        [0.667, 0.167, 0.167]
    """
    return exact_of([value(coalition) for coalition in coalitions(players)], players)


def exact_of(worths: Sequence[float], players: int) -> Floats:
    """Return the same from the worths [2^n] of all coalitions, in order of their masks."""
    masks, worth = np.arange(2**players), np.array(worths, dtype=np.float64)
    sizes = np.bitwise_count(masks)
    weights = np.array([1 / (players * math.comb(players - 1, size)) for size in range(players)])
    shares = np.zeros(players)
    for player in range(players):
        without = masks[masks >> player & 1 == 0]
        shares[player] = weights[sizes[without]] @ (worth[without | 1 << player] - worth[without])
    return shares


def sampled(value: Value, players: int, orders: Iterable[Sequence[int]]) -> Floats:
    """Return the mean over orders of the marginals v(prefix + i) - v(prefix) (Castro, Gomez, Tejada 2009): [n].

    `orders` are permutations of the players. Every coalition is evaluated once, however many orders pass it. The values
    sum to v(all) - v(()) for any number of orders, and over all n! of them they are the exact ones.

    Raises:
        ValueError: there is no order.

    Examples:
        >>> sampled(lambda coalition: len(coalition) ** 2, players=2, orders=[(0, 1), (1, 0)]).tolist()
        [2.0, 2.0]
    """
    orders = list(orders)
    return sampled_of({mask: float(value(_members(mask, players))) for mask in prefix_masks(orders)}, players, orders)


def sampled_of(worth: Mapping[Mask, float], players: int, orders: Sequence[Sequence[int]]) -> Floats:
    """Return the same from the worth of each of `prefix_masks(orders)`.

    Raises:
        ValueError: there is no order.
    """
    if not orders:
        raise ValueError("a sampled value needs at least one order")
    worths = np.array([[worth[mask] for mask in _grown(order)] for order in orders])
    return _mean_of(np.diff(worths), players, orders)


def truncated(value: Value, players: int, count: int, tolerance: float, rng: np.random.Generator) -> Floats:
    """Return truncated Monte Carlo values (Ghorbani, Zou 2019, algorithm 1) over `count` drawn orders: [n].

    See `truncated_of`.
    """

    def worths(masks: Sequence[Mask]) -> list[float]:
        return [float(value(_members(mask, players))) for mask in masks]

    return truncated_of(worths, players, drawn_orders(players, count, rng), tolerance)


def truncated_of(worths: Worths, players: int, orders: Sequence[Coalition], tolerance: float) -> Floats:
    """Return the mean over orders of the marginals, each order cut where its coalition is worth what all are: [n].

    The players of an order who come after |v(all) - v(prefix)| < `tolerance` get 0 from it, and what they would form is
    not evaluated. The values then sum to v(all) - v(()) within the tolerance; a tolerance of 0 truncates nothing, and
    they are those of `sampled_of`. All orders grow by a player at a time, so that coalitions come in batches; each is
    asked for once.
    """
    everybody = 2**players - 1
    known = dict(zip((0, everybody), worths((0, everybody)), strict=True))
    marginals, prefix, going = np.zeros((len(orders), players)), [0] * len(orders), list(range(len(orders)))
    for place in range(players):
        going = [order for order in going if not abs(known[everybody] - known[prefix[order]]) < tolerance]
        grown = {order: prefix[order] | 1 << orders[order][place] for order in going}
        asked = sorted(set(grown.values()) - known.keys())
        known.update(zip(asked, worths(asked) if asked else (), strict=True))
        for order, mask in grown.items():
            marginals[order, place], prefix[order] = known[mask] - known[prefix[order]], mask
    return _mean_of(marginals, players, orders)


def estimated(worths: Worths, players: int, orders: Sequence[Coalition], tolerance: float = 0.0) -> Floats:
    """Return the values over these orders, truncated at a positive tolerance; without any order the exact ones: [n]."""
    if not orders:
        return exact_of(worths(range(2**players)), players)
    if tolerance > 0:
        return truncated_of(worths, players, orders, tolerance)
    masks = prefix_masks(orders)
    return sampled_of(dict(zip(masks, worths(masks), strict=True)), players, orders)


def worths_of_means(judge: Judge, models: npt.ArrayLike, nobody: float = 0.0, batch: int = 128) -> Worths:
    """Return v(C) = judge(unweighted mean of the models [n, P] of C), v(()) = `nobody`; so many means at a time."""
    whole = np.asarray(models, dtype=np.float64)

    def worths(masks: Sequence[Mask]) -> list[float]:
        asked = [mask for mask in masks if mask]
        found = {0: nobody}
        for part in (asked[start : start + batch] for start in range(0, len(asked), batch)):
            found.update(zip(part, judge(means(whole, part)), strict=True))
        return [found[mask] for mask in masks]

    return worths


def means(models: Floats, masks: Sequence[Mask]) -> npt.NDArray[np.float32]:
    """Return the unweighted mean of the models of each of M coalitions, from models [n, P]: [M, P].

    Examples:
        >>> means(np.eye(2), [0b01, 0b11]).tolist()
        [[1.0, 0.0], [0.5, 0.5]]
    """
    inside = members(masks, len(models))
    parts: Floats = inside / inside.sum(axis=1, keepdims=True)
    return (parts @ models).astype(np.float32)


def drawn_orders(players: int, count: int, rng: np.random.Generator) -> list[Coalition]:
    """Return `count` random permutations of the players, drawn with replacement; from n! on all of them, once each."""
    if count >= math.factorial(players):
        return list(permutations(range(players)))
    return [tuple(rng.permutation(players).tolist()) for _ in range(count)]


def coalitions(players: int) -> list[Coalition]:
    """Return all 2^n coalitions, the empty one first: what `exact` asks for, for values in one batch.

    Examples:
        >>> coalitions(2)
        [(), (0,), (1,), (0, 1)]
    """
    return [_members(mask, players) for mask in range(2**players)]


def prefix_masks(orders: Iterable[Sequence[int]]) -> list[Mask]:
    """Return every coalition that `sampled` asks for, nobody first, as masks: once each, for values in one batch.

    Examples:
        >>> prefix_masks([(1, 0)])
        [0, 2, 3]
    """
    return sorted({0, *(mask for order in orders for mask in _grown(order))})


def members(masks: Iterable[Mask], players: int) -> npt.NDArray[np.bool_]:
    """Return who is in each of M coalitions, for any number of players: [M, n]."""
    width = -(-players // 8)
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    return np.unpackbits(packed.reshape(-1, width), axis=1, count=players, bitorder="little").astype(np.bool_)


def orders_needed(error: float, failure: float, spread: float, players: int = 1) -> int:
    """Return how many orders keep every sampled value within `error` of the exact one.

    That is ceil(r^2 ln(2 n / delta) / (2 epsilon^2)) for marginals in an interval of length r = `spread`: Hoeffding's
    inequality (as Maleki et al. 2013 use it), summed over the n `players` who may miss, together with probability of
    at most delta = `failure`.

    Raises:
        ValueError: the error is not positive, or the failure is not a probability above 0.

    Examples:
        >>> orders_needed(error=0.05, failure=0.05, spread=1.0)
        738
    """
    if not (error > 0 and 0 < failure <= 1):
        raise ValueError("the error must be positive, and the failure a probability above 0")
    return math.ceil(spread**2 * math.log(2 * players / failure) / (2 * error**2))


def _mean_of(marginals: Floats, players: int, orders: Sequence[Sequence[int]]) -> Floats:
    """The mean over orders of what each player adds; this adds one order after another, as the sum over orders says."""
    total = np.bincount(np.ravel(orders), marginals.ravel(), minlength=players).astype(np.float64)
    return total / len(orders)


def _grown(order: Sequence[int]) -> Iterator[Mask]:
    """Nobody, then the order's first, its first two, ... as masks: n + 1 of them."""
    return accumulate((1 << player for player in order), initial=0)


def _members(mask: int, players: int) -> Coalition:
    return tuple(player for player in range(players) if mask >> player & 1)
