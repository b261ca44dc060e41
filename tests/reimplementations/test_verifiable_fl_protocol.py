"""VerifiableFL's step against the published formulas, what its circuit binds, and whole trials."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import module, once, preparing
from proved_steps import COLUMNS, KEY, START, TINY, Federation, batch, keys_of, learning, paper, shape_of

from chainward.errors import ChainwardError
from chainward.methods import groth16
from chainward.methods.circuit import Trace, holds
from chainward.methods.fixed_point import running_mean
from chainward.strategy import discovery
from chainward.testing import states, varied

SMALL = {"batch": 1, "batches": 3, "divisor": 20}
prepared = preparing(KEY, hospitals=4, rounds=3, patients=30, features=3)
usual = once(lambda: prepared(params=SMALL))


def cut(dividend: int, divisor: int) -> int:
    """Division towards zero, by signs and magnitudes as in the published circuit."""
    return (abs(dividend) // divisor) * (-1 if dividend < 0 else 1)


def published_step(
    weights: list[list[int]], biases: list[int], x: Sequence[int], y: int, rate: int, precision: int
) -> tuple[list[list[int]], list[int]]:
    """One patient through the published circuit: weights [classes, features], the divisions in its order."""
    classes = len(weights)
    outputs = [
        cut(sum(w * v for w, v in zip(row, x, strict=True)), precision) + b
        for row, b in zip(weights, biases, strict=True)
    ]
    errors = [cut(2 * (out - (precision if j == y else 0)), classes) for j, out in enumerate(outputs)]
    biases = [b - cut(e, rate) for b, e in zip(biases, errors, strict=True)]
    weights = [
        [w - cut(cut(e * v, rate), precision) for w, v in zip(row, x, strict=True)]
        for row, e in zip(weights, errors, strict=True)
    ]
    return weights, biases


def published(it: Any, model: Sequence[int], own: Any, binary: Sequence[bool]) -> tuple[list[int], list[int]]:
    """Both outputs after a batch, the second class being the outcome; the first began as its mirror image."""
    *weights, bias = model
    both, biases = [[-w for w in weights], list(weights)], [it.precision - bias, bias]
    for row, label in zip(own.levels, own.labels, strict=True):
        x = [v * (it.precision if bit else it.grain) for v, bit in zip(row, binary, strict=True)]
        both, biases = published_step(both, biases, x, label, it.divisor, it.precision)
    return [*both[0], biases[0]], [*both[1], biases[1]]


@st.composite
def steps(draw: Any) -> tuple[Any, list[int], Any, tuple[bool, ...]]:
    binary = tuple(draw(st.lists(st.booleans(), min_size=1, max_size=4)))
    it = paper(
        batch=draw(st.integers(1, 3)),
        divisor=draw(st.sampled_from([1, 3, 20, 1_000])),
        grain=draw(st.sampled_from([1, 1_250])),
    )
    rows = [[draw(st.integers(0, 1) if bit else st.integers(-31, 31)) for bit in binary] for _ in range(it.batch)]
    labels = [draw(st.integers(0, 1)) for _ in rows]
    model = [draw(st.integers(-400, 400)) for _ in (*binary, 0)]
    return it, model, batch(rows, labels, salt=draw(st.integers(0, 2**250))), binary


@given(steps())
@settings(max_examples=150, deadline=None)
def test_a_step_is_the_published_circuit_s_and_the_other_class_stays_its_mirror(case: Any) -> None:
    it, model, own, binary = case
    try:
        found = learning(it, 3, model, own, binary)(Trace())
    except ValueError:
        return  # a number leaves its range, and nothing is proved
    mirror, expected = published(it, model, own, binary)
    assert found == expected
    assert [-w for w in mirror[:-1]] == expected[:-1]
    assert mirror[-1] + expected[-1] == it.precision


@given(steps())
@settings(max_examples=10, deadline=None)
def test_every_row_of_the_shape_holds_for_an_honest_step(case: Any) -> None:
    it, model, own, binary = case
    trace = Trace()
    try:
        learning(it, 3, model, own, binary)(trace)
    except ValueError:
        return
    shape = shape_of(it, binary)
    assert shape.size == trace.size
    assert holds(shape, trace.values)


@given(st.integers(-(10**9), 10**9), st.integers(1, 2_000), st.integers(1, 20_000))
def test_nested_truncations_are_one(value: int, first: int, second: int) -> None:
    assert cut(cut(value, first), second) == cut(cut(value, second), first) == cut(value, first * second)


def test_the_circuit_divides_before_it_adds_the_bias_and_the_published_trainer_does_not() -> None:
    """dot / pr = -1/2 and b = 3 units: the circuit has 3, the trainer trunc(2.5) = 2."""
    it = paper(batch=1, divisor=1, grain=1)
    (bias_moved,) = {3 - learning(it, 0, [-5_000, 3], batch([[1]], [0]), (False,))(Trace())[-1]}
    assert bias_moved == 3  # err / 1, for a label of 0
    assert int(-0.5 + 3) == 2


def test_an_infinite_rate_divisor_leaves_the_model_and_the_contract_accepts_it() -> None:
    still = {**TINY, "divisor": 10**9}
    it = Federation(params=still).begun()
    model, proof = it.step("a")
    assert model == START
    it.send("a", "update", model, proof)
    assert it.call("running") == START


# ------------------------------------------------------------------------------------------- what the circuit binds


def honest() -> tuple[Any, Trace]:
    """A step in which nothing is zero: else a sign says nothing, and either is right."""
    it, trace = paper(**TINY), Trace()
    learning(it, 99, (300, -200, 4_000), batch([[-5, 1]], [1]), COLUMNS)(trace)
    return shape_of(it), trace


def test_no_number_of_a_step_can_be_another() -> None:
    """Each wire alone moved by one breaks a row: none is free."""
    shape, trace = honest()
    assert holds(shape, trace.values)
    for wire in range(1, len(trace.values)):
        values = list(trace.values)
        values[wire] += 1
        assert not holds(shape, values), f"wire {wire} is free"


def test_no_bit_of_a_step_can_be_the_other() -> None:
    shape, trace = honest()
    bits = [wire for wire in range(1, len(trace.values)) if trace.values[wire] in (0, 1)]
    assert len(bits) > 50
    for wire in bits:
        values = list(trace.values)
        values[wire] = 1 - values[wire]
        assert not holds(shape, values), f"bit {wire} is free"


def test_no_public_number_can_be_another_whatever_repeats_it() -> None:
    """Binding, commitment, model or result, with each private number that is the same made to follow."""
    shape, trace = honest()
    for place in range(2, trace.publics + 1):  # the binding is a square: its opposite is no other binding
        own = trace.values[place]
        values = [own + 1 if value == own and wire else value for wire, value in enumerate(trace.values)]
        assert not holds(shape, values), f"public number {place} is free"
    follows = {99: 100, 99 * 99: 100 * 100}
    assert holds(shape, [follows.get(value, value) for value in trace.values])  # so a proof is bound by its numbers
    assert not holds(shape, [*trace.values[:1], 100, *trace.values[2:]])


class Free(Trace):
    """A trace whose prover chooses signs, quotients and rests."""

    def __init__(self, quotient: int, rest: int, negative: bool) -> None:
        super().__init__()
        self.chosen, self.negative = (quotient, rest), negative

    def sign(self, number: int) -> int:
        return 1 - 2 * int(self.bit(int(self.negative)))

    def quotient(self, left: int, right: int, divisor: int, most: int) -> tuple[int, int]:
        quotient, rest = self.chosen
        numbers = self.up_to(quotient, most // divisor), self.up_to(rest, divisor - 1)
        self.row(left, right, numbers[0] * divisor + numbers[1])
        return numbers


@pytest.mark.parametrize("value", [-11, -1, 0, 1, 7, 23])
def test_each_number_has_one_quotient_whatever_is_tried(value: int) -> None:
    """All quotients and rests of a division by 5 of numbers up to 24, under both signs; only 0 has two, which are 0."""
    right = set()
    for negative in (False, True):
        for quotient in range(-6, 7):
            for rest in range(-5, 10):
                trace = Free(quotient, rest, negative)
                found = trace.truncated(value, 5, 24)
                rows = zip(trace.left, trace.right, trace.products, strict=True)
                if all(a * b == c for a, b, c in rows):
                    right.add(found)
    assert right == {cut(value, 5)}


# ----------------------------------------------------------------------------------------------------- whole trials


def test_a_trial_s_model_is_the_mean_of_published_steps_on_the_batches_of_each_turn() -> None:
    """Every step of every hospital is done again by the published formulas, on what the hospital committed to."""
    told: list[tuple[Any, ...]] = []
    kind = discovery.load(KEY)

    def prove(self: Any, site: Any, memory: Any, task: Any) -> Any:
        own = self._batch(site, memory, task[0])
        told.append((task[2], published(self, task[2], own, memory["binary"])[1]))
        return kind.prove(self, site, memory, task)  # type: ignore[attr-defined]

    ready = prepared(strategy=varied(KEY, {**SMALL, "trainers": 3}, prove=prove))
    found = states(ready)
    assert len(told) == 9
    for number, (before, after) in enumerate(pairwise(found)):
        own = told[3 * number : 3 * number + 3]
        assert {model for model, _ in own} == {before.model}
        assert after.model == running_mean([step for _, step in own])
    assert found[-1].model != found[0].model


def test_hospitals_with_fewer_patients_than_they_commit_to_go_round_and_round() -> None:
    it = paper(batch=4, batches=3)
    site = type("Site", (), {})()
    site.train = type("Rows", (), {"features": np.arange(5.0)[:, None], "labels": np.array([0, 1, 0, 1, 1])})()
    memory = {"order": np.array([4, 2, 0, 1, 3]), "binary": (False,), "salts": bytes(96)}
    labels = [it._batch(site, memory, number).labels for number in range(3)]
    assert labels == [[1, 0, 0, 1], [1, 1, 0, 0], [1, 1, 1, 0]]


def test_features_are_in_grains_and_binary_ones_are_bits() -> None:
    it = paper(batch=1)
    site = type("Site", (), {})()
    site.train = type("Rows", (), {"features": np.array([[-0.3, 9.0, 1.0, np.nan]]), "labels": np.array([1.0])})()
    memory = {"order": np.array([0]), "binary": (False, False, True, False), "salts": bytes(32 * 30)}
    assert it._batch(site, memory, 0).levels == [[-2, 31, True, 0]]


def test_salts_hide_equal_batches() -> None:
    it = paper(**TINY)
    commitments = {it.committed(Trace(), COLUMNS, batch([[3, 1]], [1], salt))[1] for salt in range(5)}
    assert len(commitments) == 5


def test_equal_seeds_give_equal_proofs_and_another_seed_gives_others() -> None:
    def sent(seed: int) -> list[Any]:
        ready = prepared(params=SMALL, rounds=1, seed=seed)
        states(ready)
        return [(one.function, one.gas, one.size) for one in ready.world.ledger.receipts]

    assert sent(0) == sent(0)
    assert sent(0) != sent(1)


def test_proofs_of_one_step_differ_by_their_randomness_and_all_hold() -> None:
    keys, key = keys_of(tuple(TINY.items()))
    trace = Trace()
    learning(paper(**TINY), 99, START, batch([[3, 1]], [1]))(trace)
    proofs = {groth16.prove(key, trace, np.random.default_rng(seed)) for seed in range(3)}
    assert len(proofs) == 3
    assert all(groth16.verify(keys.verifying, trace.values[1 : trace.publics + 1], proof) for proof in proofs)


class Desk:
    """A hospital's side, of which a test reads what work it did."""

    name, hospitals = "a", ("a",)

    def __init__(self, it: Any) -> None:
        self.flops, self.rng = 0.0, np.random.default_rng(0)
        self.train = type("Rows", (), {"features": np.array([[0.5, 1.0]]), "labels": np.array([1.0])})()
        key = groth16.set_up(shape_of(it), np.random.default_rng(0)).proving
        self.memory = {"key": key, "binary": COLUMNS, "order": np.array([0]), "salts": bytes(32 * it.batches)}

    def work(self, flops: float) -> None:
        self.flops += flops

    def publish(self, value: Any, kind: Any) -> str:
        self.published = value
        return "a content id"

    def prove(self, it: Any) -> float:
        it.prove(self, self.memory, (0, bytes(32), START))
        return self.flops


def test_the_work_of_a_proof_is_that_of_its_rows() -> None:
    flops = []
    for size in (1, 4):
        it = paper(**{**TINY, "batch": size})
        trace = Trace()
        learning(it, 0, START, batch([[2, 1]] * size, [1] * size))(trace)
        flops.append(Desk(it).prove(it))
        assert flops[-1] == groth16.proving_flops(trace.size, trace.long)
    assert flops[1] > flops[0]


@pytest.mark.parametrize("lost", ["key", "order", "salts"])
def test_who_lost_what_it_enrolled_with_proves_nothing(lost: str) -> None:
    it = paper(**TINY)
    desk = Desk(it)
    del desk.memory[lost]
    assert it.prove(desk, desk.memory, (0, bytes(32), START))[0] is None


def test_a_key_for_another_step_proves_nothing() -> None:
    it = paper(**TINY)
    desk = Desk(it)
    desk.memory["key"] = Desk(paper(**{**TINY, "batch": 2})).memory["key"]
    assert it.prove(desk, desk.memory, (0, bytes(32), START))[0] is None


def test_where_all_commitments_are_made_up_nobody_trains_and_nothing_ends() -> None:
    def enrol(self: Any, site: Any, memory: Any, task: Any) -> Any:
        return b"\xff" * 32 * self.batches, memory

    ready = prepared(strategy=varied(KEY, SMALL, enrol=enrol), rounds=2)
    assert [one.enrolled for one in states(ready)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"levels": 2**250}, "from 1 to"),
        ({"largest": 2**250}, "from 1 to"),
        ({"divisor": 0}, "from 1 to"),
        ({"batch": 0}, "from 1 to"),
        ({"grain": 3_000}, "multiple of grain"),
        ({"grain": 20_000}, "multiple of grain"),
    ],
)
def test_numbers_by_which_a_proof_says_something_else_are_refused(params: Any, told: str) -> None:
    with pytest.raises(ChainwardError, match=told):
        paper(**params)


def test_what_no_contract_holds_a_key_for_is_refused_by_name() -> None:
    assert Federation(model=[0] * 186, verifying=[0] * (14 + 2 * (3 + 2 * 186))).call("features") == 185
    with pytest.raises(ChainwardError, match="376 public numbers, and a contract holds the key of 375"):
        states(preparing(KEY, hospitals=2, rounds=1, patients=30, features=186)())


def updates_a_round(ready: Any) -> list[int]:
    events = (event for one in ready.world.ledger.receipts for event in one.events)
    return [values["count"] for name, values in events if name == "RoundClosed"]


@pytest.mark.parametrize("absent", [[], [1]])
def test_who_is_missing_ends_no_round(absent: list[int]) -> None:
    ready = prepared(params=SMALL, faults={"absent": {"hospital 1": absent}})
    *_, last = states(ready)
    closed = updates_a_round(ready)
    assert closed == ([3, 3, 3] if not absent else [3, 4, 4])
    assert last.model != START


def test_the_probability_rises_with_the_output_and_is_a_half_between_the_labels() -> None:
    it = paper()
    probability = it.predict({"model": np.array([10_000, 5_000])}, np.array([[-9.0], [0.0], [0.5]]), None)
    assert probability[0] < 0.001
    assert probability[1] == 0.5
    assert probability[2] == pytest.approx(1 / (1 + np.exp(-2)))


def test_devices_sign_for_their_hospitals() -> None:
    ready = prepared(params={**SMALL, "devices": True}, rounds=1)
    *_, last = states(ready)
    functions = [one.function for one in ready.world.ledger.receipts]
    assert functions.count("sign") == functions.count("enrol") == functions.count("update") == 4
    assert last.model != tuple(START)


def test_learns_what_is_to_be_learned() -> None:
    from sklearn.metrics import roc_auc_score

    ready = prepared(params={"batch": 4, "divisor": 20, "batches": 8}, rounds=8)
    *_, last = states(ready)
    tests = [one.test for one in ready.dataset.hospitals]
    features, labels = (np.concatenate([getattr(one, name) for one in tests]) for name in ("features", "labels"))
    assert roc_auc_score(labels, ready.strategy.predict(ready.strategy.model(last), features, None)) > 0.7


def test_six_hospitals_train_in_a_round_as_published() -> None:
    assert [module(KEY).VerifiableFL().numbers(count) for count in (4, 20)] == [{"trainers": 4}, {"trainers": 6}]
