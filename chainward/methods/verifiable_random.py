"""Randomness that its owner alone can make, of which there is one a message, and which everybody can check.

A verifiable random function on the curve bn254, built as RFC 9381 builds those on other curves. The owner of x, whose
key is X = x B, gives Gamma = x H for a message that is hashed to H, and proves that both have the same logarithm (Chaum
and Pedersen 1992). Gamma alone is the randomness: another nonce gives another proof, of the same Gamma.
"""

from __future__ import annotations

import hashlib

from chainward.methods.sharing import FIELD
from chainward.methods.vector_commitment import FLOPS_A_GROUP_OPERATION, POINT_BYTES, combined, hashed, on_curve

PROOF_BYTES = 2 * POINT_BYTES + 64
PROVING_FLOPS = 3 * 254 * FLOPS_A_GROUP_OPERATION
"""Assumed for `prove`: three points, each times a number of 254 bits."""
CHECKING_FLOPS = 4 * 254 * FLOPS_A_GROUP_OPERATION
"""Assumed for `outcome`: four of them."""

_DOMAIN = b"chainward verifiable random function"
_BASE = hashed(_DOMAIN, b"base")
_NEUTRAL = bytes(POINT_BYTES)


def public_key(secret: bytes) -> bytes:
    """Return what the draws of a secret's owner are checked by: the SHA-256 of its point, 32 bytes."""
    return hashlib.sha256(_times(_BASE, _scalar(secret))).digest()


def prove(secret: bytes, message: bytes) -> bytes:
    """Return the owner's proof for a message: X, Gamma, the challenge and the response, 192 bytes."""
    x = _scalar(secret)
    point = _times(_BASE, x)
    base = _hashed(point, message)
    gamma, nonce = _times(base, x), _scalar(b"nonce" + secret + message)
    challenge = _challenge(point, base, gamma, _times(_BASE, nonce), _times(base, nonce))
    return point + gamma + challenge.to_bytes(32, "big") + ((nonce + challenge * x) % FIELD).to_bytes(32, "big")


def outcome(key: bytes, message: bytes, proof: bytes) -> bytes | None:
    """Return the random 32 bytes that a proof stands for, the SHA-256 of Gamma; None if it is not the key's proof.

    Examples:
        >>> secret = bytes(32)
        >>> proof = prove(secret, b"round 1")
        >>> len(outcome(public_key(secret), b"round 1", proof))
        32
        >>> outcome(public_key(secret), b"round 2", proof) is None
        True
    """
    point, gamma = proof[:POINT_BYTES], proof[POINT_BYTES : 2 * POINT_BYTES]
    odd = len(proof) != PROOF_BYTES or not on_curve(point) or not on_curve(gamma) or _NEUTRAL in (point, gamma)
    if odd or hashlib.sha256(point).digest() != key:
        return None
    challenge, response = (int.from_bytes(proof[at : at + 32], "big") for at in (2 * POINT_BYTES, 2 * POINT_BYTES + 32))
    base = _hashed(point, message)
    announced = combined([_BASE, point], [response, -challenge]), combined([base, gamma], [response, -challenge])
    if challenge != _challenge(point, base, gamma, *announced):
        return None
    return hashlib.sha256(gamma).digest()


def _scalar(secret: bytes) -> int:
    """A number from 1 to FIELD - 1, even to 2^-256."""
    return 1 + int.from_bytes(hashlib.sha512(secret).digest(), "big") % (FIELD - 1)


def _times(point: bytes, number: int) -> bytes:
    return combined([point], [number])


def _hashed(point: bytes, message: bytes) -> bytes:
    """What a message is hashed to for one key; for another it is another point (RFC 9381, section 5.4.1)."""
    return hashed(_DOMAIN, point + message)


def _challenge(*points: bytes) -> int:
    return int.from_bytes(hashlib.sha256(_DOMAIN + b"".join(points)).digest(), "big") % FIELD
