"""Sums whose parts nobody sees: whole numbers, shared by polynomials over a prime field (Shamir 1979)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""Order of the group of bn254, a prime of 254 bits: shares in this field can be held against commitments there."""

SCALAR_BYTES = 32

LIMIT = 2**40
"""Units that a number may have at most, so that sums over any federation stay far below half of the field."""

Row = list[int]


def in_units(values: npt.ArrayLike, units: int) -> npt.NDArray[np.int64] | None:
    """Return numbers [n] as whole multiples of 1 / `units`, rounded to the nearest, halves to even.

    None if one of them is not finite or has more than LIMIT units.
    """
    scaled = np.rint(np.asarray(values, dtype=np.float64) * units)
    fits = bool((np.abs(scaled) <= LIMIT).all())  # false for what is not a number
    return scaled.astype(np.int64) if fits else None


def signed(row: Sequence[int], field: int = FIELD) -> Row:
    """Return field elements as numbers around zero: those beyond half of the field are negative.

    Examples:
        >>> signed([96, 3], field=97)
        [-1, 3]
    """
    return [value - field if 2 * value > field else value for value in row]


def uniform(count: int, rng: np.random.Generator, field: int = FIELD) -> Row:
    """Return so many uniform field elements: the remainders of 16 more bytes than needed, even to 2^-128."""
    width = SCALAR_BYTES + 16
    data = rng.bytes(width * count)
    return [int.from_bytes(data[at : at + width], "big") % field for at in range(0, len(data), width)]


def shamir_rows(secrets: Sequence[int], threshold: int, rng: np.random.Generator, field: int = FIELD) -> list[Row]:
    """Return polynomials of degree `threshold` - 1, one a secret: [threshold, n], row j of coefficients of x^j.

    Row 0 are the secrets, all others uniform, so that fewer than `threshold` shares say nothing.
    """
    return [[value % field for value in secrets], *(uniform(len(secrets), rng, field) for _ in range(threshold - 1))]


def packed_rows(secrets: Sequence[int], coefficients: int, field: int = FIELD) -> list[Row]:
    """Return polynomials whose coefficients are the secrets themselves, so many each: [coefficients, chunks].

    Secret i is coefficient i mod c of polynomial i // c; zeros fill the last. It saves shares, and hides little: the
    share at x = 0 is a secret.

    Examples:
        >>> packed_rows([1, 2, 3, 4, 5], coefficients=2)
        [[1, 3, 5], [2, 4, 0]]
    """
    filled = [*(value % field for value in secrets), *[0] * (-len(secrets) % coefficients)]
    return [filled[power::coefficients] for power in range(coefficients)]


def unpacked_secrets(rows: Sequence[Sequence[int]], count: int) -> Row:
    """Invert `packed_rows`: the first `count` secrets of coefficients [c, chunks]."""
    return [value for chunk in zip(*rows, strict=True) for value in chunk][:count]


def share(rows: Sequence[Sequence[int]], point: int, field: int = FIELD) -> Row:
    """Return the values of polynomials with coefficients [t, n] at one point: [n].

    Examples:
        The line 5 + 2 x at x = 10.

        >>> share([[5], [2]], point=10)
        [25]
    """
    values = list(rows[-1])
    for row in reversed(rows[:-1]):
        values = [(value * point + coefficient) % field for value, coefficient in zip(values, row, strict=True)]
    return values


def recovered(shares: Mapping[int, Sequence[int]], threshold: int, field: int = FIELD) -> list[Row]:
    """Return the coefficients [threshold, n] of polynomials from their values [n] by point.

    Lagrange's interpolation over the first `threshold` points.

    Raises:
        ValueError: fewer points than the threshold, or two that are one in this field.

    Examples:
        Any two shares of a line give it back, its secret first.

        >>> rows = shamir_rows([42], threshold=2, rng=np.random.default_rng(0))
        >>> recovered({1: share(rows, 1), 3: share(rows, 3)}, threshold=2)[0]
        [42]
    """
    points = list(shares)[:threshold]
    if len(points) < threshold or len({point % field for point in points}) < threshold:
        raise ValueError(f"{threshold} shares at different points are needed, not {len(points)}")
    bases = [_basis(points, at, field) for at in range(threshold)]
    columns = list(zip(*(shares[point] for point in points), strict=True))
    return [
        [sum(basis[power] * value for basis, value in zip(bases, column, strict=True)) % field for column in columns]
        for power in range(threshold)
    ]


def summed(rows: Sequence[Sequence[int]], field: int = FIELD) -> Row:
    """Return the sum over rows [k, n]: [n]. Shares at one point sum to a share of the sum.

    Examples:
        >>> summed([[1, 2], [3, 4]])
        [4, 6]
    """
    return [sum(column) % field for column in zip(*rows, strict=True)]


def to_bytes(row: Sequence[int]) -> bytes:
    """Return field elements as 32 bytes each, big-endian."""
    return b"".join(value.to_bytes(SCALAR_BYTES, "big") for value in row)


def from_bytes(data: bytes) -> Row:
    """Invert `to_bytes`."""
    return [int.from_bytes(data[at : at + SCALAR_BYTES], "big") for at in range(0, len(data), SCALAR_BYTES)]


def _basis(points: Sequence[int], at: int, field: int) -> Row:
    """Coefficients of the polynomial that is 1 at points[at] and 0 at the others."""
    coefficients, scale = [1], 1
    for other in (*points[:at], *points[at + 1 :]):
        shifted, kept = [0, *coefficients], [*coefficients, 0]
        coefficients = [(high - other * low) % field for high, low in zip(shifted, kept, strict=True)]
        scale = scale * (points[at] - other) % field
    inverse = pow(scale, -1, field)
    return [coefficient * inverse % field for coefficient in coefficients]
