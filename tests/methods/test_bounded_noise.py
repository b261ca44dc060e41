"""Noise that is short is proved to be; what is longer, or another than was committed to, is not."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

from chainward.methods import bounded_noise
from chainward.methods.bounded_noise import PROJECTIONS, Bound, Proof
from chainward.methods.clear_sum import Clear
from chainward.methods.committed_noise import Fixed, Noise, noise_digest
from chainward.methods.secure_sum import Scheme
from chainward.methods.sharing import FIELD, from_bytes, signed, to_bytes
from chainward.methods.vector_commitment import opened

SHAMIR = Scheme(2)
SCHEMES = pytest.mark.parametrize("scheme", [Scheme(2), Scheme(10, 10)], ids=str)
CHANCE, COUNT, DEVIATION = b"seed of the iteration", 193, 600.0
BOUND = Bound(DEVIATION, COUNT, CHANCE)
RNG = np.random.default_rng(0)


def shows(bound: Bound, proof: Proof, points: Any) -> bool:
    claims = bound.claims(proof, points)
    return bool(claims) and all(opened(claims, RNG))


@cache
def honest(scheme: Scheme = SHAMIR) -> tuple[Any, Any, Proof]:
    noise = Noise(scheme, DEVIATION, COUNT)
    fixed = noise.fixed(b"a seed", CHANCE, RNG)
    assert fixed.proof is not None
    return noise.rows(b"a seed"), fixed.points, fixed.proof


@SCHEMES
def test_honest_noise_is_shown_to_be_short(scheme: Scheme) -> None:
    _, points, proof = honest(scheme)
    assert shows(BOUND, proof, points)


@SCHEMES
def test_an_honest_noiser_can_nearly_always_prove_it(scheme: Scheme) -> None:
    told = []
    for number in range(10):
        proof = Noise(scheme, DEVIATION, COUNT).fixed(bytes([number]), CHANCE, RNG).proof
        assert proof is not None
        told.append(proof.told)
    mean = PROJECTIONS * COUNT / 2 * (DEVIATION**2 + 1 / 12)
    assert np.mean(told) == pytest.approx(mean, rel=0.3)
    assert max(told) < 0.8 * BOUND.limit


def test_without_deviation_there_is_nothing_to_be_longer_than() -> None:
    noise = Noise(Scheme(2), 0.0, COUNT)
    fixed = noise.fixed(b"a seed", CHANCE, RNG)
    assert fixed.proof is not None
    assert all(opened(noise.claims(fixed, CHANCE), RNG))
    assert Bound(0.0, COUNT, CHANCE).prove([[1, 1, *[0] * (COUNT - 1)]], fixed.points, RNG) is None


@SCHEMES
@pytest.mark.parametrize("poison", ["one huge number", "all five times as long", "a number that is none", "minus huge"])
def test_longer_noise_has_no_proof_even_if_its_owner_does_not_look(
    scheme: Scheme, poison: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [list(row) for row in honest(scheme)[0]]
    if poison == "one huge number":
        rows[0][3] = 10**7
    elif poison == "minus huge":
        rows[-1][2] = FIELD - 10**9
    elif poison == "a number that is none":
        rows[0][1] = pow(2, -1, FIELD)
    else:
        rows = [[row[0], *(5 * value % FIELD for value in row[1:])] for row in rows]
    points = scheme.commit(rows)
    assert BOUND.prove(rows, points, RNG) is None
    monkeypatch.setattr(bounded_noise.Bound, "limit", property(lambda self: 2**600))
    monkeypatch.setattr(bounded_noise.Bound, "bits", property(lambda self: 300))
    bold = BOUND.prove(rows, points, RNG)  # true of other limits, which the verifier does not share
    monkeypatch.undo()
    assert bold is None or not shows(BOUND, bold, points)


def test_a_prover_that_lies_about_the_sum_of_squares_is_caught() -> None:
    _, points, proof = honest()
    assert not shows(BOUND, proof._replace(told=proof.told - 1), points)


def test_digits_that_are_none_are_caught() -> None:
    """A projection that is too long for its digits fits if one of them is not 0 or 1, which the squares show."""
    rows = [list(row) for row in honest()[0]]
    rows[0][1:] = [8 * value % FIELD for value in rows[0][1:]]
    points = Scheme(2).commit(rows)
    bold = _forged(rows, points, _projected(rows, points))
    assert BOUND.claims(bold, points)  # what is linear is right
    assert not shows(BOUND, bold, points)


def _projected(rows: Any, points: Any) -> list[int]:
    return [int(value) for value in BOUND._projections(points) @ np.array(signed(rows[0][1:]), dtype=object)]


def _forged(rows: Any, points: Any, projected: list[int]) -> Proof:
    """What a prover makes whose highest digit is all that the others leave, and who tells no more than it may."""
    bits, half = BOUND.bits, 1 << (BOUND.bits - 1)
    digits = []
    for value in projected:
        low = [(value + half) >> bit & 1 for bit in range(bits - 1)]
        digits += [*low, ((value + half) >> (bits - 1)) % FIELD]
    nonces = [[int.from_bytes(RNG.bytes(31), "big") for _ in row] for row in rows]
    hidden = [int.from_bytes(RNG.bytes(31), "big") for _ in range(1 + len(digits))]
    heights = BOUND._heights(hidden[1:])
    told = min(BOUND.limit, sum(value**2 for value in projected))
    squares = [3, *(-value * value for value in hidden[1:]), sum(height**2 for height in heights)]
    middle = [4, *(value * (1 - 2 * bit) for value, bit in zip(hidden[1:], digits, strict=True))]
    middle.append(2 * sum(height * value for height, value in zip(heights, projected, strict=True)))
    announced = Scheme(2).commit([*nonces, hidden, [2, *digits], squares, middle])
    differences = BOUND._differences(points, heights, nonces)
    challenge = BOUND._challenge(points, announced, differences, told)
    answers = [bounded_noise._answer(nonce, row, challenge) for nonce, row in zip(nonces, rows, strict=True)]
    shown = bounded_noise._answer(hidden, [2, *digits], challenge)
    rest = to_bytes([(3 + challenge * 4) % FIELD])
    return Proof(announced, to_bytes(differences), told, tuple(map(to_bytes, answers)), to_bytes(shown), rest)


def test_the_forger_of_that_test_passes_with_honest_noise() -> None:
    """So that it fails there for nothing but the length."""
    rows, points, _ = honest()
    assert shows(BOUND, _forged(rows, points, _projected(rows, points)), points)


@SCHEMES
def test_a_proof_is_of_its_points_and_its_chance(scheme: Scheme) -> None:
    rows, points, proof = honest(scheme)
    other = scheme.commit([[row[0] + 1, *row[1:]] for row in rows])
    assert not shows(BOUND, proof, other)
    assert not shows(Bound(DEVIATION, COUNT, b"another seed"), proof, points)


def kernel(projections: Any) -> list[int]:
    """Whole numbers, not all 0, that no projection sees: each unknown beyond the pivots is free, the first is 1."""
    matrix, pivots = [[Fraction(int(value)) for value in row] for row in projections], []
    for column in range(len(matrix[0])):
        at = next((row for row in range(len(pivots), len(matrix)) if matrix[row][column]), None)
        if at is None:
            break
        own = len(pivots)
        matrix[own], matrix[at] = matrix[at], matrix[own]
        matrix[own] = [value / matrix[own][column] for value in matrix[own]]
        for row in range(len(matrix)):
            if row != own and matrix[row][column]:
                matrix[row] = [a - matrix[row][column] * b for a, b in zip(matrix[row], matrix[own], strict=True)]
        pivots.append(column)
    free = len(pivots)
    found = [-matrix[row][free] for row in range(free)] + [Fraction(1)]
    whole = math.lcm(*(value.denominator for value in found))
    return [int(whole * value) for value in found] + [0] * (len(matrix[0]) - free - 1)


def test_who_knows_chance_hides_nothing_where_projections_do_not_look() -> None:
    """Noise in the kernel of what chance gives with any points known before is seen by what its own points give."""
    for known in ((), honest()[1]):
        projections = BOUND._projections(known)
        hidden = [10**6 * value for value in kernel(projections)]
        assert not (projections @ np.array(hidden, dtype=object)).any()
        rows = SHAMIR.blinded(np.array(hidden, dtype=object), RNG)
        points = SHAMIR.commit(rows)
        assert BOUND.prove(rows, points, RNG) is None
        assert (BOUND._projections(points) @ np.array(hidden, dtype=object)).any()


ODD: list[Callable[[Proof], Proof]] = [
    lambda proof: proof._replace(announced=proof.announced[:-1]),
    lambda proof: proof._replace(announced=(*proof.announced[:-1], b"\1" * 64)),
    lambda proof: proof._replace(announced=(*proof.announced, proof.announced[0])),
    lambda proof: proof._replace(differences=proof.differences[:-32]),
    lambda proof: proof._replace(differences=b""),
    lambda proof: proof._replace(told=-1),
    lambda proof: proof._replace(told=10**30),
    lambda proof: proof._replace(rows=()),
    lambda proof: proof._replace(rows=(proof.rows[0] + bytes(32),)),
    lambda proof: proof._replace(rows=(b"x",)),
    lambda proof: proof._replace(digits=proof.digits[:-32]),
    lambda proof: proof._replace(digits=proof.digits[:-1] + b"x"),
    lambda proof: proof._replace(blinding=b""),
    lambda proof: proof._replace(blinding=bytes(32)),
]


@pytest.mark.parametrize("change", ODD)
def test_an_odd_proof_shows_nothing(change: Callable[[Proof], Proof]) -> None:
    _, points, proof = honest()
    assert not shows(BOUND, change(proof), points)


@pytest.mark.parametrize("points", [(), (b"",), (bytes(63),), (bytes(64), bytes(64))])
def test_odd_points_show_nothing(points: tuple[bytes, ...]) -> None:
    assert not shows(BOUND, honest()[2], points)


def test_the_projections_and_squares_say_nothing_of_one_number() -> None:
    """Two proofs of the same noise share nothing but the points, the sum of squares and the challenge's rule."""
    rows, points, proof = honest()
    again = BOUND.prove(rows, points, np.random.default_rng(7))
    assert again is not None
    assert again.told == proof.told
    assert not set(from_bytes(again.rows[0])) & set(from_bytes(proof.rows[0]))
    assert not set(from_bytes(again.digits)) & set(from_bytes(proof.digits))


def test_of_noise_that_is_not_committed_to_nothing_is_proved() -> None:
    noise = Noise(Clear(), DEVIATION, COUNT)
    fixed = noise.fixed(b"a seed", CHANCE, RNG)
    assert (fixed.proof, len(fixed.points), noise.claims(fixed, CHANCE)) == (None, 1, [True])
    assert noise.flops() == noise.proving_flops() == 0
    committed = Noise(Scheme(2), DEVIATION, COUNT)
    assert committed.claims(Fixed(fixed.points, None), CHANCE) == []
    assert 0 < committed.flops() < committed.proving_flops()


def test_noise_is_that_of_its_seed_and_fixed_for_one_iteration() -> None:
    noise = Noise(Scheme(2), DEVIATION, COUNT)
    assert noise.rows(b"a") == noise.rows(b"a") != noise.rows(b"b")
    assert noise.points(b"a") == Scheme(2).commit(noise.rows(b"a"))
    assert noise_digest(1, noise.points(b"a")) != noise_digest(2, noise.points(b"a"))
