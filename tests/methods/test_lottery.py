"""The stake lottery against its hand vector and a chi-squared test; signatures as randomness."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from chainward.methods.lottery import committees, draws, others_drawn, outcome, prove, public_key

SECRET = bytes(range(32))


def test_hand_vector() -> None:
    """Tickets 0 0 1 2; bytes 00 05 are 5, 5 mod 4 = 1: the second ticket, which is peer 0's."""
    assert next(draws((2, 1, 1), bytes([0, 5]))) == 0


def test_when_the_bytes_end_the_seed_is_hashed() -> None:
    seed = bytes([0, 5])
    following = hashlib.sha256(seed).digest()
    expected = [[0, 0, 1, 2][int.from_bytes(following[at : at + 2], "big") % 4] for at in range(0, 32, 2)]
    assert list(itertools.islice(draws((2, 1, 1), seed), 1, 17)) == expected


def test_a_committee_skips_who_is_drawn_again_and_the_next_goes_on_from_there() -> None:
    seed = bytes([0, 0, 0, 1, 0, 3, 0, 2, 0, 2, 0, 0])  # tickets 0, 1, 3, 2 and then 2, 0
    assert committees((2, 1, 1), seed, (3, 2)) == [(0, 2, 1), (1, 0)]


def test_nobody_without_a_stake_is_drawn_and_no_seat_is_invented() -> None:
    assert committees((0, 5, 0), bytes(32), (2,)) == [(1,)]


def test_without_any_stake_all_have_one_ticket() -> None:
    assert sorted(committees((0, 0, 0), bytes(32), (3,))[0]) == [0, 1, 2]


@pytest.mark.parametrize("stakes", [(10, 10, 10, 10), (10, 20, 5, 0, 65)])
def test_chances_are_shares_of_the_stakes(stakes: tuple[int, ...]) -> None:
    found = np.bincount(list(itertools.islice(draws(stakes, b"chances of each"), 20_000)), minlength=len(stakes))
    held = np.array(stakes) > 0
    assert not found[~held].any()
    assert chisquare(found[held], 20_000 * np.array(stakes)[held] / sum(stakes)).pvalue > 1e-4


@pytest.mark.parametrize(("stakes", "seed"), [((), bytes(32)), ((1,), b"\0")])
def test_a_lottery_needs_peers_and_bytes(stakes: tuple[int, ...], seed: bytes) -> None:
    with pytest.raises(ValueError, match="lottery"):
        next(draws(stakes, seed))


@pytest.mark.parametrize("stakes", [(10, 10, 10), (10, 0, 0), (0, 0, 0)])
def test_one_is_never_among_ones_own(stakes: tuple[int, ...]) -> None:
    for number in range(20):
        drawn = others_drawn(stakes, 0, hashlib.sha256(bytes([number])).digest(), 2)
        assert sorted(drawn) == [1, 2]
    assert others_drawn((7,), 0, bytes(32), 2) == ()


def test_a_proof_is_the_keys_and_the_messages_alone() -> None:
    key, proof = public_key(SECRET), prove(SECRET, b"round 1")
    assert proof == prove(SECRET, b"round 1")  # one message, one proof
    assert outcome(key, b"round 1", proof) == hashlib.sha256(proof).digest()
    assert outcome(key, b"round 2", proof) is None
    assert outcome(public_key(bytes(32)), b"round 1", proof) is None
    assert outcome(key, b"round 1", b"") is None
    assert outcome(b"no key", b"round 1", proof) is None


def test_the_signature_is_that_of_rfc_8032() -> None:
    """Section 7.1, test 1."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signature = (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    assert prove(secret, b"").hex() == signature
