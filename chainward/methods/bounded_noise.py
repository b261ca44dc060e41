"""Noise that is committed to and proved to be no longer than noise is, without a word about it.

Whoever judges what is masked by it would else be shown anything: noise that is the opposite of a poison hides it. The
proof is by random projections (Gentry, Halevi and Lyubashevsky 2021, "Practical non-interactive publicly verifiable
secret sharing", section 3.2): entries of R are 0 half of the time, else 1 or -1. y = R n is short only where n is,
also where its numbers are field elements. That y is n's is a linear relation between commitments, that each y_j has so
many bits a quadratic one, shown as by Schnorr and made non-interactive by a hash; so only the sum of all y_j^2 is told.

R is drawn from the commitment as well as from chance: whoever knows chance before it commits finds by linear algebra no
noise that its own R does not see, but may commit again and again, 2^32 times in the mean.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainward.methods.randomness import stream
from chainward.methods.sharing import FIELD, Row, from_bytes, signed, to_bytes, uniform, unpacked_secrets
from chainward.methods.vector_commitment import Claim, commit, commitment_flops, on_curve

PROJECTIONS = 32
"""Of what is longer than the bits say, by more than a factor two, a proof passes with probability 2^-32."""

DEVIATIONS = 6
"""Standard deviations that a projection of honest noise may have: 2 in 10^9 have more."""

SPREAD = 3.0
"""Of the sum of squares over its mean: honest noise has more 3 times in 10^8, four times as long less once in 10^7."""


class Proof(NamedTuple):
    """What a noiser tells. `told` is the sum of all y_j^2; the others are the messages of Schnorr's protocol."""

    announced: tuple[bytes, ...]
    differences: bytes
    told: int
    rows: tuple[bytes, ...]
    digits: bytes
    blinding: bytes


@dataclass(frozen=True)
class Bound:
    """How long noise [count] of a standard deviation, in units, may be. `chance` is public and drawn after it."""

    deviation: float
    count: int
    chance: bytes

    @property
    def bits(self) -> int:
        """Bits of a projection and its sign."""
        return 1 + math.ceil(math.log2(1 + DEVIATIONS * self._projected))

    @property
    def limit(self) -> int:
        """The largest sum of squares of all projections."""
        return math.ceil(SPREAD * PROJECTIONS * self._projected**2)

    @property
    def _projected(self) -> float:
        """Standard deviation of a projection; rounding to units adds the variance 1 / 12."""
        return math.sqrt((self.deviation**2 + 1 / 12 if self.deviation else 0.0) * self.count / 2)

    def prove(self, rows: Sequence[Row], points: Sequence[bytes], rng: np.random.Generator) -> Proof | None:
        """Return the proof for noise laid out as rows that points commit to; None if it is too long."""
        values = np.array(signed(self._unpacked(rows)), dtype=object)
        projected = [int(value) for value in self._projections(points) @ values]
        told, half = sum(value**2 for value in projected), 1 << (self.bits - 1)
        if told > self.limit or any(not -half <= value < half for value in projected):
            return None
        digits = [(value + half) >> bit & 1 for value in projected for bit in range(self.bits)]
        nonces = [uniform(len(row), rng) for row in rows]
        hidden = uniform(1 + len(digits), rng)
        blinding, first, second = uniform(3, rng)
        heights = self._heights(hidden[1:])
        squares = [first, *(-value * value for value in hidden[1:]), sum(height**2 for height in heights)]
        middle = [second, *(value * (1 - 2 * bit) for value, bit in zip(hidden[1:], digits, strict=True))]
        middle.append(2 * sum(height * value for height, value in zip(heights, projected, strict=True)))
        announced = tuple(map(commit, (*nonces, hidden, [blinding, *digits], squares, middle)))
        differences = self._differences(points, heights, nonces)
        challenge = self._challenge(points, announced, differences, told)
        answers = [_answer(nonce, row, challenge) for nonce, row in zip(nonces, rows, strict=True)]
        shown = _answer(hidden, [blinding, *digits], challenge)
        last = to_bytes([(first + challenge * second) % FIELD])
        return Proof(announced, to_bytes(differences), told, tuple(map(to_bytes, answers)), to_bytes(shown), last)

    def claims(self, proof: Proof, points: Sequence[bytes]) -> list[Claim]:
        """Return what is true if committed noise is as short as it must be; nothing if the proof is odd or wrong."""
        rows, shown = [from_bytes(row) for row in proof.rows], from_bytes(proof.digits)
        width = 1 + -(-self.count // max(1, len(points)))
        odd = len(rows) != len(points) or any(len(row) != width for row in rows) or not 0 <= proof.told <= self.limit
        odd |= len(shown) != 1 + PROJECTIONS * self.bits or len(proof.announced) != len(points) + 4
        if odd or len(proof.blinding) != 32 or not all(map(on_curve, (*proof.announced, *points))):
            return []
        differences = from_bytes(proof.differences)
        challenge = self._challenge(points, proof.announced, differences, proof.told)
        shift = challenge << (self.bits - 1)
        heights = [(height - shift) % FIELD for height in self._heights(shown[1:])]
        if self._differences(points, heights, rows) != differences:
            return []
        *nonces, hidden, digits, squares, middle = proof.announced
        bits = [*(value * (challenge - value) for value in shown[1:])]
        whole = sum(height**2 for height in heights) - challenge**2 * proof.told
        return [
            *(Claim(row, pair, [1, challenge]) for row, *pair in zip(rows, nonces, points, strict=True)),
            Claim(shown, [hidden, digits], [1, challenge]),
            Claim([*from_bytes(proof.blinding), *bits, whole], [squares, middle], [1, challenge]),
        ]

    def flops(self, rows: int) -> float:
        """Return the FLOPs assumed for `prove`, where the noise is laid out in so many rows."""
        width, digits = 1 + -(-self.count // rows), 1 + PROJECTIONS * self.bits
        return rows * commitment_flops(width) + 3 * commitment_flops(digits) + commitment_flops(digits, 1)

    def _projections(self, points: Sequence[bytes]) -> npt.NDArray[Any]:
        """R [PROJECTIONS, count], from the commitment, and from what nobody should know when that is made."""
        committed = hashlib.sha256(b"".join(points)).hexdigest()
        drawn = stream("projections", self.chance.hex(), committed).integers(0, 4, (PROJECTIONS, self.count))
        return np.array([0, 0, 1, -1], dtype=object)[drawn]

    def _unpacked(self, rows: Sequence[Row]) -> Row:
        return unpacked_secrets([row[1:] for row in rows], self.count)

    def _heights(self, digits: Row) -> Row:
        """The numbers that digits stand for, so many bits each, the lowest first."""
        each = (digits[at : at + self.bits] for at in range(0, len(digits), self.bits))
        return [sum(digit << bit for bit, digit in enumerate(own)) % FIELD for own in each]

    def _differences(self, points: Sequence[bytes], heights: Row, rows: Sequence[Row]) -> Row:
        """Heights less the projections of rows."""
        projected = self._projections(points) @ np.array(self._unpacked(rows), dtype=object)
        return [int(height - value) % FIELD for height, value in zip(heights, projected, strict=True)]

    def _challenge(self, points: Sequence[bytes], announced: Sequence[bytes], differences: Row, told: int) -> int:
        parts = (self.chance, *points, *announced, to_bytes(differences), str(told).encode())
        return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big") % FIELD


def _answer(nonces: Row, row: Row, challenge: int) -> Row:
    return [(nonce + challenge * value) % FIELD for nonce, value in zip(nonces, row, strict=True)]
