"""Safe primes, P = 2 p' + 1 with p' prime too, from a generator, so that equal seeds give equal keys."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

SMALLEST_BITS = 32
_SIEVED_TO = 2**16
_BASES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def safe_prime(bits: int, rng: np.random.Generator) -> int:
    """Return a safe prime of just so many bits, the two highest of them ones.

    From a drawn start on, candidates without a small factor are tested in turn: p' by Miller and Rabin's test to the
    bases up to 37, then P by Pocklington's theorem, which proves it prime if p' is.

    Raises:
        ValueError: there are fewer bits than 32.
    """
    if bits < SMALLEST_BITS:
        raise ValueError(f"a safe prime here has {SMALLEST_BITS} bits or more, not {bits}")
    while True:
        drawn = random_below(1 << (bits - 3), rng) | 0b11 << (bits - 3)
        start = drawn - drawn % 6 + 5  # p' = 5 (mod 6), else 2 or 3 divides p' or P
        for place in np.flatnonzero(_unsieved(start, max(1024, bits * bits // 8))):
            half = start + 6 * int(place)
            if half.bit_length() == bits - 1 and _is_safe(half):
                return 2 * half + 1


def random_below(limit: int, rng: np.random.Generator) -> int:
    """Return a number from 0 up to a limit, uniform but for 2^-128."""
    return int.from_bytes(rng.bytes((limit.bit_length() + 7) // 8 + 16), "big") % limit


def _is_safe(half: int) -> bool:
    """Tell whether half and 2 half + 1 are primes; the cheap tests of both come first."""
    whole = 2 * half + 1
    if pow(2, half - 1, half) != 1 or pow(2, 2 * half, whole) != 1:
        return False
    return all(_passes(half, base) for base in _BASES)


def _passes(number: int, base: int) -> bool:
    """Miller and Rabin's test of an odd number to one base."""
    twos = (number - 1 & 1 - number).bit_length() - 1
    power = pow(base, number - 1 >> twos, number)
    return power in (1, number - 1) or any((power := power * power % number) == number - 1 for _ in range(twos - 1))


def _unsieved(start: int, count: int) -> npt.NDArray[np.bool_]:
    """Which of start + 6 k has no small factor, nor twice it and one: [count]."""
    left = np.ones(count, dtype=np.bool_)
    for prime in _small_primes():
        sixth, rest = pow(6, -1, prime), start % prime
        left[-rest * sixth % prime :: prime] = False
        left[((prime - 1) // 2 - rest) * sixth % prime :: prime] = False
    return left


@lru_cache(maxsize=1)
def _small_primes() -> tuple[int, ...]:
    left = np.ones(_SIEVED_TO, dtype=np.bool_)
    for number in range(2, int(_SIEVED_TO**0.5) + 1):
        left[number * number :: number] &= not left[number]
    return tuple(int(prime) for prime in np.flatnonzero(left) if prime > 3)
