"""Vectors that are committed to, masked by noise, shared and added up, so that only the sum comes to light.

A vector of whole numbers [n] is laid out as rows of coefficients, each with a blinding in front, and every row is
committed to by one point. As commitments add up, what is masked can be held against those to vector and noise, shares
and their sums against those to the rows, and whoever gets the sum with its blindings against the sum of them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainward.methods.sharing import (
    FIELD,
    LIMIT,
    SCALAR_BYTES,
    Row,
    packed_rows,
    recovered,
    shamir_rows,
    signed,
    summed,
    uniform,
    unpacked_secrets,
)
from chainward.methods.vector_commitment import (
    FLOPS_A_GROUP_OPERATION,
    WEIGHT_BYTES,
    Claim,
    Name,
    combined,
    commit,
    commitment_flops,
    on_curve,
    opened_by,
    opening_flops,
)

Whole = npt.NDArray[np.int64]
Points = tuple[bytes, ...]

VALUE_BITS = LIMIT.bit_length()
"""Bits of a number of a vector that is added up."""


class Opening(NamedTuple):
    """A vector [n], and the blindings that open the commitment to it."""

    values: Whole
    blindings: Row


@dataclass(frozen=True)
class Scheme:
    """`terms` shares recover a vector, and as many points commit to it.

    With `packed` 1 each number has a polynomial of its own, and fewer shares say nothing about it (Shamir). Otherwise
    so many numbers are the coefficients of one, as in Biscotti's code, and `terms` is that too. One term is no sharing:
    what is given out is the vector itself.
    """

    terms: int
    packed: int = 1

    @property
    def reveals(self) -> bool:
        """Whether a single share tells numbers of the vector."""
        return self.terms == 1 or self.packed > 1

    @property
    def points_on_chain(self) -> int:
        """How many points of each commitment are added up."""
        return self.terms

    def blinded(self, values: Whole, rng: np.random.Generator) -> list[Row]:
        """Return the rows of a vector [n], uniformly blinded: [packed, 1 + n / packed]."""
        rows = packed_rows(values.tolist(), self.packed)
        return [[blinding, *row] for blinding, row in zip(uniform(len(rows), rng), rows, strict=True)]

    def polynomials(self, values: Whole, rng: np.random.Generator) -> list[Row]:
        """Return the rows of a vector to be shared: [terms, 1 + n / packed]."""
        rows = self.blinded(values, rng)
        return rows if self.packed > 1 else shamir_rows(rows[0], self.terms, rng)

    def commit(self, rows: Sequence[Row]) -> Points:
        """Return the commitment to rows: a point each."""
        return tuple(map(commit, rows))

    def commitment_flops(self, rows: Sequence[Row]) -> float:
        """Return the FLOPs assumed for `commit`; only numbers of the vector itself are short."""
        bits = [VALUE_BITS] * self.packed + [8 * SCALAR_BYTES - 2] * (len(rows) - self.packed)
        return sum(commitment_flops(len(row), each) for row, each in zip(rows, bits, strict=True))

    def values(self, rows: Sequence[Row], count: int) -> Whole:
        """Invert `blinded`: the vector [n] of so many.

        Raises:
            OverflowError: a number has more than 63 bits.
        """
        return np.array(signed(unpacked_secrets([row[1:] for row in rows], count)), dtype=np.int64)

    def points(self, seat: int, seats: int) -> tuple[int, ...]:
        """Return where the shares of one of so many parties lie.

        Shamir: one each, from 1 on. Packed, as in Biscotti's code: 2 c shares in all, rounded up, from -c on.
        """
        if self.terms == 1:
            return (0,)
        if self.packed == 1:
            return (seat + 1,)
        each = -(-2 * self.packed // seats)
        return tuple(range(seat * each - self.packed, (seat + 1) * each - self.packed))

    def recovered(self, shares: Mapping[int, Row], count: int) -> Opening:
        """Return the vector [n] from `terms` shares by point, and what opens it.

        Raises:
            ValueError: they are fewer.
            OverflowError: a number has more than 63 bits, as when somebody shared what is no number of units.
        """
        return self._opening(recovered(shares, self.terms)[: self.packed], count)

    def masked(self, rows: Sequence[Row], noises: Sequence[Sequence[Row]], count: int) -> Opening:
        """Return a vector of so many numbers, given by its rows, under noises given by theirs."""
        return self._opening([summed(parts) for parts in zip(rows[: self.packed], *noises, strict=True)], count)

    def _opening(self, rows: Sequence[Row], count: int) -> Opening:
        return Opening(self.values(rows, count), [row[0] for row in rows])

    def mask_claims(self, masked: Opening, vector: Points, noises: Sequence[Points]) -> list[Any]:
        """Return what is true if `masked` is the committed vector under the committed noises; nothing if it is odd.

        The vector counts once and is not scaled. If it were, say doubled, halves would pass: in the field they are
        numbers too, but huge ones, and one of them spoils every sum.
        """
        rows = packed_rows(masked.values.tolist(), self.packed)
        odd = len(masked.blindings) != len(rows) or any(len(points) != len(rows) for points in noises)
        if odd or not self.committed(vector):
            return []
        return [
            Claim([blinding, *row], [vector[at], *(points[at] for points in noises)], [1] * (1 + len(noises)))
            for at, (blinding, row) in enumerate(zip(masked.blindings, rows, strict=True))
        ]

    def committed(self, points: Sequence[bytes]) -> bool:
        """Tell whether points can be the commitment to a vector: one a row, all on the curve."""
        return len(points) == self.terms and all(map(on_curve, points))

    def share_claims(self, values: Sequence[Row], at: Sequence[int], commitments: Points, count: int) -> list[Any]:
        """Return what is true if these are the shares at some points of a committed vector of so many numbers.

        Nothing if it is odd.
        """
        width = 1 + -(-count // self.packed)
        odd = len(values) != len(at) or any(len(row) != width for row in values)
        if odd or not self.committed(commitments):
            return []
        return [share_claim(row, point, commitments) for row, point in zip(values, at, strict=True)]

    def aggregate(self, commitments: Sequence[Points]) -> Points:
        """Return the commitment to the sum of vectors, each committed to as `committed` asks."""
        return tuple(combined(column, [1] * len(column)) for column in zip(*commitments, strict=True))

    def aggregate_flops(self, commitments: Sequence[Points]) -> float:
        """Return the FLOPs assumed for `aggregate`."""
        return float(FLOPS_A_GROUP_OPERATION * len(commitments) * self.terms)

    def true(self, claims: Mapping[Name, Sequence[Any]], rng: np.random.Generator) -> list[Name]:
        """Return those all of whose claims are true, in their order; who claims nothing is not among them."""
        return opened_by(claims, rng)

    def checking_flops(self, claims: Mapping[Any, Sequence[Any]], bits: int = 8 * SCALAR_BYTES - 2) -> float:
        """Return the FLOPs assumed for `true`, where the values have so many bits at most."""
        return opening_flops([claim for own in claims.values() for claim in own], min(254, bits + 8 * WEIGHT_BYTES))


def share_claim(values: Row, point: int, commitments: Sequence[bytes]) -> Claim:
    """Return what is true if these are the values at a point of the committed polynomials (Feldman 1987)."""
    return Claim(values, commitments, [pow(point, power, FIELD) for power in range(len(commitments))])
