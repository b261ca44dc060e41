"""A lattice signature that N signers make together and no N - 1 of them: Fiat-Shamir with aborts, added up.

Signer i has small S_i and shows T_i = A S_i mod q; T = sum T_i. For a message it draws y_i small; w = sum A y_i mod q,
c = H(w, message) small, z_i = y_i + S_i c unless that is too large, z = sum z_i. A signature is valid where z is small
and c = H(A z - T c mod q, message).

With one signer it is Lyubashevsky's (2009, 10.1007/978-3-642-10366-7_35; 2012, 10.1007/978-3-642-29011-4_43). Signers
fix their w_i before they see others', as in Bellare and Neven 2006, and their keys likewise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
DIGEST_BYTES = 32
WORD = "<u4"  # an element of Z_q as sent
SIGNED = "<i4"  # an entry of z as sent


@dataclass(frozen=True)
class Halves:
    """A matrix 2^16 high + low in floating point, in which its products with small numbers are exact below 2^53."""

    high: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]

    @classmethod
    def of(cls, matrix: Integers) -> Halves:
        """Take a matrix of numbers from 0 to 2^32 apart."""
        return cls((matrix >> 16).astype(np.float64), (matrix & 0xFFFF).astype(np.float64))


def product(matrix: Halves | npt.ArrayLike, vectors: npt.ArrayLike, modulus: int) -> Integers:
    """Return A x mod q, exact, for A [n, m] of entries from 0 to q - 1 < 2^31 and x [m, ...] below 2^(37 - log2 m).

    Examples:
        >>> product([[1, 2], [3, 4]], [1, -1], modulus=97).tolist()
        [96, 96]
    """
    halves = matrix if isinstance(matrix, Halves) else Halves.of(np.asarray(matrix, np.int64))
    columns = np.asarray(vectors, np.float64)
    high, low = ((half @ columns).astype(np.int64) % modulus for half in (halves.high, halves.low))
    found: Integers = (high * 2**16 + low) % modulus
    return found


def response(mask: npt.ArrayLike, secret: npt.ArrayLike, challenge: npt.ArrayLike) -> Integers:
    """Return z = y + S c for y [m], S [m, k], c [k].

    Examples:
        >>> response([5, 7], [[1], [-1]], [2]).tolist()
        [7, 5]
    """
    return np.asarray(mask, np.int64) + np.asarray(secret, np.int64) @ np.asarray(challenge, np.int64)


def recovered(
    matrix: Halves | npt.ArrayLike, answer: npt.ArrayLike, public: npt.ArrayLike, challenge: npt.ArrayLike, modulus: int
) -> Integers:
    """Return A z - T c mod q, which is w if z answers c; T [n, k].

    Examples:
        >>> recovered([[1, 2], [3, 4]], [7, 5], [[96], [96]], [2], modulus=97).tolist()
        [19, 43]
    """
    shift = np.asarray(public, np.int64) @ np.asarray(challenge, np.int64)
    found: Integers = (product(matrix, answer, modulus) - shift) % modulus
    return found


@dataclass(frozen=True)
class Additive:
    """The scheme with plain matrices, A [n, m] = [rows, columns] drawn from a seed that says nothing else.

    The default takes about 2^130 operations to break for up to 16 signers, by the usual estimate in which lattice
    reduction with blocks of b costs 2^(0.292 b); ML-DSA-65, estimated so, about 2^175. There is no proof for it with
    signers who abort after they showed w_i (Damgard, Orlandi, Takahashi, Tibouchi 2021), and for more signers z is
    larger and it is weaker.

    A challenge has 2^132 values: `weight` of `challenges` places are 1 or -1. Entries of S lie within `secret`, of y
    within 2^`mask_bits`. Signers make `tries` at once and take the first that nobody aborts: of three signers' messages
    one in 10^7 has none.
    """

    modulus: int = 2**31 - 1
    rows: int = 1536
    columns: int = 3072
    challenges: int = 128
    weight: int = 32
    secret: int = 1
    mask_bits: int = 21
    tries: int = 8

    exchanges: ClassVar[int] = 3
    """Answers to what the others said, after the beginning: to hashes of w_i, to w_i, to which tries nobody aborts."""

    @property
    def bound(self) -> int:
        """The largest |entry| of a signer's z_i: below it, every z_i is as likely whatever S_i is."""
        return int(2**self.mask_bits) - 1 - self.weight * self.secret

    @property
    def sign_flops(self) -> float:
        """Operations of a signer's part."""
        return 2.0 * self.tries * self.columns * (self.rows + self.weight)

    @property
    def verify_flops(self) -> float:
        """Operations of verifying."""
        return 2.0 * self.rows * (self.columns + self.weight)

    def public(self, seed: bytes) -> bytes:
        """Return the public key of the secret that 32 bytes give: T_i [n, k], four bytes an entry."""
        return product(_matrix(self), _secret(self, seed), self.modulus).astype(WORD).tobytes()

    def joint(self, publics: Sequence[bytes]) -> bytes:
        """Return the number of signers and T, the key of all of them together.

        Raises:
            ValueError: one of them has another form.
        """
        return bytes([len(publics)]) + self._sum(publics, (self.rows, self.challenges)).astype(WORD).tobytes()

    def begin(self, seed: bytes, message: bytes, rng: np.random.Generator) -> tuple[bytes, Mapping[str, Any]]:
        """Draw a mask for each try; say the hash of their w_i."""
        salt = rng.bytes(DIGEST_BYTES)
        first = product(_matrix(self), self._masks(seed, salt, message).T, self.modulus).T.astype(WORD).tobytes()
        return _hash(first), {"step": 1, "salt": salt, "message": message, "first": first}

    def answer(self, seed: bytes, kept: Mapping[str, Any], heard: Sequence[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        """Go on with what all signers said, in their order; say nothing more where that is not as it must be."""
        if kept.get("step") == 1:
            return kept["first"], {**kept, "step": 2, "hashes": tuple(heard)}
        if kept.get("step") == 2 and tuple(map(_hash, heard)) == kept["hashes"]:
            return self._respond(seed, kept, heard)
        if kept.get("step") == 3 and all(len(one) == self.tries for one in heard):
            agreed = (at for at, tried in enumerate(zip(*heard, strict=True)) if all(tried))
            return next((kept["parts"][at] for at in agreed), b""), {}
        return b"", {}

    def verifies(self, joint: bytes, message: bytes, parts: Sequence[bytes]) -> bool:
        """Tell whether parts of all signers are a signature: H(w) and z_i in each."""
        return _verified(self, joint, message, tuple(parts))

    def _respond(self, seed: bytes, kept: Mapping[str, Any], heard: Sequence[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        """Answer the challenge of each try; say which of them it does not abort."""
        try:
            first = self._sum(heard, (self.tries, self.rows))
        except ValueError:
            return b"", {}
        seals = [_seal(w, kept["message"]) for w in first]
        masks, secret = self._masks(seed, kept["salt"], kept["message"]), _secret(self, seed)
        answers = [response(y, secret, _ball(self, seal)) for y, seal in zip(masks, seals, strict=True)]
        fine = [bool(np.abs(z).max() <= self.bound) for z in answers]
        parts = [
            seal + z.astype(SIGNED).tobytes() if ok else b"" for seal, z, ok in zip(seals, answers, fine, strict=True)
        ]
        return bytes(fine), {"step": 3, "parts": tuple(parts)}

    def _masks(self, seed: bytes, salt: bytes, message: bytes) -> Integers:
        """y [tries, m], uniform from 1 - 2^bits to 2^bits; another for each message, also where chance repeats."""
        words = hashlib.shake_256(b"mask" + seed + salt + message).digest(4 * self.tries * self.columns)
        drawn = np.frombuffer(words, WORD).astype(np.int64) & 2 ** (self.mask_bits + 1) - 1
        found: Integers = (drawn - 2**self.mask_bits + 1).reshape(self.tries, self.columns)
        return found

    def _sum(self, sent: Sequence[bytes], shape: tuple[int, int]) -> Integers:
        """The sum in Z_q of what all signers sent; raises `ValueError` where one of them has another size."""
        total: Integers = np.sum([_read(one, shape) for one in sent], axis=0) % self.modulus
        return total


@lru_cache(maxsize=4)
def _matrix(scheme: Additive) -> Halves:
    """A, uniform: words of SHAKE-128 as long as the modulus, without those beyond it."""
    count, bits = scheme.rows * scheme.columns, scheme.modulus.bit_length()
    enough = int(count * 2**bits / scheme.modulus * 1.01) + 999  # fewer would do but once in 2^64 seeds
    words = np.frombuffer(hashlib.shake_128(b"chainward: A").digest(4 * enough), WORD).astype(np.int64) & 2**bits - 1
    return Halves.of(words[words < scheme.modulus][:count].reshape(scheme.rows, scheme.columns))


@lru_cache(maxsize=16)
def _secret(scheme: Additive, seed: bytes) -> npt.NDArray[np.int8]:
    """S_i [m, k], uniform from -secret to secret."""
    shape, values = (scheme.columns, scheme.challenges), 2 * scheme.secret + 1
    enough = int(shape[0] * shape[1] * 256 / (256 - 256 % values) * 1.05) + 999
    drawn = np.frombuffer(hashlib.shake_256(b"secret" + seed).digest(enough), np.uint8)
    drawn = drawn[drawn < 256 - 256 % values][: shape[0] * shape[1]]
    return ((drawn % values).astype(np.int8) - scheme.secret).reshape(shape)


def _ball(scheme: Additive, seal: bytes) -> Integers:
    """The challenge c [k] that a hash stands for: `weight` places, drawn as in FIPS 204 (algorithm 29), are 1 or -1."""
    found, words = np.zeros(scheme.challenges, np.int64), iter(hashlib.shake_256(seal).digest(9_999))
    signs = int.from_bytes(bytes(next(words) for _ in range(-(-scheme.weight // 8))), "little")
    for at in range(scheme.challenges - scheme.weight, scheme.challenges):
        place = next(word for word in words if word <= at)
        found[at], found[place] = found[place], 1 - 2 * (signs & 1)
        signs >>= 1
    return found


def _read(data: bytes, shape: tuple[int, int]) -> Integers:
    """Elements of Z_q as sent; raises `ValueError` if there are more or fewer."""
    return np.frombuffer(data, WORD).astype(np.int64).reshape(shape)


def _seal(first: Integers, message: bytes) -> bytes:
    """H(w, message)."""
    return _hash(first.astype(WORD).tobytes() + message)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@lru_cache(maxsize=4_096)
def _verified(scheme: Additive, joint: bytes, message: bytes, parts: tuple[bytes, ...]) -> bool:
    """Verify once what many parties do."""
    try:
        public = _read(joint[1:], (scheme.rows, scheme.challenges))
        answers = [np.frombuffer(part[DIGEST_BYTES:], SIGNED).astype(np.int64) for part in parts]
        total = np.asarray(sum(answers)).reshape(scheme.columns)
    except ValueError:
        return False
    seals = {part[:DIGEST_BYTES] for part in parts}
    if len(parts) != joint[0] or len(seals) != 1 or np.abs(total).max() > len(parts) * scheme.bound:
        return False
    (seal,) = seals
    first = recovered(_matrix(scheme), total, public, _ball(scheme, seal), scheme.modulus)
    return _seal(first, message) == seal
