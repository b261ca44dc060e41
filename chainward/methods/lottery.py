"""Roles drawn by stake, and randomness that its owner alone can make and everybody can check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES = 32


def draws(stakes: Sequence[int], seed: bytes) -> Iterator[int]:
    """Yield peers without end, each with the probability of its share of the stakes (Biscotti's lottery).

    A peer holds as many tickets as it has stake, in order of the peers; two bytes of the seed a draw, big-endian,
    modulo the number of tickets, name the ticket. When the bytes end the seed becomes its own SHA-256. If nobody has a
    stake, everybody has one ticket. Modulo favours the first tickets by at most their number in 65,536.

    Raises:
        ValueError: there are no peers, or the seed is shorter than two bytes.
    """
    if not stakes or len(seed) < 2:
        raise ValueError("a lottery needs peers and a seed of two bytes or more")
    tickets = [peer for peer, stake in enumerate(stakes) for _ in range(stake)] or list(range(len(stakes)))
    while True:
        for at in range(0, len(seed) - 1, 2):
            yield tickets[int.from_bytes(seed[at : at + 2], "big") % len(tickets)]
        seed = hashlib.sha256(seed).digest()


def committees(stakes: Sequence[int], seed: bytes, seats: Sequence[int]) -> list[tuple[int, ...]]:
    """Return one committee after another from the same draws, each of so many different peers in order of draw.

    A peer that is drawn again for the same committee is skipped; it may sit on several. No committee is larger than
    the number of peers that have a ticket.

    Examples:
        >>> committees(stakes=[1, 0, 3], seed=bytes(range(32)), seats=[2, 1])
        [(2, 0), (2,)]
    """
    holders = sum(stake > 0 for stake in stakes) or len(stakes)
    drawn = draws(stakes, seed)
    found = []
    for count in seats:
        members: list[int] = []
        while len(members) < min(count, holders):
            peer = next(drawn)
            if peer not in members:
                members.append(peer)
        found.append(tuple(members))
    return found


def others_drawn(stakes: Sequence[int], peer: int, chance: bytes, seats: int) -> tuple[int, ...]:
    """Return a committee that does not count a peer itself; where nobody else has a stake, others by equal chances."""
    others = [0 if place == peer else stake for place, stake in enumerate(stakes)]
    if not any(others):
        others = [int(place != peer) for place in range(len(stakes))]
    return committees(others, chance, [seats])[0] if any(others) else ()


def public_key(secret: bytes) -> bytes:
    """Return the Ed25519 public key, 32 bytes, of a secret of 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def prove(secret: bytes, message: bytes) -> bytes:
    """Return the owner's proof for a message, 64 bytes: its Ed25519 signature, of which there is one (RFC 8032)."""
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def outcome(public: bytes, message: bytes, proof: bytes) -> bytes | None:
    """Return the random 32 bytes that a proof stands for, its SHA-256; None if it is not the key's proof.

    Verification alone does not force the one signature of RFC 8032: an owner that departs from it can make others, so
    this is weaker than a verifiable random function against its own owner.

    Examples:
        >>> secret = bytes(32)
        >>> proof = prove(secret, b"round 1")
        >>> len(outcome(public_key(secret), b"round 1", proof))
        32
        >>> outcome(public_key(secret), b"round 2", proof) is None
        True
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(proof, message)
    except (InvalidSignature, ValueError):
        return None
    return hashlib.sha256(proof).digest()
