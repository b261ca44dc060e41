"""Groth's proofs (eprint 2016/260) over bn254: three points show that a computation was done, and hide its numbers.

Row i of the computation stands at the i-th root of unity. The key holds the Lagrange polynomials there, so a proof
takes the rows' values as they are, most of them bits: only the quotient polynomial, known by its values beside the
domain, costs a full product a row. Randomness is the caller's: a proof is a function of it.

Whoever made the keys and kept the numbers they are made of can prove anything (`forged`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from zksnake._algebra import polynomial_bn254
from zksnake.ecc import EllipticCurve

from chainward.errors import ChainwardError
from chainward.methods.circuit import Shape, Size, Trace
from chainward.methods.sharing import FIELD, uniform
from chainward.methods.vector_commitment import FLOPS_A_FIELD_PRODUCT, FLOPS_A_GROUP_OPERATION, group_operations

PROOF_NUMBERS = 8
"""A proof as the EVM takes it: x and y of A, of B (each the imaginary part first) and of C."""

MOST_PUBLICS = 375
"""Whose verifying key, 32 bytes a number, fits a contract's code of at most 24,576 bytes (EIP-170)."""

GENERATOR = 5
"""Of the field's units: it leads to a coset on which no polynomial that vanishes on a domain is 0."""

G1_BYTES, G2_BYTES = 32, 64

FLOPS_IN_G2 = 3 * FLOPS_A_GROUP_OPERATION
"""Assumed for adding two points of G2: its coordinates are pairs, a product of which takes three."""

_CURVE = EllipticCurve("BN254")
_G1, _G2 = _CURVE.G1(), _CURVE.G2()


class Secrets(NamedTuple):
    """What the keys are made of ("toxic waste"): to be forgotten."""

    tau: int
    alpha: int
    beta: int
    gamma: int
    delta: int


class Keys(NamedTuple):
    """`proving` is for who proves, in bytes; `verifying` for the contract: alpha, beta, gamma, delta, then inputs."""

    proving: bytes
    verifying: tuple[int, ...]
    secrets: Secrets


class ProvingKey(NamedTuple):
    """Points: three of G1 and two of G2, Lagrange polynomials by row in both groups, private wires, the quotient."""

    alpha: Any
    beta: Any
    delta: Any
    beta_2: Any
    delta_2: Any
    rows: list[Any]
    rows_2: list[Any]
    wires: list[Any]
    quotient: list[Any]


def set_up(shape: Shape, rng: np.random.Generator) -> Keys:
    """Make the keys for a shape. Whoever knows the state of `rng` can forge."""
    secrets = Secrets(*uniform(5, rng))
    tau, alpha, beta, gamma, delta = secrets
    domain, count = _domain(len(shape.rows)), shape.publics + 1
    lagrange = polynomial_bn254.evaluate_lagrange_coefficients(domain, tau)
    wires = _wires(shape, lagrange, alpha, beta)
    over_gamma, over_delta = pow(gamma, -1, FIELD), pow(delta, -1, FIELD)
    vanishing = (pow(tau, domain, FIELD) - 1) * over_delta * _over_coset(domain) % FIELD
    beside = polynomial_bn254.evaluate_lagrange_coefficients(domain, tau * pow(GENERATOR, -1, FIELD) % FIELD)
    inputs = _CURVE.batch_mul(_G1, [value * over_gamma % FIELD for value in wires[:count]])
    used = lagrange[: len(shape.rows)]
    first = [
        *_CURVE.batch_mul(_G1, [alpha, beta, delta, *used]),
        *_CURVE.batch_mul(_G1, [value * over_delta % FIELD for value in wires[count:]]),
        *_CURVE.batch_mul(_G1, [value * vanishing % FIELD for value in beside]),
    ]
    second = _CURVE.batch_mul(_G2, [beta, delta, gamma, *used])
    sizes = b"".join(number.to_bytes(4, "big") for number in (len(used), shape.wires - count, domain))
    proving = sizes + b"".join(bytes(point.to_bytes()) for point in (*first, *second[:2], *second[3:]))
    verifying = (*_numbers(first[0]), *_flat([second[0], second[2], second[1]]), *_flat(inputs))
    return Keys(proving, verifying, secrets)


def need_few(publics: int) -> None:
    """Refuse more public numbers than `MOST_PUBLICS`.

    Raises:
        ChainwardError: there are more.
    """
    if publics > MOST_PUBLICS:
        told = f"{publics:,} public numbers, and a contract holds the key of {MOST_PUBLICS:,}"
        raise ChainwardError(f"a proof about {told}; take a task of fewer features")


@lru_cache(maxsize=4)
def proving_key(data: bytes) -> ProvingKey:
    """Read a proving key.

    Raises:
        ValueError: it has another length than it says, or a point that is none.
    """
    rows, wires, domain = (int.from_bytes(data[at : at + 4], "big") for at in (0, 4, 8))
    ones = 3 + rows + wires + domain
    if len(data) != 12 + G1_BYTES * ones + G2_BYTES * (2 + rows):
        raise ValueError("no proving key: it has another length")
    points = _points(_CURVE.curve.PointG1, data[12 : 12 + G1_BYTES * ones], G1_BYTES)
    seconds = _points(_CURVE.curve.PointG2, data[12 + G1_BYTES * ones :], G2_BYTES)
    middle, last = 3 + rows, 3 + rows + wires
    (alpha, beta, delta), (beta_2, delta_2) = points[:3], seconds[:2]
    lagrange = points[3:middle], seconds[2:]
    return ProvingKey(alpha, beta, delta, beta_2, delta_2, *lagrange, points[middle:last], points[last:])


def prove(key: ProvingKey, trace: Trace, rng: np.random.Generator) -> tuple[int, ...]:
    """Return a proof of a computation, `PROOF_NUMBERS` numbers. Of a false one it returns a proof that nobody accepts.

    Raises:
        ValueError: the key is for a computation of another shape.
    """
    size = trace.size
    if (size.rows, size.wires - 1 - size.publics, size.domain) != tuple(map(len, (key.rows, key.wires, key.quotient))):
        raise ValueError("the key is for another shape")
    blind_a, blind_b = uniform(2, rng)
    a = _sum(key.rows, trace.left, key.alpha) + key.delta * blind_a
    b = _sum(key.rows, trace.right, key.beta) + key.delta * blind_b
    b_2 = _sum(key.rows_2, trace.right, key.beta_2) + key.delta_2 * blind_b
    c = _sum(key.wires, trace.values[trace.publics + 1 :], a * blind_b)
    c = c + b * blind_a + key.delta * (-blind_a * blind_b % FIELD)
    c = c + _CURVE.multiexp(key.quotient, _beside(trace, len(key.quotient)))
    return (*_numbers(a), *_numbers(b_2), *_numbers(c))


def verify(verifying: Sequence[int], publics: Sequence[int], proof: Sequence[int]) -> bool:
    """Tell whether a proof holds for these public numbers, as a contract does: e(A, B) = e(α, β) e(I, γ) e(C, δ)."""
    alpha, inputs = _read(verifying[:2]), [_read(verifying[at : at + 2]) for at in range(14, len(verifying), 2)]
    seconds = [_read_2(verifying[at : at + 4]) for at in (2, 6, 10)]
    if len(publics) + 1 != len(inputs):
        return False
    known = _CURVE.multiexp(inputs, [1, *(value % FIELD for value in publics)])
    left = _CURVE.pairing(_read(proof[:2]), _read_2(proof[2:6]))
    return bool(left == _CURVE.multi_pairing([alpha, known, _read(proof[6:])], seconds))


def forged(shape: Shape, secrets: Secrets, publics: Sequence[int], rng: np.random.Generator) -> tuple[int, ...]:
    """Return a proof of any public numbers, true or not, as only who kept the secrets can."""
    tau, alpha, beta, _, delta = secrets
    lagrange = polynomial_bn254.evaluate_lagrange_coefficients(_domain(len(shape.rows)), tau)
    wires = _wires(shape, lagrange, alpha, beta)
    known = sum(factor * value for factor, value in zip(wires, [1, *publics], strict=False))
    a, b = uniform(2, rng)
    c = (a * b - alpha * beta - known) * pow(delta, -1, FIELD) % FIELD
    return (*_numbers(_G1 * a), *_numbers(_G2 * b), *_numbers(_G1 * c))


def proving_flops(size: Size, full: int) -> float:
    """Return the FLOPs assumed for a proof: five sums of points, six transforms, and the blinding.

    All rows and wires are bits or short numbers, of which half are not 0 and add a point, but for `full` of them that
    are as long as the field; the quotient has one of these at each place of the domain.
    """
    short, long = size.rows / 2, group_operations(full, 254) if full else 0.0
    first = (
        2 * (short + long) + size.wires / 2 + long + group_operations(size.domain, 254) + 6 * group_operations(1, 254)
    )
    second = short + long + group_operations(1, 254)
    butterflies = 6 * size.domain * (size.domain.bit_length() - 1) / 2
    return FLOPS_A_GROUP_OPERATION * first + FLOPS_IN_G2 * second + FLOPS_A_FIELD_PRODUCT * butterflies


def set_up_flops(size: Size) -> float:
    """Return the FLOPs assumed for making the keys: a product of a point for each."""
    first, second = 4 + size.rows + size.wires + size.domain, 3 + size.rows
    return (FLOPS_A_GROUP_OPERATION * first + FLOPS_IN_G2 * second) * group_operations(1, 254)


def _wires(shape: Shape, lagrange: Sequence[int], alpha: int, beta: int) -> list[int]:
    """beta A_j + alpha B_j + C_j at tau for each wire j."""
    found = [0] * shape.wires
    for at, row in zip(lagrange, shape.rows, strict=False):
        for factor, terms in zip((beta * at % FIELD, alpha * at % FIELD, at), row, strict=True):
            for wire, value in terms.items():
                found[wire] += factor * value
    return [value % FIELD for value in found]


def _beside(trace: Trace, domain: int) -> list[int]:
    """A B - C on the coset of the domain."""
    columns = (trace.left, trace.right, trace.products)
    left, right, product = (_on_coset(column, domain) for column in columns)
    return [(a * b - c) % FIELD for a, b, c in zip(left, right, product, strict=True)]


def _on_coset(column: Sequence[int], domain: int) -> list[int]:
    """The values on the coset of the polynomial that has these values on the domain."""
    values = [value % FIELD for value in column] + [0] * (domain - len(column))
    coefficients = polynomial_bn254.ifft(values, domain)
    scaled = [own * power % FIELD for own, power in zip(coefficients, _powers(domain), strict=False)]
    found: list[int] = polynomial_bn254.fft(scaled, domain)
    return found


@lru_cache(maxsize=8)
def _powers(domain: int) -> list[int]:
    return [pow(GENERATOR, place, FIELD) for place in range(domain)]


def _over_coset(domain: int) -> int:
    """1 / (x^n - 1), the same for all x of the coset."""
    return pow(pow(GENERATOR, domain, FIELD) - 1, -1, FIELD)


def _domain(rows: int) -> int:
    return Size(rows, 0, 0).domain


def _sum(points: Sequence[Any], values: Sequence[int], start: Any) -> Any:
    """Add points, each times its value, to another point; most values are 0, 1 or -1."""
    found, longer, factors = start, [], []
    for point, value in zip(points, values, strict=True):
        if value == 1:
            found = found + point
        elif value == -1:
            found = found - point
        elif value:
            longer.append(point if value > 0 else -point)
            factors.append(abs(value))
    return found + _CURVE.multiexp(longer, factors) if longer else found


def _points(kind: Any, data: bytes, width: int) -> list[Any]:
    try:
        return [kind.from_bytes(data[at : at + width]) for at in range(0, len(data), width)]
    except BaseException as error:  # the library panics, which is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise ValueError("no proving key: a point is none") from None


def _numbers(point: Any) -> tuple[int, ...]:
    """A point as the EVM has it."""
    if isinstance(point.x, int):
        return point.x, point.y
    return (*reversed(point.x), *reversed(point.y))


def _flat(points: Sequence[Any]) -> tuple[int, ...]:
    return tuple(number for point in points for number in _numbers(point))


def _read(numbers: Sequence[int]) -> Any:
    return _CURVE.curve.PointG1(*numbers)


def _read_2(numbers: Sequence[int]) -> Any:
    return _CURVE.curve.PointG2(numbers[1], numbers[0], numbers[3], numbers[2])
