"""What a dishonest hospital, device or maker of the keys tries on VerifiableFL, and what comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from exploits import exploit
from papers import module, once, preparing
from proved_steps import COLUMNS, KEY, START, TINY, Federation, batch, keys_of, learning, of_bits, paper, shape_of
from test_verifiable_fl_protocol import Desk, updates_a_round
from zksnake.ecc import EllipticCurve

from chainward.folders import ARTIFACTS
from chainward.methods import groth16
from chainward.methods.circuit import Trace
from chainward.methods.sharing import FIELD, from_bytes
from chainward.strategy import discovery
from chainward.testing import refused, states, varied
from chainward.testing.contracts import accepted
from chainward.world import Kind, Site

SMALL = {"batch": 1, "batches": 3, "divisor": 20}
STILL = {**TINY, "divisor": 10**9}
prepared = preparing(KEY, hospitals=4, rounds=2, patients=30, features=3)
usual = once(lambda: prepared(params=SMALL))
WRONG = "proof does not hold"


def keys() -> groth16.Keys:
    return keys_of(tuple(TINY.items()))[0]


@exploit(KEY, "whoever made the keys kept what they are made of, and forges a proof of any model", "succeeds")
def test_the_ceremony_can_forge() -> None:
    it = Federation().begun()
    lie = (1_000_000, -1_000_000, 7)
    publics = [it.call("bound", "a"), it.commitments("a")[0], *START, *lie]
    forged = groth16.forged(shape_of(it.paper), keys().secrets, publics, np.random.default_rng(0))
    it.send("a", "update", lie, forged)
    assert it.call("running") == lie


@exploit(KEY, "whoever made the keys made them so that proofs show the patients", "succeeds")
@pytest.mark.parametrize("patient", [(0.5, 1.0, 1), (-1.25, 0.0, 0), (1.75, 1.0, 0)])
def test_the_ceremony_can_read_patients_out_of_proofs(patient: tuple[float, float, int]) -> None:
    """Without what blinds, and with powers of two at the rows of a patient's bits alone, A is a sum of those bits.

    Nobody accepts such a proof; but it is published before the contract refuses it, and no hospital looks.
    """
    generator, bits = EllipticCurve("BN254").G1(), range(1, 8)  # the first row is of the binding
    rows = len(shape_of(paper(**TINY)).rows)
    shown = [generator * (2**row * (row in bits)) for row in (0, 0, 0, *range(rows))]
    made = b"".join(bytes(point.to_bytes()) for point in shown)
    *numbers, label = patient
    it = paper(**TINY)
    desk = Desk(it)
    desk.memory["key"] = keys().proving[:12] + made + keys().proving[12 + len(made) :]
    desk.train = type("Rows", (), {"features": np.array([numbers]), "labels": np.array([label])})()
    desk.prove(it)
    seen = from_bytes(desk.published[1])[:2]
    found = []
    for level, bit, guess in product(range(-7, 8), (0, 1), (0, 1)):
        trace = Trace()
        it.committed(trace, COLUMNS, batch([[level, bit]], [guess]))
        sum_of_bits = generator * (sum(trace.left[row - 1] << row for row in bits) % FIELD)
        found += [(level / 4, bit, guess)] * (seen == [sum_of_bits.x, sum_of_bits.y])
    assert found == [patient]


@exploit(KEY, "labels flipped before the batches are committed to", "succeeds")
def test_poisoned_data_are_proved_like_others() -> None:
    flipped = [(levels, [1 - label for label in labels]) for levels, labels in [(((3, 1),), (1,)), (((-5, 0),), (0,))]]
    poisoned, honest = Federation(data={"a": flipped}).begun(), Federation().begun()
    (bad, proof), (good, _) = poisoned.step("a"), honest.step("a")
    poisoned.send("a", "update", bad, proof)
    assert bad[-1] < START[-1] < good[-1]


@exploit(KEY, "a hospital commits to the same favourite patient in all its batches", "succeeds")
def test_nobody_can_tell_whether_batches_differ() -> None:
    one = (((7, 1),), (1,))
    it = Federation(data={"a": [one, one]}).begun()
    assert len(set(it.commitments("a"))) == 2
    it.update("a")
    assert it.call("count") == 1


@exploit(KEY, "whoever reads the chain solves a step on a single patient for its features", "succeeds")
def test_a_step_on_one_patient_tells_its_features() -> None:
    """The move of the bias is the error cut by the rate, and that of a weight the error times the feature, so cut."""
    it = paper(batch=1, divisor=1)
    levels = [13, -31, 0, 1]
    before = [120, -80, 40, 0, 5_300]
    after = learning(it, 0, before, batch([levels], [1]), (False, False, False, True))(Trace())
    moves = np.subtract(before, after)
    assert np.rint(moves[:3] / moves[-1] * it.precision / it.grain).tolist() == levels[:3]
    assert moves[3] / moves[-1] == levels[3]


@exploit(KEY, "a hospital says that none of its columns is binary, so that everybody's proofs get dearer", "succeeds")
def test_one_hospital_makes_all_proofs_dearer() -> None:
    binary, numeric = (shape_of(paper(), columns).size for columns in ((False,) * 9 + (True,) * 23, (False,) * 32))
    assert numeric.rows > 2 * binary.rows


@exploit(KEY, "another model than the step's, with the step's proof", "held")
@pytest.mark.parametrize("place", range(3))
def test_a_tampered_model_is_refused(place: int) -> None:
    it = Federation().begun()
    model, proof = it.step("a")
    for moved in (1, -1, 1_000):
        with refused(WRONG):
            it.send("a", "update", [own + moved * (at == place) for at, own in enumerate(model)], proof)
    accepted(lambda: it.send("a", "update", model, proof))


@exploit(KEY, "a proof of a model that the step does not lead to", "held")
@pytest.mark.parametrize("place", range(3))
def test_a_false_result_cannot_be_proved(place: int) -> None:
    """The prover makes the public number another and its witness as before."""

    class Lying(Trace):
        def reveal(self, at: int, number: int) -> None:
            wanted = at == 3 + len(START) + place
            super().reveal(at, number + 5 * wanted)

    it, trace = Federation().begun(), Lying()
    model, proof = it.step("a", trace=trace)
    lie = [own + 5 * (at == place) for at, own in enumerate(model)]
    assert len(it.broken) == 1
    with refused(WRONG):
        it.send("a", "update", lie, proof)
    with refused(WRONG):
        it.send("a", "update", model, proof)


class Moving(Trace):
    """Moves the n-th quotient by one, and the rest as the row demands."""

    def __init__(self, which: int, moved: int) -> None:
        super().__init__()
        self.which, self.moved, self.met = which, moved, -1

    def quotient(self, left: int, right: int, divisor: int, most: int) -> tuple[int, int]:
        self.met += 1
        if self.met != self.which:
            return super().quotient(left, right, divisor, most)
        quotient, rest = divmod(left * right, divisor)
        numbers = (
            self.forced(quotient + self.moved, most // divisor),
            self.forced(rest - self.moved * divisor, divisor - 1),
        )
        self.row(left, right, numbers[0] * divisor + numbers[1])
        return numbers

    def forced(self, value: int, most: int) -> int:
        """As many bits as the range has, the last of which is what is left, be it a bit or not."""
        found = self.bits(min(max(value, 0), most), most)
        kept = sum(bit * weight for bit, weight in found)
        if kept == value:
            return value
        (_, weight), wire = found[0], len(self.values) - 1
        assert weight == 1
        self.values[wire] += value - kept
        return value


@exploit(KEY, "a false quotient, with the rest that its row demands", "held")
@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("moved", [1, -1])
def test_a_false_quotient_cannot_be_proved(which: int, moved: int) -> None:
    it, trace = Federation().begun(), Moving(which, moved)
    model, proof = it.step("a", trace=trace)
    assert trace.met == 2
    assert of_bits(it.broken)
    with refused(WRONG):
        it.send("a", "update", model, proof)


class Doubling(Trace):
    """Makes a sign 2 or -2, by half of the field in the place of its bit."""

    def __init__(self, which: int) -> None:
        super().__init__()
        self.which, self.met = which, -1

    def sign(self, number: int) -> int:
        self.met += 1
        sign = super().sign(number)
        if self.met != self.which:
            return sign
        self.values[-1] = (1 - 2 * sign) * pow(2, -1, FIELD) % FIELD
        return 2 * sign


@exploit(KEY, "a sign of two, which doubles the step", "held")
def test_a_doubled_step_cannot_be_proved() -> None:
    it, trace = Federation().begun(), Doubling(which=1)
    honest, _ = it.step("a")
    assert not it.broken
    model, proof = it.step("a", trace=trace)
    assert abs(model[-1] - START[-1]) == 4 * abs(honest[-1] - START[-1])  # the error twice, and its step again
    assert of_bits(it.broken)
    with refused(WRONG):
        it.send("a", "update", model, proof)


class Fractional(Trace):
    """A patient whose feature is 1/2 of the field: times an even error it would be a whole number."""

    def bits(self, value: int, most: int) -> list[tuple[int, int]]:
        found = super().bits(value, most)
        if most != TINY["levels"] or self.done:
            return found
        self.done = True
        half = pow(2, -1, FIELD)
        self.values[-len(found) :] = [*[0] * (len(found) - 1), half]  # the least comes last
        return [(half, 1), *((0, weight) for _, weight in found[1:])]

    done = False

    def quotient(self, left: int, right: int, divisor: int, most: int) -> tuple[int, int]:
        whole = left * right % FIELD
        if whole > most:
            whole = 0
        numbers = self.up_to(whole // divisor, most // divisor), self.up_to(whole % divisor, divisor - 1)
        self.row(left, right, numbers[0] * divisor + numbers[1])
        return numbers


@exploit(KEY, "features that are no whole numbers, committed to like others", "held")
def test_features_are_made_of_bits() -> None:
    it = Federation()
    odd = it.paper.committed(Fractional(), COLUMNS, it.own("a", 0))[1]
    assert odd != it.commitments("a")[0]
    it.send("a", "enrol", [odd, odd])
    it.enrol("b", "c").close()
    model, proof = it.step("a", trace=Fractional())
    assert (model[0], model[-1]) == (2_500 // 16, 5_000 + 1_250)  # an error of 5,000 times one half
    assert of_bits(it.broken)
    with refused(WRONG):
        it.send("a", "update", model, proof)


@exploit(KEY, "the proof of another round, from the same model", "held")
def test_a_proof_of_another_round_is_refused() -> None:
    it = Federation(params=STILL, batches=1, trainers=3).begun()
    old = it.step("a")
    accepted(lambda: it.send("a", "update", *old))
    it.wait(7).close()
    assert it.call("model") == START
    with refused(WRONG):
        it.send("a", "update", *old)
    accepted(lambda: it.update("a"))


@exploit(KEY, "the proof of another hospital, with its commitments copied too", "held")
def test_a_proof_of_another_hospital_is_refused() -> None:
    it = Federation().enrol("a")
    it.send("b", "enrol", it.commitments("a"))
    it.enrol("c").close()
    taken = it.step("a")
    with refused(WRONG):
        it.send("b", "update", *taken)
    accepted(lambda: it.send("a", "update", *taken))


class Claiming(Trace):
    """Says that its batch's hash is another."""

    def __init__(self, registered: int) -> None:
        super().__init__()
        self.registered = registered

    def reveal(self, place: int, number: int) -> None:
        super().reveal(place, self.registered if place == 2 else number)


@exploit(KEY, "a step on other patients than were committed to", "held")
@pytest.mark.parametrize("levels", [[[4, 1]], [[-3, 1]], [[3, 0]]])
def test_a_step_on_other_data_is_refused(levels: Any) -> None:
    it = Federation().begun()
    own = it.own("a", 0)
    for other in (
        own._replace(levels=levels),
        own._replace(labels=[0]),
        own._replace(salt=own.salt + 1),
        it.own("a", 1),
    ):
        with refused(WRONG):
            it.update("a", own=other)
        lie = it.step("a", trace=Claiming(it.commitments("a")[0]), own=other)
        assert len(it.broken) == 1
        with refused(WRONG):
            it.send("a", "update", *lie)
    accepted(lambda: it.update("a"))


@exploit(KEY, "a step from another model than the one that stands", "held")
def test_a_step_from_another_model_is_refused() -> None:
    """The public gap of the published contract, which compares a proof with nothing that stands."""
    it = Federation().begun()
    for model in ((0, 0, 5_001), (1, 0, 5_000), (0, -1, 5_000)):
        with refused(WRONG):
            it.update("a", model=model)


@exploit(KEY, "the verifier is replaced by one that accepts everything", "held")
def test_nobody_can_replace_the_key() -> None:
    """The other public gap. No function of the contract takes a key but the constructor."""
    abi = json.loads((ARTIFACTS / "VerifiableFL.json").read_text(encoding="utf-8"))["abi"]
    changing = {one["name"] for one in abi if one["type"] == "function" and one["stateMutability"] != "view"}
    assert changing == {"sign", "enrol", "update", "close"}
    it = Federation().begun()
    before = it.call("key")
    it.update("a").wait(7).close()
    assert it.call("key") == before


@exploit(KEY, "a batch that an unregistered device signed", "held")
def test_a_batch_signed_by_an_unregistered_device_is_refused() -> None:
    it = Federation(devices=("p", "q", "r"))
    for device in ("a", "q", "stranger"):
        with refused("not its registered device"):
            it.sign("a", device)
    with refused("not signed by its device"):
        it.enrol("a")
    accepted(lambda: it.sign("a", "p").enrol("a"))


@exploit(KEY, "replies of another form, made-up proofs, and no replies", "held")
def test_what_is_made_up_is_no_update_and_ends_no_round() -> None:
    kind = discovery.load(KEY)
    replies: dict[str, Any] = {
        "hospital 1": (START, bytes(256)),  # no points
        "hospital 2": ((2**40,), bytes(256)),
        "hospital 3": None,
    }

    def prove(self: Any, site: Any, memory: Any, task: Any) -> Any:
        if site.name not in replies:
            return kind.prove(self, site, memory, task)  # type: ignore[attr-defined]
        told = replies[site.name]
        return told and site.publish(told, Kind.UPDATE), memory

    ready = prepared(strategy=varied(KEY, SMALL, prove=prove))
    *_, last = states(ready)
    assert updates_a_round(ready) == [1, 1]
    assert last.model != START


@exploit(KEY, "hospitals that fall silent for ever after they enrolled", "held")
def test_the_silent_are_outlasted() -> None:
    away = {f"hospital {number}": [1, 2] for number in (1, 2, 3)}
    ready = prepared(params=SMALL, faults={"absent": away})
    found = states(ready)
    assert found[-1].model != found[0].model
    assert ready.world.at(found[-1].contract).call("round") == 3


@exploit(KEY, "replies of another form, made-up proofs, and no replies", "held")
@pytest.mark.parametrize("told", [(True,), (True,) * 4_000])
def test_no_hospital_of_two_says_how_many_columns_there_are(told: tuple[bool, ...], monkeypatch: Any) -> None:
    """The task does: the first of two who is asked could end every trial with a number of its own."""
    owner = module(KEY)
    honest = owner.COLUMNS

    def columns(site: Site, memory: Any, payload: Any) -> tuple[Any, Any]:
        return (told, memory) if site.name == site.hospitals[0] else honest.local(site, memory, payload)

    monkeypatch.setattr(owner, "COLUMNS", replace(honest, local=columns))
    ready = prepared(hospitals=2, rounds=1)
    *_, last = states(ready)
    assert len(last.model) == ready.world.network.features + 1
    assert last.enrolled == 2
