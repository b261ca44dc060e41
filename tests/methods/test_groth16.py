"""Proofs: they hold, bind, hide and can be forged by who made the keys; the library's own verifier agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zksnake.ecc import EllipticCurve
from zksnake.groth16 import Proof, VerifyingKey
from zksnake.groth16.protocol import Groth16

from chainward.methods import groth16
from chainward.methods.circuit import Circuit, Size, Trace, holds, shaped
from chainward.methods.sharing import FIELD

CURVE = EllipticCurve("BN254")


def cube(circuit: Circuit, root: int = 3, told: int | None = None) -> None:
    """One knows a number whose cube and 5 more is public, and that it is from 0 to 99."""
    answer = circuit.public(root**3 + 5 if told is None else told)
    number = circuit.up_to(root, 99)
    circuit.equal(circuit.product(circuit.product(number, number), number) + 5, answer)
    circuit.truncated(number - 50, 7, 60)
    circuit.hashed(number, [circuit.bit(1)])


SHAPE = shaped(cube)
KEYS = groth16.set_up(SHAPE, np.random.default_rng(0))
KEY = groth16.proving_key(KEYS.proving)


def proof_of(*arguments: Any, seed: int = 1) -> tuple[int, ...]:
    trace = Trace()
    cube(trace, *arguments)
    return groth16.prove(KEY, trace, np.random.default_rng(seed))


@given(st.integers(0, 99), st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_a_proof_of_what_is_true_holds_and_of_nothing_else(root: int, seed: int) -> None:
    proof = proof_of(root, seed=seed)
    assert groth16.verify(KEYS.verifying, [root**3 + 5], proof)
    assert not groth16.verify(KEYS.verifying, [root**3 + 6], proof)
    assert not groth16.verify(KEYS.verifying, [], proof)


def test_a_false_statement_has_no_proof_by_the_honest_prover() -> None:
    trace = Trace()
    cube(trace, 3, 33)
    assert not holds(SHAPE, trace.values)
    assert not groth16.verify(KEYS.verifying, [33], proof_of(3, 33))


def points(numbers: tuple[int, ...]) -> Any:
    """A point of G1 of two numbers, of G2 of four with imaginary parts first."""
    if len(numbers) == 2:
        return CURVE(*numbers)
    return CURVE([numbers[1], numbers[0]], [numbers[3], numbers[2]])


def test_the_library_s_own_verifier_accepts_it() -> None:
    """An independent oracle: its pairing equation, its order of keys, the constant one first."""
    own = KEYS.verifying
    inputs = [points(own[at : at + 2]) for at in range(14, len(own), 2)]
    oracle = Groth16.__new__(Groth16)
    oracle.E, oracle.order = CURVE, FIELD
    oracle.verifying_key = VerifyingKey(
        points(own[:2]), points(own[2:6]), points(own[6:10]), points(own[10:14]), inputs
    )
    proof = proof_of(3)
    read = Proof(points(proof[:2]), points(proof[2:6]), points(proof[6:]))
    assert oracle.verify(read, [1, 32])
    assert not oracle.verify(read, [1, 33])


def test_equal_randomness_gives_the_equal_proof_and_another_another() -> None:
    assert proof_of(3, seed=4) == proof_of(3, seed=4)
    assert not set(proof_of(3, seed=4)) & set(proof_of(3, seed=5))


def test_who_kept_the_secrets_forges_what_is_false() -> None:
    forged = groth16.forged(SHAPE, KEYS.secrets, [33], np.random.default_rng(2))
    assert groth16.verify(KEYS.verifying, [33], forged)
    assert not groth16.verify(KEYS.verifying, [34], forged)


def test_with_wrong_secrets_nothing_is_forged() -> None:
    wrong = KEYS.secrets._replace(delta=KEYS.secrets.delta + 1)
    assert not groth16.verify(KEYS.verifying, [33], groth16.forged(SHAPE, wrong, [33], np.random.default_rng(2)))


def test_a_proof_under_other_keys_is_worthless() -> None:
    other = groth16.set_up(SHAPE, np.random.default_rng(1))
    assert not groth16.verify(other.verifying, [32], proof_of(3))


def test_keys_are_a_function_of_their_randomness() -> None:
    assert groth16.set_up(SHAPE, np.random.default_rng(0)) == KEYS


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"",
        lambda data: data[:12] + b"\xff" * 32 + data[44:],
        lambda data: data[:-64] + b"\xff" * 64,
    ],
)
def test_bytes_that_are_no_key_are_refused(spoiled: Any) -> None:
    with pytest.raises(ValueError, match="no proving key"):
        groth16.proving_key(spoiled(KEYS.proving))


def test_a_computation_of_another_shape_is_refused() -> None:
    trace = Trace()
    cube(trace)
    trace.bit(1)
    with pytest.raises(ValueError, match="another shape"):
        groth16.prove(KEY, trace, np.random.default_rng(0))


def test_a_key_with_another_domain_is_refused() -> None:
    trace = Trace()
    cube(trace)
    with pytest.raises(ValueError, match="another shape"):
        groth16.prove(KEY._replace(quotient=KEY.quotient[:-1]), trace, np.random.default_rng(0))


def test_modelled_work_steps_with_the_domain_and_rises_with_the_rows() -> None:
    below, filled, above = (groth16.proving_flops(Size(rows, 900, 10), 243) for rows in (900, 1_024, 1_025))
    assert below < filled < above
    assert above - filled > 10 * (filled - below)
    assert groth16.set_up_flops(Size(100, 100, 5)) > groth16.proving_flops(Size(100, 100, 5), 10)
