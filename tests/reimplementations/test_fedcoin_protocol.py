"""FedCoin's strategy against identities, cheats and absences."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fedcoin_market import (
    ETHER,
    ONE,
    decided,
)
from papers import module, once, preparing

from chainward import tasks
from chainward.ledgers.evm import ENDOWMENT_WEI
from chainward.methods.aggregation import mean
from chainward.methods.shapley import exact
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, Kind, Memory, Query, Site, Update

prepared = preparing("fedcoin", hospitals=4, rounds=2, patients=60)
usual = once(prepared)


def fedcoin(**params: Any) -> Any:
    return discovery.build("fedcoin", params)


def outcomes(ready: Trial) -> Any:
    return ready.strategy.outcomes(states(ready)[-1], ready.world)


class Desk:
    """A solver's side of which a test knows what each model is right about: weight 0 of a model is its accuracy."""

    def __init__(self, accuracy: Callable[[Any], Any], seed: int = 0) -> None:
        self.rng, self.accuracy, self.asked, self.flops = np.random.default_rng(seed), accuracy, 0, 0.0
        self.train = self
        self.features, self.labels = np.zeros((1000, 1)), np.ones(1000)

    def work(self, flops: float) -> None:
        self.flops += flops

    def predict(self, models: Any, features: Any) -> Any:
        self.asked += len(models)
        right = np.array([self.accuracy(model) for model in models])
        return (np.arange(len(features)) < np.rint(right[:, None] * len(features))).astype(np.float64)


def of_two(model: Any) -> float:
    """acc(A) = .6, acc(B) = .5, acc(AB) = .8 for models A = (1, 0) and B = (0, 1)."""
    return {(1.0, 0.0): 0.6, (0.0, 1.0): 0.5, (0.5, 0.5): 0.8}[tuple(model.tolist())]


def test_values_of_the_hand_vector() -> None:
    models, weights = np.eye(2), np.zeros(2, np.float32)
    assert fedcoin().values(Desk(of_two), models, weights) == pytest.approx([0.45, 0.35])
    drawn = {tuple(fedcoin(permutations=1).values(Desk(of_two, seed), models, weights).round(9)) for seed in range(9)}
    assert drawn == {(0.6, 0.2), (0.3, 0.5)}


def by_distance(model: Any) -> float:
    """An accuracy that no two coalitions share."""
    return float(0.5 + 0.4 * np.tanh(model @ np.arange(1, len(model) + 1)) ** 2)


@pytest.mark.parametrize("permutations", [1, 7, 200, 10**6])
def test_values_sum_to_the_accuracy_of_all(permutations: int) -> None:
    models = np.random.default_rng(1).normal(size=(5, 3))
    whole = round(1000 * by_distance(models.mean(axis=0).astype(np.float32))) / 1000
    desk = Desk(by_distance)
    values = fedcoin(permutations=permutations).values(desk, models, np.zeros(3, np.float32))
    assert values.sum() == pytest.approx(whole, abs=1e-9)
    assert desk.asked <= min(2**5 - 1, 5 * permutations)


def test_as_many_permutations_as_there_are_orders_are_exact() -> None:
    models = np.random.default_rng(2).normal(size=(4, 3))

    def worth(coalition: tuple[int, ...]) -> float:
        if not coalition:
            return 0.0
        return round(1000 * by_distance(models[list(coalition)].mean(axis=0).astype(np.float32))) / 1000

    desk = Desk(by_distance)
    found = fedcoin(permutations=24).values(desk, models, np.zeros(3, np.float32))
    assert found == pytest.approx(exact(worth, 4), abs=1e-9)
    assert desk.asked == 15
    sample = fedcoin(permutations=23).values(Desk(by_distance), models, np.zeros(3, np.float32))
    assert np.abs(sample - found).max() > 1e-6


def rising(model: Any) -> float:
    """An accuracy that rises with the size of a coalition, each of whose models is 0 but for a coordinate of 1."""
    return float(1 - 0.5 ** np.count_nonzero(model))


@pytest.mark.parametrize(("trainers", "whole"), [(20, True), (21, False)])
def test_orders_are_cut_only_where_more_than_twenty_trained(trainers: int, whole: bool) -> None:
    desk, weights = Desk(rising), np.zeros(trainers, np.float32)
    fedcoin(permutations=1).values(desk, np.eye(trainers), weights)
    assert desk.asked == (trainers if whole else 11)  # ten are within 0.002 of all; and all


def test_cut_orders_give_what_whole_ones_give_within_the_truncation() -> None:
    weights = np.zeros(30, np.float32)
    cut, none, whole = (
        fedcoin(permutations=50, truncation=truncation).values(Desk(rising), np.eye(30), weights)
        for truncation in (0.002, 1e-12, 0.0)
    )
    assert none.tolist() == whole.tolist()
    assert np.abs(cut - whole).sum() < 0.004
    assert cut.tolist() != whole.tolist()


@pytest.mark.parametrize(("baseline", "share"), [("empty", 0.139), ("global", 0.0)])
def test_what_an_idle_hospital_earns(baseline: str, share: float) -> None:
    """Four clients, one returns the global model (accuracy .5); with anybody who trained it is .9.

    Who comes first gets the whole accuracy of its model, even of the one it was given: .5 / 4 of .9. Measured from the
    global model it gets nothing.
    """
    models, weights = np.eye(4), np.array([0, 0, 0, 1], np.float32)
    values = fedcoin(baseline=baseline).values(Desk(lambda model: 0.9 if model[:3].any() else 0.5), models, weights)
    positive = np.maximum(values, 0)
    assert positive[3] / positive.sum() == pytest.approx(share, abs=5e-4)


def test_the_model_is_the_mean_without_weights() -> None:
    for ours, plain in zip(usual()[1][1:], states(prepared(key="fedavg", params={"weighted": False}))[1:], strict=True):
        np.testing.assert_allclose(ours.weights, plain.weights, rtol=0, atol=1e-7)


def test_outcomes_are_what_was_paid_on_chain() -> None:
    ready = prepared(rounds=3)
    before = {name: ready.world.chain.balance(name) for name in (*ready.world.hospitals, "solver 1", "server 1")}
    *_, last = states(ready)
    gained = {name: ready.world.chain.balance(name) - wei for name, wei in before.items()}
    assert last.earned == {name: gained[name] for name in ready.world.hospitals}
    assert (gained["solver 1"], gained["server 1"]) == (3 * ETHER // 5, 3 * ETHER // 10)
    found = ready.strategy.outcomes(last, ready.world)
    whole = sum(last.earned.values())
    assert 3 * 0.7 * ETHER * 0.999 < whole <= 21 * ETHER // 10
    assert found["paid"] == {name: wei / whole for name, wei in last.earned.items()}
    assert sum(found["shapley"].values()) == pytest.approx(1)
    assert found["tasks"] == {"paid": 3, "unpaid": 0}


def test_exact_values_pay_by_themselves() -> None:
    """All solvers agree, so shares paid are the Shapley shares."""
    ready, (*_, last) = usual()
    found = ready.strategy.outcomes(last, ready.world)
    assert found["paid"] == pytest.approx(found["shapley"], abs=1e-9)


def test_sampled_values_pay_like_exact_ones() -> None:
    params = {"hospitals": 7, "patients": 60, "size_skew": 1.0, "label_skew": 1.0}
    shares = []
    for permutations in (2000, 5040):
        specification = Specification("fedcoin", "synthetic", 0, 3, {"permutations": permutations}, params)
        shares.append(outcomes(prepare(specification, tasks.load("synthetic", **params).dataset(0)))["paid"])
    sample, whole = (np.array(list(each.values())) for each in shares)
    assert sample.tolist() != whole.tolist()
    assert np.corrcoef(sample, whole)[0, 1] > 0.9


def test_the_winner_is_the_nearest_of_the_solvers_and_closes_the_task() -> None:
    ready = prepared(hospitals=6, rounds=1, strategy=fedcoin(permutations=20, distance=1.5))
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    vectors = {solver: contract.call("vectorOf", solver) for solver in last.solvers}
    assert len(set(vectors.values())) == 5
    winner = decided(vectors, 2 * ONE, by_median=True)
    assert contract.call("winner") == winner
    (closing,) = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "close"]
    assert closing.sender == winner


def test_distance_decides_whether_anybody_is_paid() -> None:
    """Five orders each are too far apart for D = 0.05; the readme's 1.5 accepts them, and the model is the same."""
    strict, lax = (prepared(hospitals=6, strategy=fedcoin(permutations=5, distance=d)) for d in (0.05, 1.5))
    (*_, refused), (*_, accepted) = states(strict), states(lax)
    assert strict.strategy.outcomes(refused, strict.world)["tasks"] == {"paid": 0, "unpaid": 2}
    assert set(strict.strategy.outcomes(refused, strict.world)["paid"].values()) == {0.0}
    assert lax.strategy.outcomes(accepted, lax.world)["tasks"] == {"paid": 2, "unpaid": 0}
    np.testing.assert_array_equal(refused.weights, accepted.weights)
    assert strict.world.chain.balance("requester 1") == ENDOWMENT_WEI - ETHER  # what came back pays the second task


def test_a_model_that_is_not_finite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == "hospital 2" else update, memory

    monkeypatch.setattr(module("fedcoin"), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared(rounds=1)
    *_, last = states(ready)
    assert np.isfinite(last.weights).all()
    assert last.earned["hospital 2"] == 0 < last.earned["hospital 1"]
    assert ready.world.meter.unreadable == {"hospital 2"}


def test_huge_models_do_no_harm_to_the_arithmetic() -> None:
    attack = {"kind": "scaled", "share": 0.5, "strength": 1e30}
    *_, last = states(prepared(rounds=1, attack=attack))
    assert last.tasks == 1


def test_whose_model_is_missing_is_not_paid() -> None:
    ready = prepared(faults={"absent": {"hospital 1": [1]}})
    _, first, second = states(ready)
    assert first.earned["hospital 1"] == 0 < second.earned["hospital 1"]


def test_a_round_nobody_comes_to_posts_no_task_and_gives_the_price_back() -> None:
    ready = prepared(rounds=1, faults={"absent": {f"hospital {number}": [1] for number in range(1, 5)}})
    before, after = states(ready)
    assert after == before
    assert [receipt.function for receipt in ready.world.ledger.receipts] == ["constructor", "announce", "close"]
    assert ready.world.at(after.contract).call("credit", "requester 1") == ETHER


@pytest.mark.parametrize("late", [1, 5])
def test_solvers_that_do_not_answer_are_done_without(late: int) -> None:
    """Beyond the patience they are left out; without any of them nobody is paid, and the model is merged."""
    faults = {"delay": {f"solver {number}": 10_000.0 for number in range(1, late + 1)}}
    ready = prepared(faults=faults)
    (*_, ours), (*_, prompt) = states(ready), usual()[1]
    np.testing.assert_array_equal(ours.weights, prompt.weights)
    assert ours.paid == (2 if late == 1 else 0)
    winners = {receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "close"}
    assert winners == ({"server 1", "solver 2"} if late == 1 else {"server 1"})


def test_answers_after_the_deadline_are_not_sent() -> None:
    """A phase shorter than the patience: nobody is paid, and nothing is refused."""
    delays = {f"solver {number}": 100.0 for number in range(1, 6)}
    ready = prepared(strategy=fedcoin(phase_blocks=5), faults={"delay": delays})
    *_, last = states(ready)
    assert (last.tasks, last.paid) == (2, 0)
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_reveals_after_the_deadline_are_not_sent() -> None:
    ready = prepared(rounds=1)
    ask = ready.world.ask

    def late(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        return ask(who, what, *arguments, **(others | {"within": 0.0} if what.name == "reveal" else others))

    ready.world.ask = late  # type: ignore[method-assign]
    *_, last = states(ready)
    assert (last.tasks, last.paid, sum(last.valued.values())) == (1, 0, 0)
    assert "reveal" not in {receipt.function for receipt in ready.world.ledger.receipts}


def test_a_solver_that_did_not_commit_is_not_asked_to_reveal() -> None:
    ready = prepared(rounds=1)
    ask, asked = ready.world.ask, []

    def silent(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        asked.append((what.name, len(who)))
        return ask(list(who)[1:] if what.name == "solve" else who, what, *arguments, **others)

    ready.world.ask = silent  # type: ignore[method-assign]
    *_, last = states(ready)
    assert asked[1:] == [("solve", 5), ("reveal", 4)]
    assert last.paid == 1


def test_negative_values_are_no_share() -> None:
    def values(*_: Any) -> Any:
        return np.array([0.6, -0.2, 0.3, 0.1])

    found = outcomes(prepared(strategy=varied("fedcoin", values=values)))
    assert list(found["shapley"].values()) == pytest.approx([0.6, 0, 0.3, 0.1], abs=1e-5)
    assert found["paid"] == pytest.approx(found["shapley"], abs=1e-9)


def test_a_solver_that_commits_and_does_not_reveal_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = prepared(rounds=1)
    ask = ready.world.ask

    def silent(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        return ask(who[1:] if what.name == "reveal" else who, what, *arguments, **others)

    ready.world.ask = silent  # type: ignore[method-assign]
    *_, last = states(ready)
    assert ready.world.at(last.contract).call("winner") == "solver 2"


def test_vectors_stay_hidden_until_everybody_has_committed() -> None:
    ready = prepared(rounds=1)
    *_, last = states(ready)
    order = [receipt.function for receipt in ready.world.ledger.receipts]
    assert order == ["constructor", "announce", "post", *["commit"] * 5, *["reveal"] * 5, "close"]
    blocks = [receipt.block for receipt in ready.world.ledger.receipts]
    assert blocks[0] < blocks[1] < blocks[2] < blocks[3] <= blocks[7] < blocks[8] <= blocks[12] < blocks[13]
    contract = ready.world.at(last.contract)
    assert len({contract.call("vectorOf", solver) for solver in last.solvers}) == 1  # equal, and yet:
    memories = [ready.world.engine.snapshot()["memories"][solver]["salt"] for solver in last.solvers]
    assert len(set(memories)) == 5


def test_everybody_can_read_models_and_solvers_hold_the_validation_patients() -> None:
    ready = prepared(rounds=1)
    validation = sum(len(hospital.validation) for hospital in ready.dataset.hospitals)
    ready.strategy.open(ready.world)
    assert ready.world.meter.raw_records == validation > 0
    ready = prepared(rounds=1)
    states(ready)
    assert ready.world.meter.audience() == "everyone"


@pytest.mark.parametrize("hospitals", [1, 2, 3])
def test_small_federations(hospitals: int) -> None:
    found = outcomes(prepared(hospitals=hospitals))
    assert len(found["paid"]) == hospitals
    assert sum(found["paid"].values()) == pytest.approx(1)
    assert found["tasks"] == {"paid": 2, "unpaid": 0}


def test_nothing_paid_is_a_share_of_nothing() -> None:
    state = module("fedcoin").State(np.zeros(1, np.float32), "", (), {"a": 0}, {"a": 0.0})
    assert fedcoin().outcomes(state, None) == {
        "paid": {"a": 0.0},
        "shapley": {"a": 0.0},
        "tasks": {"paid": 0, "unpaid": 0},
    }
    assert fedcoin().model(state) is state.weights


def test_terms_reach_the_contract() -> None:
    params = {"price_wei": 77, "train_percent": 60, "server_percent": 5, "phase_blocks": 9, "median": False}
    ready = prepared(rounds=0, strategy=fedcoin(distance=math.inf, **params))
    (opened,) = states(ready)
    contract = ready.world.at(opened.contract)
    names = ("price", "trainPercent", "serverPercent", "phaseBlocks", "median", "maxDistance", "requester", "server")
    assert [contract.call(name) for name in names] == [77, 60, 5, 9, False, 2**32 - 1, "requester 1", "server 1"]


def test_the_record_holds_solvers_and_orders() -> None:
    assert fedcoin().numbers(20) == {"solvers": 5, "orders": 200, "truncation": 0.0}
    assert fedcoin().numbers(21) == {"solvers": 5, "orders": 200, "truncation": 0.002}
    assert fedcoin().numbers(4) == {"solvers": 5, "orders": 24, "truncation": 0.0}


def test_the_published_track_is_the_readmes() -> None:
    strategy = fedcoin(**discovery.load("fedcoin").card.published["params"])
    assert (strategy.solvers, strategy.distance, strategy.truncation) == (2, 1.5, 0.0)
    assert (strategy.train_percent, strategy.server_percent, strategy.baseline) == (70, 10, "empty")
    assert not strategy.median


def test_the_model_is_the_mean_of_what_was_published() -> None:
    ready = prepared(rounds=1)
    *_, last = states(ready)
    (posted_task,) = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "post"]
    ((_, event),) = posted_task.events
    models = [ready.world.read({"": cid}, Update)[""].weights for cid in event["contentIds"]]
    np.testing.assert_array_equal(last.weights, mean(models))
