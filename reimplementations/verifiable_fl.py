"""A hospital proves in zero knowledge that its update is a step of training. Heiss et al. 2022, arXiv 2206.11641."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import Interval, Len
from eth_utils.crypto import keccak
from scipy.special import expit

from chainward.methods import groth16
from chainward.methods.circuit import Circuit, Number, Shape, Trace, shaped, total
from chainward.methods.fixed_point import quantised
from chainward.methods.sharing import LIMIT, from_bytes, to_bytes, uniform
from chainward.methods.vector_commitment import FLOPS_A_FIELD_PRODUCT
from chainward.strategy import Audience, Card, Strategy
from chainward.world import (
    PRESENT,
    ContentId,
    Contract,
    Each,
    Kind,
    Memory,
    Network,
    Query,
    Site,
    World,
)

Whole = Annotated[int, Interval(ge=-(2**31), lt=2**31)]
Binary = Annotated[tuple[bool, ...], Len(1, 4_096)]
Proof = Annotated[bytes, Len(32 * groth16.PROOF_NUMBERS, 32 * groth16.PROOF_NUMBERS)]
Step = tuple[tuple[Whole, ...], Proof]  # the new model and the proof that it is


class Batch(NamedTuple):
    """Patients that a hospital commits to: features in grains [n, d], labels [n], and the salt of the commitment."""

    levels: Sequence[Sequence[int]]
    labels: Sequence[int]
    salt: int


class Cell(NamedTuple):
    """A patient's feature within a proof: its value in grains and, unless it is binary, magnitude and sign of that."""

    value: Number
    magnitude: Number = None
    sign: Number = None


@dataclass(frozen=True)
class State:
    """The model [d + 1] in units of 1 / precision, its bias last; which features are 0 or 1; the keys' maker and id.

    `devices` are those who sign, by hospital; `enrolled` counts.
    """

    model: tuple[int, ...]
    contract: str
    binary: tuple[bool, ...]
    keys: Mapping[str, str]
    devices: Mapping[str, str]
    enrolled: int = 0


@dataclass(frozen=True)
class VerifiableFL(Strategy[State]):
    """A linear model in whole numbers, squared error, one patient after another, each batch's step proved.

    `precision` stands for 1, `divisor` is the inverse learning rate. Features are multiples of `grain`, at most
    `levels` of them; no error is above `largest`. `trainers` hospitals a round, in turn, take one of the `batches` that
    each has committed to, of `batch` patients. With `devices` each hospital's batches are signed by a device registered
    for it. A phase waits `phase_blocks` for who is missing.
    """

    batch: int = 4
    precision: int = 10_000
    divisor: int = 100
    grain: int = 1_250
    levels: int = 31
    largest: int = 65_535
    batches: int = 30
    trainers: int = 6
    devices: bool = False
    phase_blocks: int = 120

    card: ClassVar[Card] = Card.beside(
        __file__,
        contracts=("VerifiableFL",),
        sees_individual_updates=Audience.EVERYONE,
        raw_records_shared="none",
        spends_gas=True,
        tolerates_absence=True,
        needs=("features <= 185",),
    )

    def __post_init__(self) -> None:
        """Refuse numbers by which sums could pass the field's end, so that a false step would have a proof.

        Raises:
            ValueError: a number is not from 1 to `LIMIT`, or `grain` does not divide `precision`.
        """
        sizes = (self.batch, self.precision, self.divisor, self.grain, self.levels, self.largest)
        if not all(1 <= size <= LIMIT for size in sizes):
            raise ValueError(f"batch, precision, divisor, grain, levels and largest are from 1 to {LIMIT:,}")
        if self.precision % self.grain:
            raise ValueError("precision is a multiple of grain")

    def open(self, world: World) -> State:
        """Make the keys for a step on such columns, deploy the contract with them, and have hospitals commit.

        Raises:
            ChainwardError: no contract can hold the key for so many features.
        """
        columns, width = world.need_some(world.ask(world.hospitals, COLUMNS)).open(), world.network.features
        groth16.need_few(2 + 2 * (width + 1))
        fitting = [own for own in columns.values() if len(own) == width] or [(False,) * width]
        binary = tuple(map(all, zip(*fitting, strict=True)))
        (ceremony,) = world.parties("ceremony", 1)
        made = world.ask(ceremony, Query("set_up", Kind.CONTROL, self.set_up, reply=tuple[ContentId, Any]), binary)
        cid, verifying = made.open()[ceremony]
        devices = world.parties("device", len(world.hospitals) * self.devices)
        model = (*[0] * width, self.precision // 2)
        terms = (model, self.batches, self.trainers, self.phase_blocks, from_bytes(verifying))
        chain = world.found("VerifiableFL", world.hospitals, devices, *terms, sender=next(iter(columns)))
        signers = dict(zip(world.hospitals, devices, strict=False))
        state = State(model, chain.address, binary, {ceremony: cid}, signers)
        _close(chain, self._enrol(world.hospitals, state, world))
        return state

    def round(self, state: State, world: World) -> State:
        """Those whose turn it is take a step from the model that stands and prove it; the contract keeps the mean."""
        chain = world.at(state.contract)
        enrolled = chain.call("places")
        late = self._enrol([name for name in world.hospitals if name not in enrolled], state, world)
        if not (enrolled or late):
            return state  # there is nobody to train
        if not chain.call("round"):  # nobody enrolled when it opened
            _close(chain, late)
        who, batches, bindings = chain.call("due")
        model = chain.call("model")
        tasks = {who[i]: (batches[i], to_bytes([bindings[i]]), model) for i in range(len(who))}
        proving = Query("step", Kind.CONTROL, self.prove, reply=ContentId | None)
        told = world.ask(tasks, proving, Each(tasks), within=chain.left() or math.inf).open()
        steps = world.read({name: cid for name, cid in told.items() if cid}, Step)
        chain.offer_each("update", {name: (model, from_bytes(proof)) for name, (model, proof) in steps.items()})
        _close(chain, told or world.ask(world.hospitals, PRESENT, first=1))
        return replace(state, model=chain.call("model"), enrolled=len(enrolled) + len(late))

    def model(self, state: State) -> Mapping[str, npt.NDArray[np.int64]]:
        return {"model": np.array(state.model, np.int64)}

    def predict(self, model: Mapping[str, Any], features: Any, network: Network) -> npt.NDArray[np.float64]:
        """The output, which is 1 for the outcome and 0 without, through a logistic curve that has its slope at 1/2."""
        numbers = model["model"] / self.precision
        probability: npt.NDArray[np.float64] = expit(4.0 * (features @ numbers[:-1] + numbers[-1] - 0.5))
        return probability

    def numbers(self, hospitals: int) -> Mapping[str, float]:
        """How many hospitals train in a round."""
        return {"trainers": min(self.trainers, hospitals)}

    def outcomes(self, state: State, world: World) -> Mapping[str, Mapping[str, float]]:
        """What each proof is about: patients, features, rows, and how many prove in a round."""
        rows = self._shape(state.binary).size.rows
        provers = min(self.trainers, max(1, state.enrolled))
        return {"proof": {"batch": self.batch, "features": len(state.binary), "rows": rows, "provers": provers}}

    # ------------------------------------------------------------ the circuit

    def learn(self, circuit: Circuit, binary: Sequence[bool], binding: int, model: Sequence[int], batch: Batch) -> Any:
        """Step from a model on a batch. Public are binding, commitment to the batch, the model and what comes of it."""
        bound, committed = circuit.public(binding), circuit.announce()
        numbers = [circuit.public(number) for number in model]
        places = [circuit.announce() for _ in model]
        circuit.product(bound, bound)  # else a proof would do for any other binding
        patients, commitment = self.committed(circuit, binary, batch)
        circuit.reveal(committed, commitment)
        for cells, label in patients:
            numbers = self.descend(circuit, numbers, cells, label)
        for place, number in zip(places, numbers, strict=True):
            circuit.reveal(place, number)
        return numbers

    def descend(self, circuit: Circuit, model: Sequence[Number], cells: Sequence[Cell], label: Number) -> list[Number]:
        """One patient, as in the published circuit. All divisions are cut towards zero.

        Of two classes that start as mirror images each stays the other's, so the outcome's output alone is proved.
        """
        (*weights, bias), scale = model, self.precision // self.grain
        products = [circuit.product(w, x.value) for w, x in zip(weights, cells, strict=True)]
        # out = trunc(sum_i w_i x_i / pr) + b;  err = trunc(2 (out - y) / 2)
        dot = total(own * (scale if x.sign is None else 1) for own, x in zip(products, cells, strict=True))
        output = circuit.truncated(dot, scale, self.largest * scale) + bias
        error = output - label * self.precision
        # b -= trunc(err / lr)
        sign = circuit.sign(error)
        quotient, rest = circuit.quotient(sign, error, self.divisor, self.largest)
        size, step = quotient * self.divisor + rest, circuit.product(sign, quotient)
        # w_i -= trunc(trunc(err x_i / lr) / pr), which for a feature that is 1 is the step of the bias
        moved = []
        for weight, cell in zip(weights, cells, strict=True):
            if cell.sign is None:
                moved.append(weight - circuit.product(step, cell.value))
            else:
                most = self.largest * self.levels
                part, _ = circuit.quotient(size, cell.magnitude, self.divisor * scale, most)
                moved.append(weight - circuit.product(sign, circuit.product(cell.sign, part)))
        return [*moved, bias - step]

    def committed(self, circuit: Circuit, binary: Sequence[bool], batch: Batch) -> tuple[list[Any], Number]:
        """The patients of a batch, made of bits, as (cells, label) each; and the hash of its salt and all the bits."""
        patients, bits = [], list[Number]()
        for row, label in zip(batch.levels, batch.labels, strict=True):
            cells = [self._cell(circuit, level, bit, bits) for level, bit in zip(row, binary, strict=True)]
            bits.append(circuit.bit(label))
            patients.append((cells, bits[-1]))
        return patients, circuit.hashed(circuit.wire(batch.salt), bits)

    def _cell(self, circuit: Circuit, level: int, binary: bool, bits: list[Number]) -> Cell:
        if binary:
            bits.append(circuit.bit(level))
            return Cell(bits[-1])
        parts, negative = circuit.bits(abs(level), self.levels), circuit.bit(int(level < 0))
        bits += [*(part for part, _ in parts), negative]
        magnitude, sign = total(part * weight for part, weight in parts), 1 - negative * 2
        return Cell(circuit.product(sign, magnitude), magnitude, sign)

    # ------------------------------------------------------------ at the parties

    def set_up(self, site: Site, memory: Memory, binary: Sequence[bool]) -> tuple[Any, Memory]:
        """At the ceremony: make the keys, publish the proving one, reply its id and the verifying one."""
        shape = self._shape(binary)
        site.work(groth16.set_up_flops(shape.size))
        keys = groth16.set_up(shape, site.rng)
        return (site.publish(keys.proving, Kind.CONTROL), to_bytes(keys.verifying)), memory

    def _shape(self, binary: Sequence[bool]) -> Shape:
        nobody = Batch([[0] * len(binary)] * self.batch, [0] * self.batch, 0)
        return shaped(lambda circuit: self.learn(circuit, binary, 0, [0] * (len(binary) + 1), nobody))

    def enrol(self, site: Site, memory: Memory, task: tuple[Mapping[str, str], tuple[bool, ...]]) -> tuple[Any, Memory]:
        """At a hospital: get the key, and commit to batches of its patients in an order drawn once, round and round."""
        published, binary = task
        keys = site.read(published, bytes)
        order = site.rng.permutation(len(site.train))
        kept = {"key": next(iter(keys.values()), b""), "binary": binary, "order": order}
        kept["salts"] = to_bytes(uniform(self.batches, site.rng))
        commitments = []
        for number in range(self.batches):
            trace = Trace()
            commitments.append(self.committed(trace, binary, self._batch(site, kept, number))[1])
            site.work(FLOPS_A_FIELD_PRODUCT * len(trace.values))
        return to_bytes(commitments), kept

    def prove(self, site: Site, memory: Memory, task: tuple[int, bytes, tuple[int, ...]]) -> tuple[str | None, Memory]:
        """At a hospital: publish the step, proved; nothing if a number leaves its range or the key is for another."""
        number, binding, before = task
        trace = Trace()
        try:
            batch = self._batch(site, memory, number)
            model = tuple(self.learn(trace, memory["binary"], from_bytes(binding)[0], before, batch))
            proof = groth16.prove(groth16.proving_key(memory["key"]), trace, site.rng)
        except (KeyError, ValueError):
            return None, memory
        site.work(groth16.proving_flops(trace.size, trace.long))
        return site.publish((model, to_bytes(proof)), Kind.UPDATE), memory

    def _batch(self, site: Site, memory: Memory, number: int) -> Batch:
        order = memory["order"]
        rows = order[np.arange(number * self.batch, (number + 1) * self.batch) % len(order)]
        features, binary = site.train.features[rows], np.array(memory["binary"])
        levels = np.where(binary, features >= 0.5, quantised(features, self.grain / self.precision, self.levels))
        labels = (site.train.labels[rows] >= 0.5).astype(int)
        return Batch(levels.tolist(), labels.tolist(), from_bytes(memory["salts"])[number])

    def _enrol(self, who: Iterable[str], state: State, world: World) -> tuple[str, ...]:
        """Have hospitals commit, and their devices sign if they have any; return who enrolled."""
        chain, asked = world.at(state.contract), tuple(who)
        if not asked:
            return ()
        query = Query(
            "enrol", Kind.CONTROL, self.enrol, reply=Annotated[bytes, Len(32 * self.batches, 32 * self.batches)]
        )
        committed = world.ask(asked, query, (state.keys, state.binary)).open()
        for hospital in committed if state.devices else ():
            chain.send("sign", hospital, keccak(committed[hospital]), sender=state.devices[hospital])
        return chain.offer_each("enrol", {name: (from_bytes(own),) for name, own in committed.items()})


def _columns(site: Site, memory: Memory, _: Any) -> tuple[tuple[bool, ...], Memory]:
    """Of each feature whether it is 0 or 1 for all patients here."""
    return tuple(bool(np.isin(column, (0.0, 1.0)).all()) for column in site.train.features.T), memory


def _close(chain: Contract, there: Iterable[str]) -> None:
    """Have the first who is there end the phase, after its deadline if somebody is missing from it."""
    for sender in tuple(there)[:1]:
        if chain.call("waits"):
            chain.pass_deadline()
        chain.send("close", sender=sender)


COLUMNS = Query("columns", Kind.STATISTICS, _columns, reply=Binary)
