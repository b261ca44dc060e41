"""Proofs that ciphertexts were made by who knows what they hold, and that parts in opening them are right.

Both are made non-interactive by hashing (Fiat and Shamir 1986) and hold for one occasion: who copies one cannot use it.
With keys of 384 bits or more, challenges of 128 bits are shorter than any prime in the order of the squares modulo n^2,
so that one proof for many ciphertexts, each weighted by a challenge of its own, is as sound as one for each; what it
leaves open is a square root of one, which opening squares away. Answers are longer by 128 bits than what they hide.
What several check is checked once a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from eth_utils.crypto import keccak

from chainward.methods.modular_powers import fixed_powers, power_flops, product_of_powers
from chainward.methods.safe_primes import random_below
from chainward.methods.threshold_paillier import Key, encrypted, joined, partial, split

CHALLENGE_BITS = 128
HIDING_BITS = 128
_COUNT_BITS = 32
"""Of how many ciphertexts one proof is about."""


def plaintext_proof_bytes(key: Key) -> int:
    """Return how long a proof of `encrypt` is, behind the ciphertexts."""
    return 2 * key.width + _exponent_bytes(key)


def partial_proof_bytes(key: Key) -> int:
    """Return how long a proof of `open_partly` is, behind the parts: two commitments and an answer."""
    return 2 * key.width + -(-(_hiding_bits(key) + 1) // 8)


def encrypt(key: Key, values: list[int], occasion: bytes, rng: np.random.Generator) -> bytes:
    """Return the ciphertexts of values, and the proof that whoever acts on this occasion knows them.

    C_j = (1 + n)^m_j (h^n)^a_j. The proof is A = (1 + n)^x (h^n)^u with drawn x and u, x + sum e_j m_j modulo n, and
    u + sum e_j a_j, where the e_j are hashed from all that was there before.
    """
    secrets = [random_below(1 << key.bits // 2, rng) for _ in values]
    ciphertexts = [_encrypted(key, *pair) for pair in zip(values, secrets, strict=True)]
    x, u = random_below(key.n, rng), random_below(1 << _exponent_bits(key) - 1, rng)
    head = joined((*ciphertexts, _encrypted(key, x, u)), key.width)
    weights = _weights(_seed(occasion, key.written(), head), len(values))
    value = (x + _inner(weights, values)) % key.n
    answer = u + _inner(weights, secrets)
    return head + joined([value], key.width) + joined([answer], _exponent_bytes(key))


@lru_cache(maxsize=512)
def ciphertexts_of(key: Key, message: bytes, count: int, occasion: bytes) -> tuple[int, ...] | None:
    """Return the ciphertexts in a message of `encrypt`; None if it is not of so many, or its proof is wrong."""
    end = key.width * (count + 1)
    if len(message) != key.width * count + plaintext_proof_bytes(key):
        return None
    *ciphertexts, first = split(message[:end], key.width)
    value, answer = (int.from_bytes(part, "big") for part in (message[end:][: key.width], message[end + key.width :]))
    weights = _weights(_seed(occasion, key.written(), message[:end]), count)
    told = first * product_of_powers(tuple(ciphertexts), weights, key.modulus) % key.modulus
    return tuple(ciphertexts) if _encrypted(key, value, answer) == told else None


def open_partly(
    key: Key, place: int, share: int, ciphertexts: tuple[int, ...], occasion: bytes, rng: np.random.Generator
) -> bytes:
    """Return a party's parts in opening ciphertexts, c_j = C_j^(2 D s), and the proof that they are by its share.

    With C and c the products of the C_j and of the c_j to powers hashed from them, the proof is a = C^(4 r) and
    b = v^r with a drawn r, and z = r + e D s (Chaum and Pedersen 1992).
    """
    parts = joined(partial(ciphertexts, share, key.factor, key.modulus), key.width)
    seed = _seed(occasion, keccak(party_key(key, place)), joined(ciphertexts, key.width) + parts)
    whole = product_of_powers(ciphertexts, _weights(seed, len(ciphertexts)), key.modulus)
    r = random_below(1 << _hiding_bits(key), rng)
    head = joined((pow(whole, 4 * r, key.modulus), *fixed_powers((key.base,), r, key.modulus)), key.width)
    answer = r + _challenge(seed, head) * key.factor * share
    return parts + head + joined([answer], partial_proof_bytes(key) - len(head))


@lru_cache(maxsize=512)
def parts_of(
    key: Key, place: int, ciphertexts: tuple[int, ...], message: bytes, occasion: bytes
) -> tuple[int, ...] | None:
    """Return the parts in a message of `open_partly`; None if it is not as long as one, or its proof is wrong.

    C^(4 z) = a (c^2)^e and v^z = b v_i^e; a contract checks the same.
    """
    end = key.width * len(ciphertexts)
    if len(message) != end + partial_proof_bytes(key):
        return None
    parts, head, answer = message[:end], message[end : end + 2 * key.width], message[end + 2 * key.width :]
    seed = _seed(occasion, keccak(party_key(key, place)), joined(ciphertexts, key.width) + parts)
    weights, e, z = _weights(seed, len(ciphertexts)), _challenge(seed, head), int.from_bytes(answer, "big")
    whole, part = (product_of_powers(some, weights, key.modulus) for some in (ciphertexts, split(parts, key.width)))
    (a, b), (left,) = split(head, key.width), fixed_powers((key.base,), z, key.modulus)
    first = pow(whole, 4 * z, key.modulus) == a * pow(part, 2 * e, key.modulus) % key.modulus
    second = left == b * pow(key.verification[place - 1], e, key.modulus) % key.modulus
    return split(parts, key.width) if first and second else None


def share_fits(key: Key, place: int, share: int) -> bool:
    """Tell whether a share is the one that the key's value of a party stands for."""
    return fixed_powers((key.base,), key.factor * share, key.modulus) == [key.verification[place - 1]]


def party_key(key: Key, place: int) -> bytes:
    """Return what a contract holds a party's parts against: n^2, v and v^(D s_i)."""
    return joined((key.modulus, key.base, key.verification[place - 1]), key.width)


def dealing_flops(key: Key) -> float:
    """Return the FLOPs assumed for dealing a key: a power for each candidate of two safe primes, and for each share.

    Of numbers of b bits without a factor below 2^16, one in (0.0351 b)^2 is a safe prime, by the theorem of Mertens:
    (b ln 2 / (e^0.5772 ln 2^16))^2.
    """
    half = key.bits / 2
    candidates = 2 * (0.0351 * half) ** 2
    shares = len(key.verification) * power_flops(2 * key.bits + key.factor.bit_length(), 2 * key.bits)
    return candidates * power_flops(half, key.bits // 2) + shares


def encryption_flops(key: Key, count: int) -> float:
    """Return the FLOPs assumed for `encrypt`: a power for each ciphertext, and one for the proof."""
    return power_flops(count * key.bits / 2 + _exponent_bits(key), 2 * key.bits)


def encryption_check_flops(key: Key, count: int) -> float:
    """Return the FLOPs assumed for `ciphertexts_of`: one long power, and a short one for each ciphertext."""
    return power_flops(_exponent_bits(key) + count * CHALLENGE_BITS, 2 * key.bits)


def opening_flops(key: Key, count: int) -> float:
    """Return the FLOPs assumed for `open_partly`: a power for each ciphertext, two and short ones for the proof."""
    share = 2 * key.bits + key.factor.bit_length()
    return power_flops(count * (share + CHALLENGE_BITS) + 2 * _hiding_bits(key), 2 * key.bits)


def opening_check_flops(key: Key, count: int) -> float:
    """Return the FLOPs assumed for `parts_of`: two long powers, and short ones."""
    return power_flops(2 * _hiding_bits(key) + (2 * count + 2) * CHALLENGE_BITS, 2 * key.bits)


def combining_flops(key: Key, count: int, parties: int) -> float:
    """Return the FLOPs assumed for opening so many ciphertexts from parts of so many parties."""
    return power_flops(count * parties * 2 * key.factor.bit_length(), 2 * key.bits)


def _encrypted(key: Key, value: int, secret: int) -> int:
    (mask,) = fixed_powers((key.mask,), secret, key.modulus)
    return encrypted(key.n, value, mask)


def _hiding_bits(key: Key) -> int:
    """Of what hides D s times a challenge."""
    return 2 * key.bits + key.factor.bit_length() + CHALLENGE_BITS + HIDING_BITS


def _exponent_bits(key: Key) -> int:
    """Of an answer about the masks' exponents."""
    return key.bits // 2 + CHALLENGE_BITS + HIDING_BITS + _COUNT_BITS


def _exponent_bytes(key: Key) -> int:
    return -(-_exponent_bits(key) // 8)


def _inner(weights: Sequence[int], values: Sequence[int]) -> int:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _seed(occasion: bytes, key: bytes, told: bytes) -> bytes:
    return keccak(occasion + key + told)


@lru_cache(maxsize=64)
def _weights(seed: bytes, count: int) -> tuple[int, ...]:
    """A weight of 128 bits for each ciphertext, hashed from all of them."""
    return tuple(int.from_bytes(keccak(seed + number.to_bytes(32, "big"))[:16], "big") for number in range(count))


def _challenge(seed: bytes, head: bytes) -> int:
    return int.from_bytes(keccak(seed + head)[:16], "big")
