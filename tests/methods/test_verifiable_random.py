"""Randomness of which there is one a message and key, whatever its owner tries."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chainward.methods import verifiable_random
from chainward.methods.sharing import FIELD
from chainward.methods.vector_commitment import combined, hashed, on_curve
from chainward.methods.verifiable_random import outcome, prove, public_key

SECRET, MESSAGE = bytes(range(32)), b"round 1"
KEY, PROOF = public_key(SECRET), prove(SECRET, MESSAGE)


def test_a_proof_is_the_keys_and_the_messages_alone() -> None:
    assert prove(SECRET, MESSAGE) == PROOF
    assert outcome(KEY, MESSAGE, PROOF) == hashlib.sha256(PROOF[64:128]).digest()
    assert outcome(KEY, b"round 2", PROOF) is None
    assert outcome(public_key(bytes(32)), MESSAGE, PROOF) is None


@pytest.mark.parametrize("proof", [b"", PROOF[:-1], PROOF + b"\0", bytes(192), b"\1" * 192, PROOF[:64] + PROOF[:128]])
def test_what_is_no_proof_stands_for_nothing(proof: bytes) -> None:
    assert outcome(KEY, MESSAGE, proof) is None


@pytest.mark.parametrize("place", range(0, 192, 13))
def test_a_changed_byte_is_noticed(place: int) -> None:
    changed = bytearray(PROOF)
    changed[place] ^= 1
    assert outcome(KEY, MESSAGE, bytes(changed)) is None


def test_outcomes_of_keys_and_messages_differ() -> None:
    found = {
        outcome(public_key(bytes([k] * 32)), b"%d" % m, prove(bytes([k] * 32), b"%d" % m))
        for k in range(4)
        for m in range(4)
    }
    assert len(found - {None}) == 16


def cheated(nonce: int, shift: int) -> bytes:
    """The proof of an owner that takes a nonce of its choice, and adds something to Gamma."""
    x = verifiable_random._scalar(SECRET)
    base, point = verifiable_random._BASE, PROOF[:64]
    target = hashed(verifiable_random._DOMAIN, point + MESSAGE)
    gamma = combined([target, base], [x, shift])
    challenge = verifiable_random._challenge(
        point, target, gamma, combined([base], [nonce]), combined([target], [nonce])
    )
    return point + gamma + challenge.to_bytes(32, "big") + ((nonce + challenge * x) % FIELD).to_bytes(32, "big")


def test_a_prover_has_one_valid_output_only() -> None:
    """Other nonces give other proofs of the same output; other outputs have no proof, whatever the nonce."""
    rng = np.random.default_rng(0)
    nonces = [int.from_bytes(rng.bytes(31), "big") for _ in range(20)]
    proofs = {cheated(nonce, 0) for nonce in nonces}
    assert len(proofs) == 20
    assert {outcome(KEY, MESSAGE, proof) for proof in proofs} == {outcome(KEY, MESSAGE, PROOF)}
    assert {outcome(KEY, MESSAGE, cheated(nonce, 1 + nonce % 7)) for nonce in nonces} == {None}


def test_a_response_beyond_the_field_changes_no_output() -> None:
    response = int.from_bytes(PROOF[160:], "big") + FIELD
    assert outcome(KEY, MESSAGE, PROOF[:160] + response.to_bytes(32, "big")) in (None, outcome(KEY, MESSAGE, PROOF))


def test_the_signatures_that_drew_before_had_as_many_outputs_as_one_likes() -> None:
    """Ed25519 under another nonce than that of RFC 8032 verifies as well, and is another hash."""
    order = 2**252 + 27742317777372353535851937790883648493
    drawn = hashlib.sha512(SECRET).digest()
    scalar = int.from_bytes(drawn[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public = _edwards(scalar)
    outputs = set()
    for nonce in (5, 6, 7):
        commitment = _edwards(nonce)
        challenge = int.from_bytes(hashlib.sha512(commitment + public + MESSAGE).digest(), "little") % order
        signature = commitment + ((nonce + challenge * scalar) % order).to_bytes(32, "little")
        Ed25519PublicKey.from_public_bytes(public).verify(signature, MESSAGE)
        outputs.add(hashlib.sha256(signature).digest())
    assert len(outputs) == 3


def _edwards(scalar: int) -> bytes:
    """A multiple of Ed25519's base point, encoded (RFC 8032, section 5.1)."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    y = 4 * pow(5, -1, p) % p
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(x2, (p + 3) // 8, p)
    x = x if (x * x - x2) % p == 0 else x * pow(2, (p - 1) // 4, p) % p
    base, total = (x if x % 2 == 0 else p - x, y), (0, 1)
    while scalar:
        if scalar & 1:
            total = _added(total, base, d, p)
        base, scalar = _added(base, base, d, p), scalar >> 1
    return (total[1] | (total[0] & 1) << 255).to_bytes(32, "little")


def _added(one: tuple[int, int], other: tuple[int, int], d: int, p: int) -> tuple[int, int]:
    (a, b), (e, f) = one, other
    t = d * a * e * b * f % p
    return (a * f + b * e) * pow(1 + t, -1, p) % p, (b * f + a * e) * pow(1 - t, -1, p) % p


def test_all_points_are_on_the_curve() -> None:
    assert all(map(on_curve, (PROOF[:64], PROOF[64:128])))
