"""VerifiableFL's contract by hand, with real proofs, and all that it refuses."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import STRANGER, accepted, solidity
from proved_steps import NO_PROOF, START, TINY, Federation, anything, free_keys, free_proof, keys_of

from chainward.methods import groth16
from chainward.methods.fixed_point import running_mean, truncated
from chainward.methods.sharing import FIELD
from chainward.testing import ContractConformance, OnChain
from chainward.testing.liveness import Liveness
from chainward.world import Reverted

DEVICES = ("p", "q", "r")


def begun() -> Federation:
    return accepted(lambda: Federation().begun())


def after_update() -> Federation:
    return accepted(lambda: Federation().begun().update("a"))


def long() -> Any:
    """A model whose key is too long for the code of a contract."""
    numbers = [0] * 190
    verifying = [0] * (14 + 2 * (3 + 2 * len(numbers)))
    return lambda: Federation(model=numbers, verifying=verifying)


REFUSALS = {
    "constructor": [
        ("no batches or no trainers", lambda: Federation(batches=0)),
        ("no batches or no trainers", lambda: Federation(trainers=0)),
        ("a device a hospital", lambda: Federation(devices=("p",))),
        ("no weights", lambda: Federation(model=(5,))),
        ("key of another step", lambda: Federation(model=(0, 0, 0, 5))),
        ("key of another step", lambda: Federation(verifying=keys_of(tuple(TINY.items()))[0].verifying[:-2])),
        ("hospital named twice", lambda: Federation(("a", "b", "a"))),
        ("no device", lambda: Federation(devices=("p", "0x" + 40 * "0", "r"))),
        ("key too long", long()),
    ],
    "sign": [
        ("not its registered device", lambda: Federation(devices=DEVICES).sign("a", "q")),
        ("not its registered device", lambda: Federation().sign("a", "a")),
        ("not its registered device", lambda: Federation(devices=DEVICES).sign(STRANGER, "p")),
    ],
    "enrol": [
        ("not a hospital", lambda: Federation().enrol(STRANGER)),
        ("already enrolled", lambda: accepted(lambda: Federation().enrol("a")).enrol("a")),
        ("already enrolled", lambda: begun().enrol("c")),
        ("a commitment a batch", lambda: Federation().send("a", "enrol", [1])),
        ("a commitment a batch", lambda: Federation().send("a", "enrol", [1, 2, 3])),
        ("not signed by its device", lambda: Federation(devices=DEVICES).enrol("a")),
        (
            "not signed by its device",
            lambda: accepted(lambda: Federation(devices=DEVICES).sign("a", "p")).send("a", "enrol", [1, 2]),
        ),
        ("not in the field", lambda: Federation().send("a", "enrol", [1, FIELD])),
    ],
    "update": [
        ("not its turn", lambda: begun().send(STRANGER, "update", START, NO_PROOF)),
        ("not its turn", lambda: begun().update("c")),
        ("not its turn", lambda: Federation().enrol("a").send("a", "update", START, NO_PROOF)),
        ("already updated", lambda: after_update().update("a")),
        ("a number a weight", lambda: begun().send("a", "update", START[:2], NO_PROOF)),
        ("a number a weight", lambda: begun().send("a", "update", (*START, 0), NO_PROOF)),
        ("proof does not hold", lambda: begun().send("a", "update", START, NO_PROOF)),
        ("proof does not hold", lambda: begun().send("a", "update", START, (1,) * 8)),
    ],
    "close": [
        ("nobody enrolled", lambda: Federation().wait(7).close()),
        ("others may still enrol", lambda: accepted(lambda: Federation().enrol("a", "b")).close()),
        ("others may still enrol", lambda: accepted(lambda: Federation().enrol("a").wait(5)).close()),
        ("updates may still come", lambda: begun().close()),
        ("updates may still come", lambda: after_update().wait(5).close()),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("VerifiableFL")
    refusals = REFUSALS


def test_two_rounds_of_proved_steps() -> None:
    it = Federation().begun()
    first = [it.step(name) for name in "ab"]
    it.update("a").update("b")
    assert it.call("running") == running_mean([model for model, _ in first])
    assert it.call("model") == START
    it.close()
    assert (it.call("round"), it.call("model")) == (2, running_mean([model for model, _ in first]))
    it.update("c").update("a").close()
    names = [name for receipt in it.ledger.receipts for name, _ in receipt.events]
    assert names == ["Enrolled"] * 3 + 2 * ["Updated", "Updated", "RoundClosed"]


def test_turns_go_round_and_so_do_batches() -> None:
    """Turn t is that of place t mod 3, on batch (t / 3) mod 2."""
    it, seen = Federation().begun(), []
    for _ in range(6):
        who, batches, bindings = it.call("due")
        assert bindings == tuple(it.call("bound", name) for name in who)
        seen += zip(who, batches, strict=True)
        it.wait(7).close()
    assert seen == [(name, number % 2) for number in range(4) for name in "abc"]


def test_each_round_and_sender_has_a_binding_of_its_own() -> None:
    it, seen = Federation().begun(), []
    for _ in range(3):
        seen += [it.call("bound", name) for name in "abc"]
        it.wait(7).close()
    assert len(set(seen)) == 9


def test_who_enrols_later_takes_part_from_the_next_round_on() -> None:
    it = Federation().enrol("b", "a").wait(7).close()
    it.enrol("c")
    assert it.call("due")[0] == ("b", "a")
    with pytest.raises(Reverted, match="not its turn"):
        it.update("c")
    it.update("b").update("a").close()
    assert "c" in it.call("due")[0]
    assert it.call("members") == 3


def test_who_is_silent_is_not_waited_for_longer_than_the_deadline() -> None:
    it = Federation().begun().update("b").wait(7)
    alone = it.call("running")
    assert it.close().call("model") == alone
    it.wait(7).close()
    assert it.call("model") == alone


def test_a_late_update_counts_until_the_round_is_closed() -> None:
    it = Federation().begun().update("a").wait(9).update("b")
    assert it.call("count") == 2


def test_a_batch_that_its_device_signed_enrols() -> None:
    it = Federation(devices=DEVICES)
    for name, device in zip("abc", DEVICES, strict=True):
        it.sign(name, device)
    assert it.begun().update("a").call("count") == 1


# ------------------------------------------------------------------- the running mean, under keys that bind nothing


def mean_of(values: list[list[int]]) -> tuple[int, ...]:
    it = anything(values[0], "abcdef"[: len(values)])
    for name, value in zip("abcdef", values, strict=False):
        it.send(name, "update", value, free_proof(2 + 2 * len(value)))
    found: tuple[int, ...] = it.call("running")
    return found


@pytest.mark.parametrize(("values", "means"), [([10, 13, 20], [10, 11, 14]), ([20, 13, 10], [20, 17, 15])])
def test_hand_vector(values: list[int], means: list[int]) -> None:
    for count in (1, 2, 3):
        assert mean_of([[value, -value] for value in values[:count]]) == (means[count - 1], -means[count - 1])


WORD = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(st.lists(WORD, min_size=3, max_size=3), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_the_mean_on_chain_is_that_of_the_formula_and_off_by_less_than_its_updates(values: list[list[int]]) -> None:
    found = mean_of(values)
    assert found == running_mean(values)
    for own, place in zip(found, range(3), strict=True):
        assert abs(own - sum(value[place] for value in values) / len(values)) <= len(values) - 1 + 1e-6


def test_one_update_replaces_the_model() -> None:
    assert mean_of([[7, -9]]) == (7, -9)


# ------------------------------------------------------------------------------------------------------------- gas


def gas_of_update(numbers: int) -> int:
    """The gas of a first update of so many numbers, all of one width, under the free keys."""
    it = anything([70_000] * numbers, "ab")
    gas: int = it.send("b", "update", [71_111] * numbers, free_proof(2 + 2 * numbers)).gas
    return gas


def test_gas_of_an_update_is_a_base_and_a_slope_a_public_number() -> None:
    """6,000 gas for a product of points, 150 for a sum, 200 for two calls; the rest is memory and storage."""
    numbers = np.array([2, 4, 8, 16, 32, 48])
    publics, gas = 2 + 2 * numbers, np.array([gas_of_update(int(count)) for count in numbers])
    slope, base = np.polyfit(publics, gas, 1)
    fitted = slope * publics + base
    assert 1 - ((gas - fitted) ** 2).sum() / ((gas - gas.mean()) ** 2).sum() > 0.999
    assert 6_350 < slope < 10_000
    assert 200_000 < base < 350_000


def test_gas_of_a_round_s_later_updates_does_not_depend_on_what_they_say() -> None:
    gas = []
    for values in ([5, 6, 7], [7_000, -1, 3]):
        it = anything([1, 2, 3], "ab")
        it.send("a", "update", [1, 2, 3], free_proof(8))
        gas.append(it.send("b", "update", values, free_proof(8)).gas)
    assert abs(gas[0] - gas[1]) < 1_000  # bytes of calldata that are zero cost less


# ---------------------------------------------------------------------------------------------------- the verifier


class Verifier(OnChain):
    """The contract as a verifier: its answer to a proof of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.federation = Federation().begun()
        self.model, self.proof = self.federation.step("a")

    def accepts(self, proof: Any) -> bool:
        try:
            self.federation.send("a", "update", self.model, proof)
        except Reverted as error:
            return error.reason != "proof does not hold"
        return True


MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583


@pytest.mark.parametrize("place", range(8))
def test_no_number_of_a_proof_can_be_another(place: int) -> None:
    """Moved by one, as the same number beyond the modulus, or as the opposite."""
    it = Verifier()
    own = it.proof[place]
    for other in (own + 1, own + MODULUS, MODULUS - own, 0, 2**256 - 1):
        assert not it.accepts([other if at == place else number for at, number in enumerate(it.proof)])
    assert it.accepts(it.proof)


def test_the_point_at_infinity_proves_nothing() -> None:
    it = Verifier()
    for start, end in ((0, 2), (2, 6), (6, 8)):
        assert not it.accepts([0 if start <= at < end else number for at, number in enumerate(it.proof)])


def test_the_contract_and_the_library_agree_on_a_proof_and_on_a_false_one() -> None:
    it = Verifier()
    verifying = keys_of(tuple(TINY.items()))[0].verifying
    commitment = it.federation.commitments("a")[0]
    publics = [it.federation.call("bound", "a"), commitment, *START, *it.model]
    assert groth16.verify(verifying, publics, it.proof)
    assert not groth16.verify(verifying, [publics[0] + 1, *publics[1:]], it.proof)


# -------------------------------------------------------------------------------------------------------- liveness


class Waiting(Liveness):
    """Whoever is silent for ever, each round ends after its deadline."""

    parties = ("a", "b", "c")
    examples: ClassVar[int] = 10
    steps: ClassVar[int] = 10
    windows: ClassVar[int] = 6
    acts: ClassVar[Any] = {
        "enrol": lambda it, sender, draw: it.send(
            sender, "enrol", it.commitments(sender) if sender in "abc" else [1, 2]
        ),
        "update": lambda it, sender, draw: it.send(
            sender, "update", draw(st.lists(WORD, min_size=3, max_size=3)), free_proof(8)
        ),
    }

    def make(self, draw: Any) -> Federation:
        return Federation(verifying=free_keys(8)[0].verifying, trainers=draw(st.integers(1, 4)))

    def resting(self) -> bool:
        return self.it.call("round") == 0 and not self.it.call("places")


TestWaiting = Waiting.TestCase


def test_truncation_is_that_of_the_contract() -> None:
    assert [truncated(value, 2) for value in (3, -3, -7)] == [1, -1, -3]
