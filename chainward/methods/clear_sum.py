"""What stands where a secure sum is left out: vectors that are given out as they are, fixed by nothing but a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainward.methods.secure_sum import Opening, Points, Scheme, Whole
from chainward.methods.sharing import FIELD, Row, to_bytes
from chainward.methods.vector_commitment import Name


class Clear(Scheme):
    """No secure sum: a vector is fixed by its hash alone, and given out as it is.

    That what is masked is what is fixed, or a sum that of what went into it, nobody can tell: such claims hold.
    """

    def __init__(self) -> None:
        super().__init__(1)

    @property
    def points_on_chain(self) -> int:
        """Hashes do not add up."""
        return 0

    def blinded(self, values: Whole, rng: np.random.Generator) -> list[Row]:
        """Return the vector as one row, with a zero in front."""
        return [[0, *(value % FIELD for value in values.tolist())]]

    def commit(self, rows: Sequence[Row]) -> Points:
        """Return the hash of the row."""
        return (hashlib.sha256(to_bytes(rows[0])).digest(),)

    def commitment_flops(self, rows: Sequence[Row]) -> float:
        """Hashing is not counted, as elsewhere."""
        return 0.0

    def committed(self, points: Sequence[bytes]) -> bool:
        """A hash may be any bytes."""
        return True

    def mask_claims(self, masked: Opening, vector: Points, noises: Sequence[Points]) -> list[Any]:
        """Return what is true whatever is shown."""
        return [True]

    def share_claims(self, values: Sequence[Row], at: Sequence[int], commitments: Points, count: int) -> list[Any]:
        """Return whether this is the vector; of a sum nobody can tell."""
        fits = len(values) == 1 and len(values[0]) == 1 + count
        return [fits and commitments in ((), self.commit(values))]

    def aggregate(self, commitments: Sequence[Points]) -> Points:
        """Hashes do not add up."""
        return ()

    def aggregate_flops(self, commitments: Sequence[Points]) -> float:
        """Nothing is added up."""
        return 0.0

    def true(self, claims: Mapping[Name, Sequence[Any]], rng: np.random.Generator) -> list[Name]:
        """Return those all of whose claims hold."""
        return [name for name, own in claims.items() if own and all(own)]

    def checking_flops(self, claims: Mapping[Any, Sequence[Any]], bits: int = 0) -> float:
        """Hashing is not counted, as elsewhere."""
        return 0.0
