"""Roles drawn by stake from a seed that everybody knows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence


def numbers(seed: bytes) -> Iterator[int]:
    """Yield numbers of two bytes without end: those of the seed, big-endian, then those of its SHA-256, and so on.

    Raises:
        ValueError: the seed is shorter than two bytes.
    """
    if len(seed) < 2:
        raise ValueError("a lottery needs a seed of two bytes or more")
    while True:
        for at in range(0, len(seed) - 1, 2):
            yield int.from_bytes(seed[at : at + 2], "big")
        seed = hashlib.sha256(seed).digest()


def committee(stakes: Sequence[int], chances: Iterator[int], seats: int) -> tuple[int, ...]:
    """Return so many different peers in order of draw, each drawn by its share of the stakes of those who are left.

    A peer holds as many tickets as it has stake, in order of the peers; a number modulo the tickets names one
    (Biscotti's lottery). Who is drawn hands in its tickets, so that a seat takes one number: the code draws again until
    it finds somebody else, which has the same chances and, where one peer holds almost all, no end. If nobody has a
    stake, everybody has one ticket. No committee is larger than the number of peers that have one. Modulo favours the
    first tickets by at most their number in 65,536.

    Examples:
        Of tickets 0 2 2 2 the fourth is drawn, then there is but one.

        >>> committee([1, 0, 3], iter([7, 7]), seats=2)
        (2, 0)
    """
    tickets = list(stakes) if any(stakes) else [1] * len(stakes)
    members = []
    for _ in range(min(seats, sum(held > 0 for held in tickets))):
        peer, ticket = 0, next(chances) % sum(tickets)
        while ticket >= tickets[peer]:
            peer, ticket = peer + 1, ticket - tickets[peer]
        tickets[peer] = 0
        members.append(peer)
    return tuple(members)


def sample(peers: Sequence[int], chances: Iterator[int], count: int) -> tuple[int, ...]:
    """Return so many of some peers, all if they are no more, each with equal chances: Fisher and Yates' shuffle.

    Examples:
        >>> sample([0, 1, 2, 3], iter([6, 3]), count=2)
        (2, 1)
    """
    left = list(peers)
    for at in range(min(count, len(left))):
        other = at + next(chances) % (len(left) - at)
        left[at], left[other] = left[other], left[at]
    return tuple(left[:count])


def others_drawn(stakes: Sequence[int], able: Sequence[bool], peer: int, chance: bytes, seats: int) -> tuple[int, ...]:
    """Return a committee of those who are able and not the peer itself; if none of them has a stake, by equal chances.

    Examples:
        >>> others_drawn([5, 5, 5], [True, True, False], peer=0, chance=bytes(32), seats=2)
        (1,)
    """
    others = [fit and place != peer for place, fit in enumerate(able)]
    held = [stake if other else 0 for stake, other in zip(stakes, others, strict=True)]
    return committee(held if any(held) else list(map(int, others)), numbers(chance), seats) if any(others) else ()
