"""Paillier's encryption, opened by any t of N parties: Fouque, Poupard and Stern 2000, "Sharing Decryption in the
Context of Voting or Lotteries", with the short randomness of Damgård, Jurik and Nielsen 2010.

The modulus n is a product of two safe primes, so the squares modulo n^2 are a cyclic group without small subgroups,
which the proofs rest on. Nobody holds the factors once the key is dealt. Parties are counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from typing import NamedTuple

import numpy as np

from chainward.methods.modular_powers import fixed_powers
from chainward.methods.safe_primes import random_below, safe_prime


@dataclass(frozen=True)
class Key:
    """What everybody knows: n, the base of masks h^n, a square v, and v^(D s_i) of each party, by which it is held.

    `mask` and `base` generate the squares of their groups with overwhelming probability.
    """

    n: int
    mask: int
    base: int
    verification: tuple[int, ...]

    @cached_property
    def modulus(self) -> int:
        """n^2."""
        return self.n**2

    @property
    def bits(self) -> int:
        """Bits of n."""
        return self.n.bit_length()

    @property
    def width(self) -> int:
        """Bytes of a ciphertext, and of every number of the key as it is written."""
        return self.bits // 4

    @cached_property
    def factor(self) -> int:
        """D = N!, which clears the denominators of Lagrange's coefficients."""
        return factorial(len(self.verification))

    def written(self) -> bytes:
        """Return the key as bytes: n, the base of masks, v and each v^(D s_i)."""
        return joined((self.n, self.mask, self.base, *self.verification), self.width)

    @classmethod
    def read(cls, data: bytes, bits: int) -> Key:
        """Invert `written`, for a key of so many bits.

        Raises:
            ValueError: these are the bytes of no such key.
        """
        n, mask, base, *verification = split(data, bits // 4) or (0, 0, 0)
        if n.bit_length() != bits:
            raise ValueError(f"no key of {bits} bits")
        return cls(n, mask, base, tuple(verification))


class Dealt(NamedTuple):
    """A key and each party's secret share s_i."""

    key: Key
    shares: tuple[int, ...]


def deal(bits: int, parties: int, threshold: int, rng: np.random.Generator) -> Dealt:
    """Return a key of which any `threshold` parties open what is encrypted; who deals it must forget the rest.

    Raises:
        ValueError: the number of bits is no multiple of 128 (n^2 must fill words of the EVM), or the threshold lies not
            between 1 and the number of parties.
    """
    if bits < 128 or bits % 128 or not 1 <= threshold <= parties:
        raise ValueError(f"no key of {bits} bits for {threshold} of {parties}; bits come in multiples of 128")
    p, q = _two_primes(bits // 2, rng)
    n, order = p * q, (p - 1) // 2 * ((q - 1) // 2)
    secret = order * pow(order, -1, n)  # 0 modulo the order of squares modulo n, 1 modulo n
    coefficients = [secret, *(random_below(n * order, rng) for _ in range(threshold - 1))]
    shares = shares_of(coefficients, n * order, parties)
    mask, base = pow(random_below(n, rng), 2 * n, n**2), pow(random_below(n**2, rng), 2, n**2)
    verification = (fixed_powers((base,), factorial(parties) * share, n**2) for share in shares)
    return Dealt(Key(n, mask, base, tuple(value for (value,) in verification)), shares)


def _two_primes(bits: int, rng: np.random.Generator) -> tuple[int, int]:
    p = q = safe_prime(bits, rng)
    while q == p:
        q = safe_prime(bits, rng)
    return p, q


def shares_of(coefficients: Sequence[int], modulus: int, parties: int) -> tuple[int, ...]:
    """Return the values of a polynomial, its constant first, at 1 to so many.

    Examples:
        >>> shares_of([4026, 17], 5313, 3)
        (4043, 4060, 4077)
    """
    places = range(1, parties + 1)
    return tuple(sum(c * place**power for power, c in enumerate(coefficients)) % modulus for place in places)


def encrypted(n: int, value: int, mask: int) -> int:
    """Return (1 + n)^value times the mask, an n-th power, modulo n^2.

    Examples:
        >>> encrypted(77, 12, pow(2, 77, 77**2))
        2636
    """
    return (1 + n * value) * mask % n**2


def summed(n: int, ciphertexts: Iterable[int]) -> int:
    """Return the ciphertext of the sum of what these hold: their product modulo n^2."""
    result = 1
    for one in ciphertexts:
        result = result * one % n**2
    return result


def partial(ciphertexts: tuple[int, ...], share: int, factor: int, modulus: int) -> list[int]:
    """Return a party's part in opening each ciphertext: c^(2 D s_i)."""
    return fixed_powers(ciphertexts, 2 * factor * share, modulus)


def combined(n: int, partials: Mapping[int, int], factor: int) -> int:
    """Return prod c_i^(2 lambda_i) over t parties by place, lambda_i = D prod_{j != i} j / (j - i), modulo n^2."""
    power = 1
    for place, part in partials.items():
        others = [other for other in partials if other != place]
        top, bottom = factor * prod(others), prod(other - place for other in others)
        power = power * pow(part, 2 * (top // bottom), n**2) % n**2
    return power


def opened(n: int, partials: Mapping[int, int], factor: int) -> int:
    """Return what a ciphertext holds, from parts in opening it by the places of t parties.

    M = L(`combined`) / (4 D^2) modulo n with L(u) = (u - 1) / n. Of fewer parties, or with a wrong part, it is another
    number.

    Raises:
        ValueError: a part has a factor in common with n.
    """
    return (combined(n, partials, factor) - 1) // n * pow(4 * factor**2, -1, n) % n


def joined(numbers: Iterable[int], width: int) -> bytes:
    """Return numbers as big-endian bytes, so many each."""
    return b"".join(number.to_bytes(width, "big") for number in numbers)


def split(data: bytes, width: int) -> tuple[int, ...]:
    """Invert `joined`."""
    return tuple(int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width))
