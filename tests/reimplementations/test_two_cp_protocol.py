"""2CP's strategy against identities, cheats and absences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from papers import module, preparing

from chainward.methods.aggregation import mean
from chainward.methods.content import content_id
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.testing.small import completed, run_small
from chainward.trials.prepare import Trial
from chainward.world import FIT, Kind, Memory, Query, Site, Update

ONE = 10**18


prepared = preparing("two_cp", hospitals=4, rounds=2, patients=60)


def two_cp(**params: Any) -> Any:
    return discovery.build("two_cp", params)


CONSORTIUM = {"setting": "consortium"}
BOTH = pytest.mark.parametrize("params", [{}, CONSORTIUM], ids=["crowdsource", "consortium"])


class Desk:
    """An evaluator's side with one patient, of whom model (x,) predicts x; the truth is 1."""

    def __init__(self) -> None:
        self.rng, self.train = np.random.default_rng(0), self
        self.features, self.labels = np.zeros((1, 1)), np.ones(1)

    def predict(self, models: Any, _: Any) -> Any:
        return np.asarray(models, dtype=np.float64)

    def work(self, _: float) -> None:
        pass

    def scores(self, scores: Any, *_: int) -> Any:
        return scores


GLOBAL = np.array([0.5], np.float32)
MODELS = np.array([[0.75], [1.0], [0.25], [0.5]], np.float32)


def test_step_scores_by_hand() -> None:
    """L is (1 - x)^2: 0.25 before; 0.0625, 0, 0.5625 and 0.25 after."""
    assert two_cp().values(Desk(), GLOBAL, MODELS) == pytest.approx([0.1875, 0.25, -0.3125, 0.0])


@pytest.mark.parametrize(("players", "limit"), [(1, 8), (2, 8), (4, 8), (4, 2)])
def test_shapley_values_sum_to_what_all_take_off(players: int, limit: int) -> None:
    """v(all) - v(empty), with v(empty) = 0, sampled or exact."""
    values = two_cp(method="shapley", exact_players=limit, orders=3).values(Desk(), GLOBAL, MODELS[:players])
    assert values.sum() == pytest.approx(0.25 - (1 - MODELS[:players].mean()) ** 2)


def test_shapley_of_two_by_hand() -> None:
    """v(0) = .1875, v(1) = .25, v(01) = .25 - .125^2."""
    both = 0.25 - 0.125**2
    expected = [(0.1875 + both - 0.25) / 2, (0.25 + both - 0.1875) / 2]
    assert two_cp(method="shapley").values(Desk(), GLOBAL, MODELS[:2]) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["step", "shapley"])
def test_a_prediction_that_is_not_a_number_is_wrong_and_leaves_others_their_values(method: str) -> None:
    class Overflowing(Desk):
        def predict(self, models: Any, _: Any) -> Any:
            return np.where(models > 9, np.nan, models)

    lost, good = two_cp(method=method).values(Overflowing(), GLOBAL, np.array([[1e9], [1.0]], np.float32))
    assert lost < 0 < good


@pytest.mark.parametrize("method", ["step", "shapley"])
def test_equal_models_have_equal_values(method: str) -> None:
    values = two_cp(method=method).values(Desk(), GLOBAL, np.full((4, 1), 0.75, np.float32))
    assert np.ptp(values) == pytest.approx(0, abs=1e-12)
    assert values.min() > 0


@dataclass
class Reading(Desk):
    """A desk that can read these updates, by content id."""

    readable: Mapping[str, float]

    def __post_init__(self) -> None:
        super().__init__()

    def read(self, cids: Mapping[str, str], _: Any) -> Any:
        found = {name: self.readable[cid] for name, cid in cids.items() if cid in self.readable}
        return {name: Update(np.array([weight], np.float32), 1, 0.0) for name, weight in found.items()}


TRAINERS = {"a": "one", "b": "two", "c": "three"}


def test_negative_and_unreadable_updates_get_no_tokens() -> None:
    """Of 1/4: 0.75 leaves 1/16, and 0.25 is worse than before."""
    desk = Reading({"one": 0.25, "three": 0.75})
    assert two_cp().score(desk, {}, (GLOBAL, TRAINERS))[0] == (0, 0, 3 * ONE // 16)
    assert two_cp().score(Reading({}), {}, (GLOBAL, TRAINERS))[0] == (0, 0, 0)


def test_a_budget_is_divided_by_what_the_updates_took_off() -> None:
    """1/4 and 3/16 of a budget of 0.7 are 0.4 and 0.3; where nothing was taken off, nobody gets any."""
    desk = Reading({"one": 1.0, "two": 0.25, "three": 0.75})
    assert two_cp(budget=0.7).score(desk, {}, (GLOBAL, TRAINERS))[0] == (4 * ONE // 10, 0, 3 * ONE // 10)
    assert two_cp(budget=0.7).score(Reading({"two": 0.25}), {}, (GLOBAL, TRAINERS))[0] == (0, 0, 0)


@pytest.mark.parametrize("params", [{"setting": "consortium", "budget": 0.5}, {"budget": 0.5}], ids=["runs", "one"])
def test_every_evaluator_hands_out_the_same(params: dict[str, Any]) -> None:
    """Two rounds of half a token in each run that is scored, but for what flooring leaves."""
    *_, last = states(prepared(params=params))
    scored = 4 if "setting" in params else 1
    assert 0 <= 2 * scored * ONE // 2 - sum(last.tokens.values()) < 100


def test_the_model_is_the_mean_without_weights() -> None:
    plain = states(prepared(key="fedavg", params={"weighted": False}))
    for params in ({}, {"method": "shapley"}):
        for ours, theirs in zip(states(prepared(params=params))[1:], plain[1:], strict=True):
            np.testing.assert_allclose(ours.weights[0], theirs.weights, rtol=0, atol=1e-7)


@BOTH
def test_as_many_passes_as_the_steps_make_are_the_steps(params: dict[str, Any]) -> None:
    """Ten steps of 32 patients: five passes of who has two batches of them, and no pass more."""
    ready = prepared(params=params)
    assert {-(-len(hospital.train) // 32) for hospital in ready.dataset.hospitals} == {2}
    steps, five, six = (states(prepared(params={**params, "local_passes": n}))[-1] for n in (0, 5, 6))
    for ours, theirs in zip(five.weights, steps.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert five.tokens == steps.tokens != six.tokens


def test_the_published_track_is_the_codes() -> None:
    published = discovery.load("two_cp").card.published
    assert published == {"params": {"local_passes": 16}, "training": {"learning_rate": 0.01, "batch_size": 8}}


@BOTH
def test_shares_are_those_of_the_tokens_on_chain(params: dict[str, str]) -> None:
    ready = prepared(params=params)
    *_, last = states(ready)
    tokens = {name: ready.world.at(last.contract).call("countTokens", name) for name in ready.world.hospitals}
    found = ready.strategy.outcomes(last, ready.world)
    assert last.tokens == tokens
    assert found["share"] == {name: value / sum(tokens.values()) for name, value in tokens.items()}
    assert found["tokens"] == {name: value / ONE for name, value in tokens.items()}
    assert min(tokens.values()) > 0
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_a_consortium_is_scored_by_one_another_alone() -> None:
    """Each hospital scores its own run, none the main one, and a run is trained by all but who scores it."""
    ready = prepared(3, 1, params=CONSORTIUM)
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    everybody = set(ready.world.hospitals)
    for run, evaluator in enumerate(last.evaluators):
        assert set(contract.call("updates", run, 1)[0]) == everybody - {evaluator}
    set_by = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "setTokens"]
    assert {(e["run"], receipt.sender) for receipt in set_by for _, e in receipt.events} == {
        (run, f"hospital {run}") for run in (1, 2, 3)
    }
    assert len({weights.tobytes() for weights in last.weights}) == 4
    assert ready.world.meter.raw_records == 0


def test_what_one_evaluator_gives_moves_the_others_shares_and_not_its_own_tokens() -> None:
    kind = discovery.load("two_cp")

    def score(self: Any, site: Site, memory: Memory, task: Any) -> Any:
        tokens, memory = kind.score(self, site, memory, task)  # type: ignore[attr-defined]
        return (tuple(0 for _ in tokens) if site.name == "hospital 1" else tokens), memory

    *_, honest = states(prepared(rounds=1, params=CONSORTIUM))
    *_, stingy = states(prepared(rounds=1, strategy=varied("two_cp", CONSORTIUM, score=score)))
    assert stingy.tokens["hospital 1"] == honest.tokens["hospital 1"] > 0
    assert all(stingy.tokens[name] < honest.tokens[name] for name in honest.tokens if name != "hospital 1")


@pytest.mark.parametrize(("params", "share"), [({}, 1.0), (CONSORTIUM, 0.0)])
def test_one_hospital(params: dict[str, str], share: float) -> None:
    ready = prepared(1, params=params)
    assert ready.strategy.outcomes(states(ready)[-1], ready.world)["share"] == {"hospital 1": share}


@BOTH
def test_a_free_rider_earns_nothing(params: dict[str, str]) -> None:
    ready = prepared(params=params, attack={"kind": "free_rider", "share": 0.25})
    *_, last = states(ready)
    (idle,) = ready.attackers
    assert last.tokens[idle] < 1e-6 * sum(last.tokens.values())


def test_two_that_publish_the_same_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        copied = Update(np.zeros_like(update.weights), 1, 0.0)
        return (copied if site.name in ("hospital 1", "hospital 3") else update), memory

    monkeypatch.setattr(module("two_cp"), "FIT", FIT.then(Query("same", Kind.UPDATE, same)))
    ready = prepared()
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    assert contract.call("updates", 0, 1)[0] == ("hospital 1", "hospital 2", "hospital 4")
    assert contract.call("updates", 0, 2)[0] == ("hospital 2", "hospital 4")
    assert last.tokens["hospital 3"] == 0


@BOTH
def test_content_ids_stay_hidden_until_everybody_has_committed(params: dict[str, str]) -> None:
    ready = prepared(3, 1, params=params)
    states(ready)
    blocks = {
        name: [r.block for r in ready.world.ledger.receipts if r.function == name] for name in ("commit", "reveal")
    }
    assert max(blocks["commit"]) < min(blocks["reveal"])
    salts = [salt for name in ready.world.hospitals for salt, _ in _memory(ready, name)["secrets"]]
    assert len(set(salts)) == len(salts)


def _memory(ready: Trial, name: str) -> Any:
    return ready.world.engine.snapshot()["memories"][name]


def test_a_model_that_is_not_finite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == "hospital 2" else update, memory

    monkeypatch.setattr(module("two_cp"), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared()
    *_, last = states(ready)
    assert np.isfinite(last.weights[0]).all()
    assert last.tokens["hospital 2"] == 0 < last.tokens["hospital 1"]


def test_a_round_nobody_comes_to_keeps_the_earlier_model() -> None:
    ready = prepared(3, faults={"absent": {f"hospital {number}": [2] for number in (1, 2, 3)}})
    _, first, second = states(ready)
    assert second == first


@BOTH
def test_who_is_away_is_passed_over(params: dict[str, str]) -> None:
    """Its update is missing, and in a consortium the tokens it would have set."""
    ready = prepared(3, params=params, faults={"absent": {"hospital 2": [1]}})
    _, first, second = states(ready)
    contract = ready.world.at(second.contract)
    assert contract.call("updates", 0, 1)[0] == ("hospital 1", "hospital 3")
    assert contract.call("updates", 0, 2)[0] == ready.world.hospitals
    assert first.tokens["hospital 2"] == 0 < first.tokens["hospital 3"]
    scored = [r.sender for r in ready.world.ledger.receipts if r.function == "setTokens"]
    assert len(scored) == (2 + 3 if params else 2)
    assert set(contract.call("rounds")) == {3}


@BOTH
def test_reveals_after_the_deadline_are_not_sent(params: dict[str, str]) -> None:
    """Everybody takes 100 s to answer, and a phase lasts 25."""
    delays = {f"hospital {number}": 100.0 for number in (1, 2, 3)}
    ready = prepared(3, 1, params={**params, "phase_blocks": 5}, faults={"delay": delays})
    first, last = states(ready)
    assert "reveal" not in {receipt.function for receipt in ready.world.ledger.receipts}
    assert set(last.tokens.values()) == {0}
    np.testing.assert_array_equal(last.weights[0], first.weights[0])
    assert set(ready.world.at(last.contract).call("rounds")) == {2}


def test_the_updates_are_those_in_the_contract() -> None:
    ready = prepared(3, 1)
    *_, last = states(ready)
    _, digests = ready.world.at(last.contract).call("updates", 0, 1)
    models = [ready.world.read({"": content_id(digest)}, Update)[""].weights for digest in digests]
    np.testing.assert_array_equal(last.weights[0], mean(models))


def test_set_up_gas_of_a_consortium_is_a_line() -> None:
    gas = []
    for hospitals in (2, 3, 4, 5):
        ready = prepared(hospitals, 0, params=CONSORTIUM)
        states(ready)
        gas.append(sum(receipt.gas for receipt in ready.world.ledger.receipts))
    steps = np.diff(gas)
    assert np.ptp(steps) < 1e-3 * steps.mean()
    assert steps.mean() > 500_000


@pytest.mark.parametrize("absent", [{}, {"hospital 1": []}, {"hospital 6": [2]}])
def test_a_consortium_is_a_trial_like_others(absent: dict[str, list[int]]) -> None:
    record = completed(run_small("two_cp", params=CONSORTIUM, faults={"absent": absent}))
    assert record.facts.sees_individual_updates == "everyone"
    assert record.facts.raw_records_shared == 0
    assert sum(record.outcomes["share"].values()) == pytest.approx(1)


def test_the_record_holds_runs_and_orders() -> None:
    assert two_cp().numbers(20) == {"runs": 1, "trainers": 20, "orders": 0}
    assert two_cp(setting="consortium", method="shapley").numbers(6) == {"runs": 7, "trainers": 5, "orders": 0}
    assert two_cp(method="shapley").numbers(20)["orders"] == 200


def test_nothing_earned_is_a_share_of_nothing() -> None:
    state = module("two_cp").State((GLOBAL,), "", ("",), {"a": 0})
    assert two_cp().outcomes(state, None) == {"share": {"a": 0.0}, "tokens": {"a": 0.0}}
    assert two_cp().model(state) is GLOBAL
