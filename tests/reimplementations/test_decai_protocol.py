"""What DeCAI's hospitals do: everybody on the chain once, the model read from it, deposits by what it says."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from decai_chain import MOST, row
from decai_trials import KEY, calls, events, on_chain, patients_of, prepared, same, usual
from papers import module

from chainward.methods.online_learning import NearestCentroid, Perceptron, binarised
from chainward.strategy import discovery
from chainward.testing import completed, run_small, states
from chainward.testing import prepared as small_trial
from chainward.trials.predict import probabilities

CLASSIFIERS = ["perceptron", "nearest_centroid"]
WAIT = 12


def untaught(classifier: str, size: int) -> Any:
    if classifier == "perceptron":
        return Perceptron(np.zeros(size, np.int64))
    return NearestCentroid(np.zeros(2, np.int64), np.zeros((size, 2), np.int64))


# --- the model -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_the_model_after_each_round_equals_one_off_chain_in_the_same_order(classifier: str) -> None:
    ready, found = usual(classifier)
    width = found[0].data["features"].shape[1]
    learner, added = untaught(classifier, 4 * width), events(ready, "Added")
    assert same(found[0].model, learner)
    start = 0
    for state in found[1:]:
        for one in added[start : state.added[-1]]:
            learner = learner.learned(row(one["features"], width), one["label"])
        start = state.added[-1]
        assert same(state.model, learner)
    assert start == len(added)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_it_predicts_what_the_contract_predicts(classifier: str) -> None:
    ready, found = usual(classifier)
    chain = ready.world.at(found[-1].contract)
    tests = {one.name: one.test for one in ready.dataset.hospitals}
    for name, probability in probabilities(ready, found[-1].model, tests).items():
        on = binarised(tests[name].features, 4)
        for features, one in zip(on[:8], probability[:8], strict=True):
            assert chain.call("predict", tuple(features.tolist())) == (one > 0.5)


def test_the_model_is_read_from_contract_storage() -> None:
    """Who taught the contract meanwhile is in it, whoever that is."""
    ready = prepared()
    state = ready.strategy.open(ready.world)
    chain = ready.world.at(state.contract)
    chain.send("addData", (0, 7), 1, sender="somebody", value=MOST)
    ready.world.begin(1)
    learned = ready.strategy.round(state, ready.world)
    assert learned.model["weights"].tolist() == list(chain.call("weights"))
    learner, width = Perceptron(np.zeros(40, np.int64)), state.data["features"].shape[1]
    for one in events(ready, "Added"):
        learner = learner.learned(row(one["features"], width), one["label"])
    assert same(learned.model, learner)


def test_the_classifiers_are_numbered_as_in_the_contract() -> None:
    for number, classifier in enumerate(CLASSIFIERS):
        ready, found = usual(classifier)
        assert ready.world.at(found[0].contract).call("classifier") == number
    assert list(module(KEY).CLASSIFIERS) == CLASSIFIERS


def test_bins_are_a_parameter() -> None:
    ready = prepared(params={"bins": 2}, rounds=1)
    first, last = states(ready)
    width = first.data["features"].shape[1]
    assert ready.world.at(last.contract).call("size") == 2 * width == len(last.model["weights"])
    assert max(index for one in events(ready, "Added") for index in one["features"]) < 2 * width


def test_bin_edges_are_nobodys_patients() -> None:
    """What stands on the chain of a patient follows from that patient's features alone."""
    ready, _ = usual()
    for hospital in ready.dataset.hospitals:
        alone: Counter[Any] = Counter()
        for features, label in zip(hospital.train.features, hospital.train.labels, strict=True):
            alone[tuple(binarised(features[None], 4)[0].tolist()), int(label)] += 1
        assert on_chain(ready, hospital.name) == alone


# --- every patient is a transaction --------------------------------------------------------------


def test_every_training_patient_is_added_once_in_a_transaction_of_its_hospital() -> None:
    ready, found = usual()
    for hospital in ready.world.hospitals:
        assert on_chain(ready, hospital) == patients_of(ready, hospital)
        assert calls(ready, "addData")[hospital] == ready.world.sizes[hospital]
    assert found[-1].added[-1] == sum(ready.world.sizes.values())


def test_patients_come_in_instalments_of_equal_size() -> None:
    ready, found = usual()
    parts = [-(-size // 3) for size in ready.world.sizes.values()]
    assert found[-1].added[1] == sum(parts)
    assert found[-1].added[3] == found[-1].added[-1] == sum(ready.world.sizes.values())
    assert [state.added for state in found] == [found[-1].added[:number] for number in range(1, len(found) + 1)]


def test_a_hospital_draws_the_order_of_its_patients() -> None:
    def order(seed: int) -> list[Any]:
        ready = prepared(seed=seed)
        states(ready)
        return [one["features"] for one in events(ready, "Added") if one["submitter"] == "hospital 1"]

    ready, _ = usual()
    on = binarised(ready.dataset.hospitals[0].train.features, 4)
    assert order(0) == order(0) != [tuple(features.tolist()) for features in on]


def test_hospitals_take_turns_and_who_is_first_is_drawn() -> None:
    ready, found = usual()
    turns = [one["submitter"] for one in events(ready, "Added")][: found[-1].added[1]]
    names = set(ready.world.hospitals)
    assert set(turns[:4]) == set(turns[4:8]) == names
    rounds = found[-1].added[:3]
    assert len({events(ready, "Added")[start]["submitter"] for start in rounds}) > 1


def test_who_was_away_in_a_round_makes_up_for_it() -> None:
    ready = prepared(faults={"absent": {"hospital 2": [2]}})
    found = states(ready)
    assert on_chain(ready, "hospital 2") == patients_of(ready, "hospital 2")
    assert len(found[-1].added) > 4


def test_every_record_is_shown_to_everyone() -> None:
    settings: dict[str, Any] = {"rounds": 40, "params": {"instalments": 3}}
    record, ready = completed(run_small(KEY, **settings)), small_trial(KEY, **settings)
    states(ready)
    sizes = [one.size for one in ready.world.ledger.receipts if one.function == "addData"]
    patients = sum(hospital.train for hospital in record.hospitals)
    shown = {(one.kind, one.audience): one for one in record.disclosures}
    everyone = shown["raw records", "everyone"]
    assert (everyone.count, everyone.bytes, record.facts.raw_records_shared) == (patients, sum(sizes), patients)
    assert not [kind for kind, _ in shown if "update" in kind]


# --- deposits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_escrow_in_is_escrow_out_and_claimed(classifier: str) -> None:
    ready, found = usual(classifier)
    for state in found:
        deposits, back = sum(state.deposited.values()), sum(state.refunded.values()) + sum(state.claimed.values())
        assert deposits == back + state.data["left"].sum()
    assert ready.strategy.finished(found[-1])
    assert not len(found[-1].data["ids"])
    chain = ready.world.at(found[-1].contract)
    parties = [*ready.world.hospitals, found[-1].owner]
    assert chain.call("escrow") == 0 == sum(chain.call("collectable", party) for party in parties)


def test_the_account_is_what_the_chain_says() -> None:
    ready, found = usual()
    last, began = found[-1], 10**24
    for party in (*ready.world.hospitals, last.owner):
        net = last.refunded[party] + last.claimed[party] - last.deposited[party]
        assert ready.world.chain.balance(party) == began + net
        assert last.valid[party] == ready.world.at(last.contract).call("valid", party)
    outcomes = ready.strategy.outcomes(last, ready.world)
    assert outcomes["net"]["hospital 1"] == pytest.approx(
        (last.refunded["hospital 1"] + last.claimed["hospital 1"] - last.deposited["hospital 1"]) / 1e18
    )
    assert outcomes["patients on chain"]["3"] == sum(ready.world.sizes.values())


def test_deposits_fall_with_the_time_since_the_last_patient() -> None:
    """The first of an instalment comes after a minute at least; who shares its block pays all."""
    ready, found = usual()
    added = events(ready, "Added")
    assert added[1]["block"] == added[2]["block"]
    assert added[1]["deposit"] == added[2]["deposit"] == MOST
    assert added[found[-1].added[1]]["deposit"] <= MOST // 7


def test_nothing_is_settled_before_the_wait_and_refunds_come_before_reports() -> None:
    ready, _ = usual()
    block = {one["id"]: one["block"] for one in events(ready, "Added")}
    for name in ("Refunded", "Reported"):
        assert events(ready, name)
        assert all(one["block"] > block[one["id"]] + WAIT for one in events(ready, name))
    functions = [one.function for one in ready.world.ledger.receipts]
    first = functions.index("report")
    assert functions[first - 1] in ("refund", "report")


def test_a_refund_is_the_submitters_and_what_the_classifier_says_then() -> None:
    ready, found = usual()
    submitter = {one["id"]: one["submitter"] for one in events(ready, "Added")}
    assert all(submitter[one["id"]] == one["submitter"] for one in events(ready, "Refunded"))
    first = found[1]
    learner, data = Perceptron(**first.model), first.data
    assert len(data["ids"])
    assert (learner.predicted(data["features"]) != data["labels"]).all()


def test_a_hospital_reports_the_oldest_first_and_none_twice() -> None:
    ready = prepared(params={"reports": 2})
    found = states(ready)
    reported = [one for one in events(ready, "Reported") if one["reporter"] != found[-1].owner]
    pairs = Counter((one["reporter"], one["id"]) for one in reported)
    assert set(pairs.values()) == {1}
    spent = calls(ready, "report")
    rounds = len(found) - 1
    assert all(spent[hospital] <= 2 * rounds for hospital in ready.world.hospitals)
    for hospital in ready.world.hospitals:
        ids = [one["id"] for one in reported if one["reporter"] == hospital]
        assert ids[:2] == sorted(ids[:2])


def test_without_reports_the_owner_has_what_is_not_refunded() -> None:
    ready = prepared(params={"reports": 0})
    *_, last = states(ready)
    assert {one["reporter"] for one in events(ready, "Reported")} == {last.owner}
    assert last.claimed[last.owner] == sum(last.deposited.values()) - sum(last.refunded.values()) > 0


def test_it_ends_once_all_is_settled_and_not_before() -> None:
    ready, found = usual()
    assert [ready.strategy.finished(state) for state in found] == [False] * (len(found) - 1) + [True]
    assert 3 < len(found[-1].added) < 40


def test_a_patient_costs_one_transaction_and_the_model_is_no_larger_for_it() -> None:
    """What a patient takes is in the table of functions; it does not grow with how many came before."""
    ready, _ = usual()
    gas = [one.gas for one in ready.world.ledger.receipts if one.function == "addData"]
    half = len(gas) // 2
    assert np.median(gas[half:]) <= np.median(gas[:half])


def test_its_hospitals_keep_no_model() -> None:
    ready, _ = usual()
    assert not ready.strategy.is_model(np.zeros(ready.world.network.parameters, np.float32), ready.world.network)
    assert discovery.load(KEY).card.own_learner


def test_a_hospital_asks_for_what_the_contract_will_grant() -> None:
    """Its own data that the classifier predicts, and of others' those that it contradicts: two, then the next two."""
    labels = np.array([1, 0, 1, 0, 0, 0, 0, 1], np.uint8)  # feature 0 is on in all: class 1
    data = {
        "ids": np.array([3, 4, 5, 6, 7, 8, 9, 10]),
        "submitters": np.array([0, 0, 1, 1, 2, 1, 2, 2]),
        "features": np.zeros((8, 1), np.int64),
        "labels": labels,
    }
    site: Any = SimpleNamespace(name="a", hospitals=("a", "b", "c"), work=lambda flops: None)
    strategy, known = discovery.build(KEY, {"reports": 2}), ({"weights": np.ones(4, np.int64)}, data)
    asked, memory = [], {}
    for _ in range(3):
        (refunds, reports), memory = strategy._choose(site, memory, known)
        assert refunds.tolist() == [3]
        asked.append(reports.tolist())
    assert asked == [[6, 7], [8, 9], []]
