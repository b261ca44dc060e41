"""DeepChain's rounds: the exact sum, whoever opens it, what everybody sees, and who pays whom."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from papers import once, preparing

from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods.guarded_packing import Slots
from chainward.strategy import Audience, discovery
from chainward.testing import completed, prepared, run_small, states, varied
from chainward.trials.prepare import Trial
from chainward.world import HospitalAbsent

ETHER, FEE = 10**18, 10**15
HOSPITALS = tuple(f"hospital {number}" for number in (1, 2, 3, 4))
DeepChain: Any = discovery.load("deepchain")
ready = preparing("deepchain", hospitals=4, rounds=2, patients=40)
usual = once(ready)


@cache
def noted() -> tuple[list[Any], list[dict[str, Any]]]:
    """The states of a trial, and in each round the difference that every hospital's training made: [P] float64."""
    differences: list[dict[str, Any]] = [{}]

    def encrypt(self: Any, site: Any, memory: Any, update: Any) -> Any:
        if site.name in differences[-1]:
            differences.append({})
        differences[-1][site.name] = update.weights.astype(np.float64) - memory["model"]
        return DeepChain.encrypt(self, site, memory, update)

    return states(ready(strategy=varied("deepchain", {"key_bits": 256}, encrypt=encrypt))), differences


def test_the_sum_is_exactly_that_of_the_fixed_point_updates() -> None:
    """W + sum_k fixed(delta_k) / (N 2^f), to the last bit."""
    (first, *later), differences = noted()
    slots, weights = Slots(20, 24, 4, 255), first.weights
    assert len(later) == len(differences) == 2
    for state, own in zip(later, differences, strict=True):
        total = sum(slots.fixed(delta) for delta in own.values())
        weights = (weights + total / (2**20 * 4)).astype(np.float32)
        assert np.array_equal(state.weights, weights)


def test_it_is_the_unweighted_mean_but_for_rounding() -> None:
    (first, second, _), (own, _) = noted()
    mean = first.weights + np.mean(list(own.values()), axis=0)
    assert np.abs(second.weights - mean).max() <= 2.0**-20
    assert np.abs(second.weights - first.weights).max() > 1e-3


def test_one_hospital_learns_as_if_alone() -> None:
    alone, plain = (prepared(key, rounds=2, task_params={"hospitals": 1}) for key in ("deepchain", "fedavg"))
    assert states(alone)[-1].weights == pytest.approx(states(plain)[-1].weights, abs=1e-4)


def test_whoever_opens_the_sum_it_is_the_same() -> None:
    """With hospital 1 withholding, hospitals 2 to 4 open what 1 to 3 open else."""
    withheld = states(ready(rounds=1, strategy=cheating("decrypt", "hospital 1", nothing)))[-1]
    assert np.array_equal(withheld.weights, usual()[1][1].weights)
    assert withheld.opened == 1


def cheating(method: str, name: str, instead: Any) -> Any:
    """The strategy in which a hospital replies something else."""

    def cheats(self: Any, site: Any, memory: Any, task: Any) -> Any:
        reply, memory = getattr(DeepChain, method)(self, site, memory, task)
        return (instead(reply) if site.name == name else reply), memory

    return varied("deepchain", {"key_bits": 256}, **{method: cheats})


def nothing(_: bytes) -> bytes:
    return b""


def test_nobody_sees_an_update_and_everybody_the_ciphertexts() -> None:
    record = completed(run_small("deepchain"))
    assert record.facts.sees_individual_updates is Audience.NOBODY
    kinds = {(row.kind, row.audience) for entry in record.rounds for row in entry.disclosures}
    assert ("secret share", "everyone") in kinds
    assert not any("update" in kind for kind, _ in kinds)


def test_everybody_sees_what_opens_the_sum() -> None:
    """Uploads in the store, and parts in transactions: two items a hospital and round."""
    record = completed(run_small("deepchain"))
    rows = [(row.kind, row.audience, row.count) for row in next(iter(record.rounds)).disclosures]
    assert ("secret share", "everyone", 2 * len(record.hospitals)) in rows


def test_uploads_are_ciphertexts_and_no_two_are_alike() -> None:
    """Equal updates are encrypted under other randomness."""
    trial, _ = usual()
    uploads = [
        event["digest"] for one in trial.world.ledger.receipts for name, event in one.events if name == "Uploaded"
    ]
    assert len(set(uploads)) == len(uploads) == 8


def test_equal_seeds_send_equal_transactions() -> None:
    one, same = usual()[0].world.ledger.receipts, completing(ready()).world.ledger.receipts
    assert [receipt.gas for receipt in one] == [receipt.gas for receipt in same]
    assert [receipt.events for receipt in one] == [receipt.events for receipt in same]


def completing(trial: Trial) -> Trial:
    states(trial)
    return trial


def test_without_misbehaviour_everybody_has_a_deposit_and_paid_the_fees() -> None:
    trial, (*_, last) = usual()
    balances = {name: trial.world.chain.balance(name) for name in (*HOSPITALS, *last.workers)}
    assert [ENDOWMENT_WEI - balances[name] for name in HOSPITALS] == [ETHER + 2 * FEE] * 4
    assert [balances[name] - ENDOWMENT_WEI for name in last.workers] == [8 * FEE, 0, 0]
    assert set(last.forfeited.values()) == {0}


def test_who_is_absent_loses_its_deposit_to_the_others_and_comes_back_with_another() -> None:
    trial = ready(rounds=3, faults={"absent": {"hospital 2": [2]}})
    *_, second, last = states(trial)
    assert (second.opened, second.lost, last.opened) == (2, 0, 3)
    assert last.forfeited == {name: int(name == "hospital 2") for name in HOSPITALS}
    gained = {name: trial.world.chain.balance(name) - ENDOWMENT_WEI + ETHER for name in HOSPITALS}
    others = [gained[name] + 3 * FEE for name in HOSPITALS if name != "hospital 2"]
    assert sum(others) == ETHER
    assert max(others) - min(others) <= 1
    assert gained["hospital 2"] == -ETHER - 2 * FEE


def test_an_absent_hospital_is_not_in_the_sum() -> None:
    trial = ready(rounds=1, faults={"absent": {"hospital 2": [1]}})
    assert not np.array_equal(states(trial)[-1].weights, usual()[1][1].weights)


@pytest.mark.parametrize("absent", [("hospital 1", "hospital 2"), HOSPITALS])
def test_below_the_threshold_the_model_stays_and_the_trial_goes_on(absent: tuple[str, ...]) -> None:
    faults = {"absent": {name: [1] for name in absent}}
    first, second, last = states(ready(faults=faults))
    assert np.array_equal(first.weights, second.weights)
    assert (second.opened, second.lost) == (0, 1)
    assert (last.opened, last.lost) == (1, 1)
    assert not np.array_equal(last.weights, second.weights)


def test_rounds_in_which_nobody_comes_end_no_trial() -> None:
    absent = {name: [1, 2, 3, 4] for name in HOSPITALS}
    *_, last = states(ready(rounds=5, faults={"absent": absent}))
    assert (last.opened, last.lost) == (1, 4)


def test_too_few_for_a_key_are_refused_by_name() -> None:
    with pytest.raises(HospitalAbsent, match="hospital 1, hospital 2"):
        states(ready(faults={"absent": {"hospital 1": [0], "hospital 2": [0]}}))


def test_who_was_not_there_for_its_share_never_joins() -> None:
    *_, last = states(ready(faults={"absent": {"hospital 4": [0]}}))
    assert last.holders == HOSPITALS[:3]
    assert (last.opened, last.forfeited["hospital 4"]) == (2, 0)


def test_a_share_that_does_not_fit_the_key_is_not_accepted() -> None:
    def deal(self: Any, site: Any, memory: Any, parties: int) -> Any:
        written, kept = DeepChain.deal(self, site, memory, parties)
        first, *others = kept["shares"]
        return written, {"shares": (bytes(len(first)), *others)}

    *_, last = states(ready(strategy=varied("deepchain", {"key_bits": 256}, deal=deal)))
    assert last.holders == HOSPITALS[1:]
    assert last.opened == 2


def test_each_round_takes_the_key_of_its_size_in_time() -> None:
    """Powers modulo numbers twice as long take eight times as long, of half as many ciphertexts."""
    small, large = (completed(run_small("deepchain", params={"key_bits": bits})) for bits in (256, 512))
    compute = [next(iter(record.rounds)).latency_s.compute for record in (small, large)]
    assert 2.5 < compute[1] / compute[0] < 5


def test_a_threshold_of_ones_own() -> None:
    strategy = varied("deepchain", {"key_bits": 256, "threshold": 4})
    *_, last = states(ready(strategy=strategy, faults={"absent": {"hospital 2": [2]}}))
    assert (last.opened, last.lost) == (1, 1)


def test_numbers_and_outcomes_tell_what_was_used_and_what_came_of_it() -> None:
    strategy = DeepChain(key_bits=2048)
    assert strategy.numbers(20) == {
        "threshold": 11,
        "workers": 3,
        "key_bits": 2048,
        "numbers_a_ciphertext": 2047 // 29,
    }
    trial, (*_, last) = usual()
    told = trial.strategy.outcomes(last, trial.world)
    assert told["rounds"] == {"opened": 2, "lost": 0}
    assert set(told["paid"]) == set(told["forfeited"]) == set(HOSPITALS)


def test_the_default_key_is_of_a_size_held_secure() -> None:
    assert DeepChain().key_bits == 2048
    assert DeepChain.quick == {"key_bits": 256}
