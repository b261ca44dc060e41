"""Steps of VerifiableFL with real proofs, of so small a model that each takes some milliseconds, and a contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from eth_utils.crypto import keccak
from papers import module

from chainward.methods import groth16
from chainward.methods.circuit import Circuit, Row, Shape, Trace, shaped
from chainward.methods.sharing import FIELD, to_bytes
from chainward.strategy import discovery
from chainward.testing import OnChain

KEY = "verifiable_fl"
NO_PROOF = (0,) * groth16.PROOF_NUMBERS
TINY = {"batch": 1, "divisor": 4, "grain": 2_500, "levels": 7, "largest": 32_767, "batches": 2}
COLUMNS = (False, True)
START = (0, 0, 5_000)
BATCHES = (((3, 1),), (1,)), (((-5, 0),), (0,))
ENROLLING, TRAINING = 0, 1


def paper(**params: Any) -> Any:
    return discovery.build(KEY, params)


def batch(levels: Sequence[Sequence[int]], labels: Sequence[int], salt: int = 7) -> Any:
    return module(KEY).Batch(levels, labels, salt)


def learning(it: Any, binding: int, model: Sequence[int], own: Any, binary: Sequence[bool] = COLUMNS) -> Any:
    """The computation of one step."""
    return lambda circuit: it.learn(circuit, binary, binding, model, own)


def shape_of(it: Any, binary: Sequence[bool] = COLUMNS) -> Shape:
    width = len(binary)
    nobody = batch([[0] * width] * it.batch, [0] * it.batch, 0)
    return shaped(learning(it, 0, [0] * (width + 1), nobody, binary))


def settle(trace: Trace, shape: Shape) -> list[Row]:
    """Give each row of a trace the values that its wires have, as any prover must, and return the rows that are broken.

    A dishonest trace changes wires. Were its rows left as they were, its proof would fail for that alone.
    """

    def at(terms: Mapping[int, int]) -> int:
        return sum(factor * trace.values[wire] for wire, factor in terms.items()) % FIELD

    sides = [[at(terms) for terms in row] for row in shape.rows]
    trace.left, trace.right, trace.products = map(list, zip(*sides, strict=True))
    return [row for row, (a, b, c) in zip(shape.rows, sides, strict=True) if a * b % FIELD != c]


def of_bits(rows: Sequence[Row]) -> bool:
    """Whether there are rows, and all of them demand that b * b = b."""
    return bool(rows) and all(left == right == product and len(left) == 1 for left, right, product in rows)


@cache
def keys_of(params: tuple[tuple[str, Any], ...], binary: tuple[bool, ...] = COLUMNS) -> tuple[groth16.Keys, Any]:
    """The keys of a step, and the proving one as it is read."""
    keys = groth16.set_up(shape_of(paper(**dict(params)), binary), np.random.default_rng(5))
    return keys, groth16.proving_key(keys.proving)


def free(publics: int) -> Callable[[Circuit], None]:
    """A computation that says nothing of its public numbers, so that a proof holds for any."""

    def computation(circuit: Circuit) -> None:
        for _ in range(publics):
            circuit.public(11)
        circuit.product(circuit.wire(3), circuit.wire(5))

    return computation


@cache
def free_keys(publics: int) -> tuple[groth16.Keys, Any]:
    keys = groth16.set_up(shaped(free(publics)), np.random.default_rng(6))
    return keys, groth16.proving_key(keys.proving)


@cache
def free_proof(publics: int) -> tuple[int, ...]:
    """A proof of anything under the free keys."""
    trace = Trace()
    free(publics)(trace)
    return groth16.prove(free_keys(publics)[1], trace, np.random.default_rng(7))


@dataclass
class Federation(OnChain):
    """Hospitals a, b, c with two batches each, of whom two train in a round, on the model (0, 0; 5,000)."""

    hospitals: Sequence[str] = ("a", "b", "c")
    devices: Sequence[str] = ()
    model: Sequence[int] = START
    batches: int = 2
    trainers: int = 2
    blocks: int = 6
    params: Mapping[str, Any] = field(default_factory=lambda: TINY)
    verifying: Sequence[int] = ()
    data: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.broken: list[Row] = []
        self.paper = paper(**self.params)
        verifying = self.verifying or keys_of(tuple(self.params.items()))[0].verifying
        terms = (self.model, self.batches, self.trainers, self.blocks, verifying)
        self.deploy(
            "VerifiableFL", (self.hospitals, self.devices, *terms), self.hospitals[0] if self.hospitals else "a"
        )

    def own(self, name: str, number: int) -> Any:
        """A hospital's batch: the patients are the same for all, unless `data` has others, but the salts are not."""
        levels, labels = self.data.get(name, BATCHES)[number]
        return batch(levels, labels, salt=1_000 * ord(name[0]) + number)

    def commitments(self, name: str) -> list[int]:
        return [self.paper.committed(Trace(), COLUMNS, self.own(name, number))[1] for number in range(self.batches)]

    def sign(self, name: str, device: str) -> Federation:
        self.send(device, "sign", name, keccak(to_bytes(self.commitments(name))))
        return self

    def enrol(self, *names: str) -> Federation:
        for name in names:
            self.send(name, "enrol", self.commitments(name))
        return self

    def begun(self) -> Federation:
        """All have enrolled, and round 1 has begun."""
        self.enrol(*self.hospitals).send(self.hospitals[0], "close")
        return self

    def step(self, name: str, trace: Trace | None = None, **other: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What a hospital sends: the new model and the proof; `other` replaces what the contract says.

        `broken` are then the rows that do not hold, for which alone a proof fails.
        """
        trace = Trace() if trace is None else trace
        said = {
            "binding": self.call("bound", name),
            "model": self.call("model"),
            "own": self.own(name, self.call("turn", name)[1]),
        } | other
        model = tuple(learning(self.paper, **said)(trace))
        self.broken = settle(trace, shape_of(self.paper))
        _, key = keys_of(tuple(self.params.items()))
        return model, groth16.prove(key, trace, np.random.default_rng(1))

    def update(self, name: str, **other: Any) -> Federation:
        self.send(name, "update", *self.step(name, **other))
        return self

    def close(self) -> Federation:
        self.send(self.hospitals[0], "close")
        return self


def anything(publics: Sequence[int], names: str = "abc", **terms: Any) -> Federation:
    """A federation under the free keys, whose hospitals can send any model of this many numbers, after enrolment."""
    size = 2 + 2 * len(publics)
    verifying = free_keys(size)[0].verifying
    return Federation(tuple(names), model=publics, trainers=len(names), verifying=verifying, **terms).begun()
