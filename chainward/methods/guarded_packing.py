"""Numbers as fixed point, many in one plaintext, with guard bits between them so that whole sums can be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Slots:
    """Numbers of `value_bits` bits, `fraction_bits` of them behind the point, of which up to `summands` are added.

    A number stands in its slot as itself plus an offset of half the range, so that none is negative; a slot has guard
    bits for the largest sum. A plaintext has `plaintext_bits`, and its first number stands lowest.
    """

    fraction_bits: int
    value_bits: int
    summands: int
    plaintext_bits: int

    def __post_init__(self) -> None:
        if not 0 <= self.fraction_bits < self.value_bits <= 53 or self.each < 1:
            raise ValueError(f"{self.value_bits} bits, {self.fraction_bits} behind the point, cannot be packed")

    @property
    def width(self) -> int:
        """Bits of a slot: a number's and the guard bits."""
        return self.value_bits + (self.summands - 1).bit_length()

    @property
    def each(self) -> int:
        """Numbers in a plaintext."""
        return self.plaintext_bits // self.width

    def count(self, numbers: int) -> int:
        """Return how many plaintexts so many numbers take."""
        return -(-numbers // self.each)

    def fixed(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return values [n] in units of 2^-f, rounded, halves to even; what is out of range becomes its nearest end.

        What is no number becomes 0.
        """
        half = 1 << (self.value_bits - 1)
        scaled = np.rint(np.nan_to_num(np.asarray(values, np.float64), posinf=np.inf, neginf=-np.inf) * self.one)
        return np.clip(scaled, -half, half - 1).astype(np.int64)

    @property
    def one(self) -> int:
        """Units that make up 1."""
        return 1 << self.fraction_bits

    def packed(self, values: npt.NDArray[np.int64]) -> list[int]:
        """Return numbers [n], in units, as plaintexts.

        Examples:
            >>> slots = Slots(fraction_bits=2, value_bits=4, summands=2, plaintext_bits=10)
            >>> [f"{plaintext:010b}" for plaintext in slots.packed(np.array([1, -1, 0]))]
            ['0011101001', '0000001000']
        """
        half = 1 << (self.value_bits - 1)
        shifted = [int(value) + half for value in values]
        parts = (shifted[at : at + self.each] for at in range(0, len(shifted), self.each))
        return [sum(value << self.width * place for place, value in enumerate(part)) for part in parts]

    def unpacked(self, plaintexts: Sequence[int], numbers: int, summed: int) -> npt.NDArray[np.int64]:
        """Return so many sums [n], in units, of a sum of so many packed lists."""
        mask, offset = (1 << self.width) - 1, summed << (self.value_bits - 1)
        slots = [plain >> self.width * place & mask for plain in plaintexts for place in range(self.each)]
        return np.array(slots[:numbers], dtype=np.int64) - offset
