"""BlockFLow's strategy against identities, cheats and absences."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from blockflow_experiment import (
    ETHER,
    Stage,
)
from papers import module, once, preparing, successive_blocks
from sklearn.metrics import f1_score

from chainward import codec
from chainward.methods.aggregation import mean, weighted_mean
from chainward.methods.contribution import ONE, fixed_contributions, fixed_point
from chainward.strategy import discovery
from chainward.testing import states, varied
from chainward.world import Memory, Site, Update

prepared = preparing("blockflow", hospitals=4, rounds=3, patients=60)
usual = once(prepared)


def blockflow(**params: Any) -> Any:
    return discovery.build("blockflow", params)


def even(_: Any, site: Site, models: Any) -> Any:
    return np.full(len(models), 0.5)


def test_equal_scores_are_fedavg_without_weights() -> None:
    ready = prepared(strategy=varied("blockflow", score=even))
    for ours, plain in zip(
        states(ready)[1:], states(prepared(key="fedavg", params={"weighted": False}))[1:], strict=True
    ):
        np.testing.assert_allclose(ours.weights, plain.weights, atol=1e-7)
        assert set(ours.contributions.values()) == {ONE}


def test_equal_scores_of_a_few_auditors_are_fedavg_without_weights_too() -> None:
    ready = prepared(hospitals=6, strategy=varied("blockflow", {"auditors": 3}, score=even))
    plain = states(prepared(hospitals=6, key="fedavg", params={"weighted": False}))
    for ours, theirs in zip(states(ready)[1:], plain[1:], strict=True):
        np.testing.assert_allclose(ours.weights, theirs.weights, atol=1e-7)
        assert set(ours.contributions.values()) == {ONE}


@pytest.mark.parametrize("auditors", [4, 20])
def test_as_many_auditors_as_hospitals_are_the_published_protocol(auditors: int) -> None:
    some, all_ = (prepared(strategy=blockflow(auditors=number)) for number in (auditors, 0))
    for ours, published in zip(states(some), states(all_), strict=True):
        assert ours.contributions == published.contributions
        np.testing.assert_array_equal(ours.weights, published.weights)
    receipts = zip(some.world.ledger.receipts[1:], all_.world.ledger.receipts[1:], strict=True)
    for one, other in receipts:  # but for the constructor, whose argument differs
        assert (one.function, one.sender, one.gas) == (other.function, other.sender, pytest.approx(other.gas, abs=20))
    assert some.world.meter.disclosures() == all_.world.meter.disclosures()


def test_few_auditors_score_few_models_and_all_are_merged() -> None:
    kept: dict[str, Any] = {}
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        kept[site.name] = len(models)
        return kind.score(self, site, models)  # type: ignore[attr-defined]

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        kept[f"model of {site.name}"] = update.weights
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    ready = prepared(6, rounds=1, strategy=varied("blockflow", {"auditors": 3}, score=score, encrypt=encrypt))
    *_, last = states(ready)
    names = ready.world.hospitals
    assert [kept[name] for name in names] == [3] * 6
    models, shares = [kept[f"model of {name}"] for name in names], [last.contributions[name] for name in names]
    np.testing.assert_array_equal(last.weights, weighted_mean(models, shares))


def test_few_auditors_bear_absence_and_models_of_no_numbers() -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name == "hospital 1":
            update = update._replace(weights=np.full_like(update.weights, np.nan))
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    ready = prepared(
        8, strategy=varied("blockflow", {"auditors": 5}, encrypt=encrypt), faults={"absent": {"hospital 3": [2]}}
    )
    _, first, *_, last = states(ready)
    assert set(first.contributions) == set(ready.world.hospitals) - {"hospital 1"}
    assert set(last.contributions) == set(ready.world.hospitals) - {"hospital 1", "hospital 3"}
    assert np.isfinite(last.weights).all()


def test_real_scores_are_not_fedavg() -> None:
    (*_, ours), (*_, plain) = usual()[1], states(prepared(key="fedavg", params={"weighted": False}))
    assert np.abs(ours.weights - plain.weights).max() > 1e-4


def test_one_hospital_is_local_training_and_gets_its_bond_back() -> None:
    ready = prepared(hospitals=1, strategy=blockflow(experiment_rounds=3))
    before = ready.world.chain.balance("hospital 1")
    (*_, ours), (*_, plain) = states(ready), states(prepared(hospitals=1, key="fedavg"))
    np.testing.assert_array_equal(ours.weights, plain.weights)
    assert ours.contributions == {"hospital 1": ONE}
    assert ready.world.chain.balance("hospital 1") == before


def test_merges_by_what_the_contract_computed_from_what_hospitals_scored() -> None:
    kept: dict[str, Any] = {}
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        kept[site.name] = (kind.score(self, site, models), np.array(models))  # type: ignore[attr-defined]
        return kept[site.name][0]

    ready = prepared(rounds=1, strategy=varied("blockflow", score=score))
    after_one, names = states(ready)[1], ready.world.hospitals
    turns = [(place, kept[name][0]) for place, name in enumerate(names)]  # each begins with its own model
    rows = [[fixed_point(own[(model - place) % len(names)]) for model in range(len(names))] for place, own in turns]
    shares = fixed_contributions(rows).shares
    assert after_one.contributions == dict(zip(names, shares, strict=True))
    models = kept["hospital 1"][1]
    np.testing.assert_array_equal(after_one.weights, weighted_mean(models, shares))
    assert not np.array_equal(after_one.weights, mean(models))


def test_scores_are_macro_f1_and_not_accuracy() -> None:
    """On patients of whom one in ten is ill, who calls all healthy is right nine times in ten, and of little use."""

    class Desk:
        class train:
            labels, features = np.repeat([0.0, 1.0], [9, 1]), np.zeros((10, 1))

        def predict(self, models: Any, features: Any) -> Any:
            return np.stack([np.zeros(10), np.repeat([0.0, 1.0], [8, 2])])

    scores = blockflow().score(Desk(), np.zeros((2, 3)))
    np.testing.assert_allclose(scores, [0.9 / 1.9, (16 / 17 + 2 / 3) / 2])


def test_scores_on_the_chain_are_macro_f1_of_ones_own_patients() -> None:
    seen: dict[str, Any] = {}
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        right = (site.predict(models, site.train.features) >= 0.5) == (site.train.labels > 0.5)
        guess = site.predict(models, site.train.features) >= 0.5
        seen[site.name] = [f1_score(site.train.labels, one, average="macro") for one in guess], right.mean(axis=1)
        return kind.score(self, site, models)  # type: ignore[attr-defined]

    ready = prepared(rounds=1, strategy=varied("blockflow", score=score))
    *_, last = states(ready)
    for name in ready.world.hospitals:
        _, _, revealed = ready.world.at(last.contract).call("auditOf", 1, name)
        np.testing.assert_allclose(np.array(revealed) - 1, np.array(seen[name][0]) * ONE, atol=1.5)
        assert np.abs((np.array(revealed) - 1) / ONE - seen[name][1]).max() > 1e-3


def test_an_infinite_epsilon_is_no_noise_and_a_small_one_is() -> None:
    (*_, silent), (*_, infinite), (*_, noisy) = (
        states(prepared(strategy=blockflow(epsilon=epsilon))) for epsilon in (None, math.inf, 1.0)
    )
    np.testing.assert_array_equal(silent.weights, infinite.weights)
    assert np.abs(silent.weights - noisy.weights).max() > 1e-3


def test_noise_is_laplace_of_the_papers_scale_and_disclosed_as_such() -> None:
    ready = prepared(rounds=1, strategy=blockflow(epsilon=0.5))
    states(ready)
    (row,) = (row for row in ready.world.meter.disclosures() if "individual" in row["kind"])
    assert (row["kind"], row["audience"], row["count"]) == ("noised individual update", "hospitals", 12)

    class Desk:
        hospitals, name, rng = ("x",), "x", np.random.default_rng(0)
        published: Any = None

        def publish(self, value: Any, *_: Any, **__: Any) -> str:
            self.published = value
            return "cid"

    desk = Desk()
    blockflow(epsilon=0.5, keys_at_once=True).encrypt(desk, {}, Update(np.zeros(100_000, np.float32), 100, 0.0))
    scale = 2 / (100 * 1 * 0.5)
    assert np.abs(desk.published).mean() == pytest.approx(scale, rel=0.02)
    assert np.quantile(desk.published, 0.9) == pytest.approx(scale * math.log(5), rel=0.03)


@pytest.mark.parametrize(("how", "auditors"), [("random", 0), ("inverted", 0), ("random", 4), ("inverted", 4)])
def test_who_submits_a_random_or_inverted_model_scores_lower(how: str, auditors: int) -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name == "hospital 1":
            noise = site.rng.standard_normal(update.weights.shape).astype(np.float32)
            update = update._replace(weights=noise if how == "random" else -update.weights)
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    strategy = varied("blockflow", {"auditors": auditors}, encrypt=encrypt)
    *_, last = states(prepared(hospitals=5, rounds=3, strategy=strategy))
    assert min(last.contributions, key=lambda name: last.contributions[name]) == "hospital 1"


def test_who_scores_dishonestly_is_not_refunded() -> None:
    kind = discovery.load("blockflow")

    def score(self: Any, site: Site, models: Any) -> Any:
        honest = kind.score(self, site, models)  # type: ignore[attr-defined]
        return (honest < 0.5) * 1.0 if site.name == "hospital 2" else honest

    *_, last = states(prepared(hospitals=5, rounds=3, strategy=varied("blockflow", score=score)))
    assert last.contributions["hospital 2"] == min(last.contributions.values()) < ONE / 2


def test_a_model_of_no_numbers_is_read_by_nobody_and_eliminated() -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name == "hospital 1":
            update = update._replace(weights=np.full_like(update.weights, np.nan))
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    *_, last = states(prepared(rounds=2, strategy=varied("blockflow", encrypt=encrypt)))
    assert set(last.contributions) == {"hospital 2", "hospital 3", "hospital 4"}
    assert np.isfinite(last.weights).all()


def test_models_are_published_for_the_other_hospitals_only() -> None:
    ready = prepared(rounds=1)
    states(ready)
    published = [codec.decode(data) for data in ready.world.store.snapshot().values()]
    assert [sorted(item["keys"]) for item in published] == [
        [other for other in ready.world.hospitals if other != name] for name in ready.world.hospitals
    ]


@pytest.mark.parametrize("pairwise", [False, True])
def test_scores_stay_hidden_until_everybody_has_committed(pairwise: bool) -> None:
    """Each salt is fresh, so equal scores have different commitments, and the reveal comes two stages later."""
    ready = prepared(rounds=1, strategy=varied("blockflow", {"pairwise": pairwise}, score=even))
    *_, last = states(ready)
    contract, names = ready.world.at(last.contract), ready.world.hospitals
    if pairwise:
        hidden = {contract.call("pairOf", 1, *pair)[0] for pair in itertools.product(names, repeat=2)}
    else:
        hidden = {contract.call("auditOf", 1, auditor)[1] for auditor in names}
    assert len(hidden) == (16 if pairwise else 4)
    order = [receipt.function for receipt in ready.world.ledger.receipts]
    commit, reveal = ("submitEncryptedScore", "submitDecryptedScore") if pairwise else ("commitScores", "revealScores")
    assert max(i for i, name in enumerate(order) if name == commit) < order.index(reveal)


def test_who_is_absent_for_a_round_is_booted_and_forfeits_its_bond() -> None:
    absent = {"absent": {"hospital 3": [2]}}
    ready = prepared(rounds=3, strategy=blockflow(experiment_rounds=3), faults=absent)
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, first, second, third = states(ready)
    assert "hospital 3" in first.contributions
    assert "hospital 3" not in second.contributions
    assert "hospital 3" not in third.contributions
    gained = {name: ready.world.chain.balance(name) - before[name] for name in ready.world.hospitals}
    owed = ready.world.at(opened.contract).call("collectable", "hospital 3")
    assert gained["hospital 3"] == -ETHER
    assert 0 < owed < ETHER  # its refund of the first round is still there to be collected
    assert sum(gained.values()) == -owed


def test_who_does_not_come_to_the_opening_takes_no_part() -> None:
    ready = prepared(rounds=1, faults={"absent": {"hospital 1": [0]}})
    *_, last = states(ready)
    assert set(last.contributions) == {"hospital 2", "hospital 3", "hospital 4"}
    assert ready.world.ledger.receipts[0].sender == "hospital 2"  # the first that came deploys


def test_a_round_nobody_comes_to_changes_nothing_and_costs_nobody_its_bond() -> None:
    ready = prepared(rounds=3, faults={"absent": {f"hospital {number}": [1] for number in range(1, 5)}})
    opened, nobody, *_, last = states(ready)
    np.testing.assert_array_equal(nobody.weights, opened.weights)
    assert len(last.contributions) == 4


def test_after_rounds_nobody_came_to_the_bonds_come_back_and_a_new_experiment_opens() -> None:
    ready = prepared(rounds=4, faults={"absent": {f"hospital {number}": [1, 2] for number in range(1, 5)}})
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, *_, found, last = states(ready)
    np.testing.assert_array_equal(found.weights, opened.weights)
    assert ready.world.at(found.contract).call("stage") == Stage.OVER
    assert opened.contract == found.contract != last.contract
    assert len(last.contributions) == 4
    chain = ready.world.at(last.contract)
    owed = chain.call("pool") + sum(chain.call("collectable", name) for name in before)
    assert sum(before.values()) - sum(map(ready.world.chain.balance, before)) == owed > 0


def test_an_experiment_nobody_came_to_is_opened_later() -> None:
    ready = prepared(rounds=2, faults={"absent": {f"hospital {number}": [0, 1] for number in range(1, 5)}})
    opened, first, second = states(ready)
    assert opened.contract == first.contract == ""
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert len(second.contributions) == 4


@pytest.mark.parametrize(("hospitals", "unreadable", "two_thirds"), [(4, 3, False), (20, 10, False), (20, 8, True)])
def test_too_many_models_of_no_numbers_end_the_experiment_not_the_trial(
    hospitals: int, unreadable: int, two_thirds: bool
) -> None:
    kind = discovery.load("blockflow")

    def encrypt(self: Any, site: Site, memory: Memory, update: Update) -> Any:
        if site.name in site.hospitals[:unreadable] and not memory:  # in the first round
            update = update._replace(weights=np.full_like(update.weights, np.nan))
        return kind.encrypt(self, site, memory, update)  # type: ignore[attr-defined]

    strategy = varied("blockflow", {"two_thirds": two_thirds}, encrypt=encrypt)
    ready = prepared(hospitals, rounds=2, strategy=strategy)
    before = {name: ready.world.chain.balance(name) for name in ready.world.hospitals}
    opened, first = states(replace(ready, specification=replace(ready.specification, rounds=1)))
    np.testing.assert_array_equal(first.weights, opened.weights)
    assert first.contributions == {}
    assert {name: ready.world.chain.balance(name) for name in before} == before
    ready.world.begin(2)
    second = ready.strategy.round(first, ready.world)
    assert second.contract != first.contract
    assert set(second.contributions) == set(ready.world.hospitals)
    assert np.abs(second.weights - first.weights).max() > 0


@pytest.mark.parametrize("hospitals", [4, 6])
def test_answers_too_late_from_everybody_end_the_experiment_not_the_trial(hospitals: int) -> None:
    """In time with a model, too late with what takes longer."""
    faults = {"delay": {f"hospital {number}": 599.9 for number in range(1, hospitals + 1)}}
    ready = prepared(hospitals, faults=faults)
    opened, *_, last = states(ready)
    np.testing.assert_array_equal(last.weights, opened.weights)
    assert {receipt.function for receipt in ready.world.ledger.receipts} >= {"submitData", "advance", "collect"}
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_answers_within_what_a_stage_has_left_are_in_time_for_it() -> None:
    ready = prepared(faults={"delay": {f"hospital {number}": 330.0 for number in range(1, 5)}})
    (*_, late), (*_, prompt) = states(ready), usual()[1]
    assert late.contributions == prompt.contributions
    assert not {"boot", "advance"} & {receipt.function for receipt in ready.world.ledger.receipts}


def test_the_merged_model_comes_from_another_if_the_first_asked_does_not_answer() -> None:
    ready, asked = prepared(rounds=1), []
    ask = ready.world.ask

    def without_the_first(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == "merge":
            asked.append(who)
            who = () if len(asked) == 1 else who
        return ask(who, what, *arguments, **others)

    ready.world.ask = without_the_first  # type: ignore[method-assign]
    (*_, other), (*_, first) = states(ready), states(prepared(rounds=1))
    assert len(asked) == 2
    np.testing.assert_array_equal(other.weights, first.weights)


def test_what_depends_on_others_comes_in_a_later_block() -> None:
    ready = prepared(rounds=1)
    states(ready)
    ready.world.ledger.receipts[:] = [one for one in ready.world.ledger.receipts if one.function != "tallyDatasets"]
    blocks = successive_blocks(ready)  # but what one keeper does in a row
    order = ["constructor", "enrol", "submitData", "markRetrieved", "commitScores", "revealScores"]
    assert list(blocks) == [*order, "commitMedians", "closeRound"]
    assert len(set().union(*(blocks[function] for function in order[2:]))) == 4


def test_after_its_rounds_a_new_experiment_takes_everybody_in_again() -> None:
    ready = prepared(rounds=3, strategy=blockflow(experiment_rounds=2), faults={"absent": {"hospital 3": [1]}})
    opened, _, second, third = states(ready)
    assert opened.contract == second.contract != third.contract
    assert "hospital 3" in third.contributions
    assert ready.world.at(second.contract).call("stage") == Stage.OVER


@pytest.mark.parametrize("faults", [{}, {"absent": {"hospital 3": [2]}}])
def test_one_pair_a_transaction_learns_the_same(faults: Any) -> None:
    (*_, whole), (*_, single) = (
        states(prepared(strategy=blockflow(pairwise=one, two_thirds=True), faults=faults)) for one in (False, True)
    )
    np.testing.assert_array_equal(whole.weights, single.weights)
    assert whole.contributions == single.contributions


def test_what_anybody_may_do_rotates() -> None:
    ready = prepared(rounds=4)
    states(ready)
    closers = [receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "closeRound"]
    assert sorted(closers) == list(ready.world.hospitals)


def test_the_record_holds_the_cut_off() -> None:
    assert blockflow().numbers(20) == {"agents": 20, "auditors": 20, "cutoff": 11, "experiment_rounds": 30}
    assert blockflow(two_thirds=True).numbers(20)["cutoff"] == 13
    assert blockflow().numbers(118) == {"agents": 118, "auditors": 20, "cutoff": 11, "experiment_rounds": 30}
    assert blockflow(auditors=0).numbers(118)["auditors"] == 118
    assert blockflow(auditors=0).numbers(500)["auditors"] == 131  # what can be judged in a block


def test_the_published_track_is_the_papers() -> None:
    """Noise, three rounds an experiment, seven transactions a pair; bond 1, reserve 0.25, rho 0.5, alpha 1."""
    strategy = blockflow(**discovery.load("blockflow").card.published["params"])
    assert (strategy.epsilon, strategy.experiment_rounds, strategy.pairwise, strategy.auditors) == (1.0, 3, True, 0)
    assert (strategy.bond, strategy.reserve, strategy.refund_fraction) == (1.0, 0.25, 0.5)
    assert (strategy.two_thirds, strategy.regularisation) == (False, 1.0)
    ready = prepared(rounds=3, strategy=strategy)
    *_, last = states(ready)
    assert ready.world.at(last.contract).call("stage") == Stage.OVER
    calls = Counter(receipt.function for receipt in ready.world.ledger.receipts)
    for function in ("markDataRetrieved", "submitEncryptedScore", "submitDecryptedScore"):
        assert calls[function] == calls["tallyModelScore"] == calls["tallyDatasetScore"] == 3 * 4 * 4
    assert calls["requestDecryptionKey"] == calls["provideDecryptionKey"] == 3 * 4 * 3
    assert calls["commitModelMedianScore"] == 3 * 4
    assert "markRetrieved" not in calls


def test_a_round_of_twenty_takes_less_than_18_million_gas() -> None:
    """11.4 million; 180 in the published transactions."""
    spent = {}
    for pairwise in (False, True):
        ready = prepared(20, rounds=1, strategy=blockflow(pairwise=pairwise))
        states(ready)
        receipts = [one for one in ready.world.ledger.receipts if one.function not in ("constructor", "enrol")]
        spent[pairwise] = sum(receipt.gas for receipt in receipts)
    assert 10e6 < spent[False] < 12e6 < 150e6 < spent[True]


def test_no_epsilon_is_reported() -> None:
    assert "epsilon" not in blockflow(epsilon=1.0).numbers(20)
    assert any(line.startswith("No epsilon is claimed") for line in discovery.load("blockflow").card.deviations)


def test_the_world_is_not_needed_to_read_the_model() -> None:
    weights = np.ones(3, np.float32)
    assert blockflow().model(module("blockflow").State(weights, "", {})) is weights


def test_gas_is_linear_in_agents_rounds_and_their_product() -> None:
    """What agents spend a head, without the deployment: the law's form, not its coefficients."""
    rows, spent = [], []
    for hospitals, rounds in itertools.product((2, 3, 5), (1, 2)):
        strategy = blockflow(experiment_rounds=rounds, pairwise=True)
        ready = prepared(hospitals, rounds, strategy=strategy)
        states(ready)
        receipts = [receipt for receipt in ready.world.ledger.receipts if receipt.function != "constructor"]
        rows.append((hospitals, rounds, hospitals * rounds))
        spent.append(sum(receipt.gas for receipt in receipts) / hospitals)
    design, gas = np.array(rows, float), np.array(spent)
    residuals = gas - design @ np.linalg.lstsq(design, gas, rcond=None)[0]
    assert 1 - (residuals**2).sum() / ((gas - gas.mean()) ** 2).sum() > 0.99
