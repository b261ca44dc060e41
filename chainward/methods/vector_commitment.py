"""Commitments to vectors that can be added: Pedersen's on the curve bn254, whose points a contract can add too.

The commitment to a row (b, v_1 … v_n) is b B + v_1 H_1 + … + v_n H_n. All generators are hashed onto the curve (RFC
9380: SHA-256, the map of Shallue and van de Woestijne), so nobody knows a relation between them and there is no set-up
to trust: it binds while discrete logarithms are hard, and a uniform b hides the values. Points are 64 bytes, x and y
big-endian; 64 zeros are the neutral point, as in the EVM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from zksnake.ecc import EllipticCurve

from chainward.methods.sharing import FIELD, from_bytes, signed, to_bytes

POINT_BYTES = 64
WEIGHT_BYTES = 16
"""Of the random weights that many claims are checked with at once: a false one passes with probability 2^-128."""

FLOPS_A_FIELD_PRODUCT = 108
"""Assumed for a product of 254-bit numbers: 36 products and 72 additions of 64-bit words (Montgomery, four words)."""

FLOPS_A_GROUP_OPERATION = 11 * FLOPS_A_FIELD_PRODUCT
"""Assumed for adding two points: 7 products and 4 squares in the field of coordinates (mixed addition)."""

Name = TypeVar("Name")

_DOMAIN = b"chainward vector commitment"
_CURVE = EllipticCurve("BN254")
_MODULUS = int(_CURVE.field_modulus)
_NEUTRAL = bytes(POINT_BYTES)


class Claim(NamedTuple):
    """It is said that the commitment to `row` is the sum of `points`, each times its weight."""

    row: Sequence[int]
    points: Sequence[bytes]
    weights: Sequence[int]


def commit(row: Sequence[int]) -> bytes:
    """Return the commitment to a row: its first number is the blinding, the others are the values.

    The blinding is as long as the field and is added apart, so that short values do not pay for its length.
    """
    generators = _generators(len(row))
    return _written(_sum(generators, [0, *row[1:]]) + generators[0] * (int(row[0]) % FIELD))


def combined(points: Sequence[bytes], weights: Sequence[int]) -> bytes:
    """Return the sum of points, each times its weight.

    Raises:
        ValueError: one of them does not lie on the curve.

    Examples:
        Commitments add up as their rows do.

        >>> combined([commit([1, 2, 3]), commit([4, 5, 6])], weights=[1, 1]) == commit([5, 7, 9])
        True
    """
    return _written(_sum([_read(point) for point in points], weights))


def hashed(domain: bytes, message: bytes) -> bytes:
    """Return a point that a message is hashed to (RFC 9380), so that nobody knows its logarithm."""
    return _written(_CURVE.curve.PointG1.hash_to_curve(domain, message))


def opened(claims: Sequence[Claim], rng: np.random.Generator) -> list[bool]:
    """Tell which claims are true.

    All are checked at once under random weights; while that fails, each half apart.
    """
    if not claims or _hold(claims, rng):
        return [True] * len(claims)
    if len(claims) == 1:
        return [False]
    middle = len(claims) // 2
    return opened(claims[:middle], rng) + opened(claims[middle:], rng)


def opened_by(claims: Mapping[Name, Sequence[Claim]], rng: np.random.Generator) -> list[Name]:
    """Return those all of whose claims are true, in their order; who claims nothing is not among them."""
    told = iter(opened([claim for own in claims.values() for claim in own], rng))
    right = {name: [next(told) for _ in own] for name, own in claims.items()}
    return [name for name, found in right.items() if found and all(found)]


@lru_cache(maxsize=4_096)
def on_curve(point: bytes) -> bool:
    """Tell whether 64 bytes are a point of the curve, y^2 = x^3 + 3; all its points have the order FIELD."""
    if len(point) != POINT_BYTES:
        return False
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    right = x < _MODULUS and y < _MODULUS and (y * y - x**3 - 3) % _MODULUS == 0
    return right or point == _NEUTRAL


def numbers_of(points: Sequence[bytes]) -> tuple[int, ...]:
    """Return points as a contract takes them: x and y of each."""
    return tuple(from_bytes(b"".join(points)))


def points_of(numbers: Sequence[int]) -> tuple[bytes, ...]:
    """Invert `numbers_of`."""
    return tuple(to_bytes(numbers[at : at + 2]) for at in range(0, len(numbers), 2))


def group_operations(points: int, bits: int) -> float:
    """Return how many additions a sum of so many points takes, each times a number of so many bits.

    By buckets of c bits it is (b / c) (n + 2^c), at the best c (Pippenger 1976).
    """
    return min(-(-bits // width) * (points + 2.0**width) for width in range(1, 21))


def commitment_flops(values: int, bits: int = 254) -> float:
    """Return the FLOPs assumed for a commitment to so many values of so many bits and a blinding of 254."""
    return FLOPS_A_GROUP_OPERATION * (group_operations(values, bits) + group_operations(1, 254))


def opening_flops(claims: Sequence[Claim], bits: int = 254) -> float:
    """Return the FLOPs assumed for `opened` where all claims are true; weighted values have so many bits at most."""
    if not claims:
        return 0.0
    points, chance = sum(len(claim.points) for claim in claims), 8 * WEIGHT_BYTES
    additions = group_operations(points, chance) if points else 0.0
    return commitment_flops(max(len(claim.row) for claim in claims), bits) + FLOPS_A_GROUP_OPERATION * additions


def _hold(claims: Sequence[Claim], rng: np.random.Generator) -> bool:
    chances = [int.from_bytes(rng.bytes(WEIGHT_BYTES), "big") for _ in claims]
    width = max(len(claim.row) for claim in claims)
    row = [0] * width
    for claim, chance in zip(claims, chances, strict=True):
        for place, value in enumerate(claim.row):
            row[place] += chance * value
    points = [point for claim in claims for point in claim.points]
    if not all(map(on_curve, points)):
        return False
    weights = [chance * w for claim, chance in zip(claims, chances, strict=True) for w in claim.weights]
    return commit(row) == combined(points, weights)


def _sum(points: Sequence[Any], weights: Sequence[int]) -> Any:
    """Add up points, each times its weight. A negative one counts for the opposite point, so that it stays short."""
    around = signed([int(weight) % FIELD for weight in weights])
    turned = [-point if weight < 0 else point for point, weight in zip(points, around, strict=True)]
    return _CURVE.multiexp(turned, list(map(abs, around)))


@lru_cache(maxsize=8)
def _generators(count: int) -> list[Any]:
    """B, H_1, H_2, …; a longer list begins as a shorter one."""
    return [_generator(number) for number in range(count)]


@lru_cache(maxsize=2**16)
def _generator(number: int) -> Any:
    return _CURVE.curve.PointG1.hash_to_curve(_DOMAIN, number.to_bytes(8, "big"))


@lru_cache(maxsize=4_096)
def _read(point: bytes) -> Any:
    if not on_curve(point):
        raise ValueError("not a point of the curve")
    if point == _NEUTRAL:
        return _CURVE.curve.PointG1.identity()
    return _CURVE.curve.PointG1(int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big"))


def _written(point: Any) -> bytes:
    return bytes(point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))
