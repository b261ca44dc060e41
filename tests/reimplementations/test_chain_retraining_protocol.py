"""Patient-specific retraining: its identities, who is asked for what, time order, judgement and rollback."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from chain_retraining_runs import (
    FOUR,
    KEY,
    Patient,
    alike,
    functions,
    models,
    numbered,
    played,
    prepared,
    probability,
    retraining_by,
    spied,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from papers import let_pass, module

from chainward.methods.autoencoder import DenoisingLayer, StackedClassifier, squashed, widths
from chainward.methods.content import digest, salted
from chainward.strategy import discovery
from chainward.testing import prepared as on
from chainward.testing import states, varied
from chainward.trials.predict import predicted
from chainward.world import Chain, Contract, Reverted

BLOCKS = 240


@cache
def usual() -> Any:
    """A trial that has run, its models at first, and its states."""
    ready = prepared()
    return ready, *played(ready)


Strategy = discovery.load(KEY)


# --- identities ----------------------------------------------------------------------------------


def test_without_retraining_steps_each_model_is_the_base_bit_for_bit() -> None:
    ready = prepared(params={"retraining": 0})
    before, (first, *_, last) = played(ready)
    assert alike(ready, last, before) == set(FOUR)
    assert last.models != first.models, "it went through the whole protocol"
    assert sum(last.kept.values()) == functions(ready).count("retrained") > 0


def test_without_a_grant_the_request_reverts_and_weights_stay_bit_for_bit() -> None:
    ready = prepared(params={"consenting": 0.0})
    released = spied(ready, "release")
    before, (first, *_, last) = played(ready)
    assert alike(ready, last, before) == set(FOUR)
    assert last.models == first.models
    assert released == []
    assert "requestAccess" not in functions(ready)
    assert all(count >= 2 for count in last.refused.values())
    chain = ready.world.at(last.contract)
    chain.send("post", bytes([1] * 32), sender=FOUR[0])
    with pytest.raises(Reverted, match="no grant"):
        chain.send("requestAccess", FOUR[0], bytes([1] * 32), 1, sender=last.classifier)


def test_who_consents_is_retrained_and_nobody_else() -> None:
    ready = prepared(params={"consenting": 0.5, "drift": 2.0})
    before, (*_, last) = played(ready)
    refused = {name for name, count in last.refused.items() if count}
    assert len(refused) == 2
    assert refused <= alike(ready, last, before)
    asked = {name for name, count in last.kept.items() if count + last.rolled_back[name]}
    assert asked == set(FOUR) - refused


def test_if_all_is_granted_weights_are_those_without_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same local functions with a contract that keeps nothing and checks nothing."""
    ready, before, found = usual()
    monkeypatch.setattr(Chain, "at", lambda chain, address: Nothing(chain, address))
    free = prepared()
    without = states(free)
    assert len(without) == len(found)
    with_chain, without_chain = models(ready, found[-1]), models(free, without[-1])
    assert {name: own.tobytes() for name, own in with_chain.items()} == {
        name: own.tobytes() for name, own in without_chain.items()
    }
    assert len(alike(ready, found[-1], before)) < 4


class Nothing(Contract):
    """Lets everybody do everything. All it knows is by which rule a model is rolled back."""

    kept: dict[str, bytes] = {}  # noqa: RUF012
    made: dict[str, bytes] = {}  # noqa: RUF012

    def send(self, function: str, *arguments: Any, sender: str, value: int = 0, shows: Any = None) -> Any:
        if function == "retrained":
            self.made[arguments[0]] = arguments[2]
        if function == "judge" and arguments[1] >= arguments[0]:
            self.kept[sender] = self.made[sender]
        return Told({"requestAccess": "Granted", "retrained": "Retrained"}.get(function, ""))

    def call(self, function: str, *arguments: Any, sender: str | None = None) -> Any:
        return self.kept.get(arguments[0]) if function == "current" else None

    def left(self) -> float:
        return 600.0


class Told:
    def __init__(self, event: str) -> None:
        self.events = [(event, {})]


def test_the_corruption_reaches_pre_training() -> None:
    bases = [models(ready, states(ready)[0])[FOUR[0]] for ready in map(opened, (0.0, 0.3))]
    assert bases[0].tobytes() != bases[1].tobytes()


def opened(corruption: float) -> Any:
    return prepared(params={"corruption": corruption}, rounds=0)


# --- the base ------------------------------------------------------------------------------------


def test_the_base_is_pre_trained_layer_by_layer_and_then_fine_tuned() -> None:
    """Again by the parts of `methods`, on what sites gave, with a trainer that writes down what it is given."""
    steps: list[Any] = []

    class Service:
        name, hospitals, rng = "classifier 1", FOUR, np.random.default_rng(0)

        def __init__(self) -> None:
            self.train = Patient(numbered(0), None).train  # type: ignore[arg-type]

        def minimise(self, objective: Any, features: Any, labels: Any, weights: Any, passes: int) -> Any:
            steps.append((objective, features, weights, passes))
            return weights + np.float32(0.01)

        def publish(self, value: Any, kind: Any, readers: Any = None) -> str:
            assert readers == FOUR
            return "base"

    features = numbered(20)
    records = {"features": features, "labels": (features[:, 0] > 0).astype(np.float32)}
    strategy, salt = Strategy(units=6), bytes(32)
    cid, memory = strategy._learn(Service(), {}, {"a": ((records, salt), salted(records, salt))})
    (one, rows, _, passes), (two, hidden, second, _), (whole, again, start, fine) = steps
    assert (one, two) == (DenoisingLayer(2, 6, 0.3, 0.01), DenoisingLayer(6, 3, 0.3, 0.01))
    assert whole == StackedClassifier(widths(2, 6, 2), 0.01)
    assert (passes, fine) == (5, 30)
    np.testing.assert_array_equal(rows, squashed(features))
    np.testing.assert_array_equal(again, rows)
    first = steps[0][2] + np.float32(0.01)
    np.testing.assert_array_equal(hidden, one.encode(first, rows))
    encoders = [first[: one.encoder], (second + np.float32(0.01))[: two.encoder]]
    np.testing.assert_array_equal(start, whole.stacked(encoders))
    assert memory == {cid: pytest.approx(start + np.float32(0.01))}


def test_only_what_has_the_hash_and_as_many_features_is_used() -> None:
    features, salt = numbered(4), bytes(32)
    records = {"features": features, "labels": np.zeros(4, np.float32)}
    wide = {**records, "features": np.zeros((4, 3), np.float32)}
    given = {
        "sound": ((records, salt), salted(records, salt)),
        "other records": ((records, salt), salted(wide, salt)),
        "other salt": ((records, bytes([1] * 32)), salted(records, salt)),
        "wide": ((wide, salt), salted(wide, salt)),
    }
    assert list(module(KEY)._sound(patient_of(Strategy(), 4), given)) == ["sound"]


def test_only_the_general_share_gives_and_only_its_history() -> None:
    ready = prepared(params={"general": 0.5}, rounds=0)
    asked = spied(ready, "release")
    states(ready)
    assert asked == [FOUR[:2]]
    assert functions(ready).count("requestAccess") == 2


def test_the_base_learns() -> None:
    ready, before, _ = usual()
    own = predicted(ready, before)
    positive = own.label > 0
    assert own.probability[positive].mean() > own.probability[~positive].mean() + 0.2


# --- the order of time ---------------------------------------------------------------------------


def offers(patient: Patient, strategy: Any, history: float = 0.0) -> list[list[int]]:
    """The rows that a site offers until its record ends."""
    (reply, memory), rows = module(KEY)._give(patient, {}, history), []
    given = len(patient.stored)
    assert (reply is None) == (given == 0)
    for _ in range(1 + len(patient.train)):
        reply, memory = strategy._arrive(patient, memory, {"classifier 1": "model"})
        if reply is not None:
            rows.append(patient.stored[-1]["features"][:, 1].astype(int).tolist())
            assert reply == salted(patient.stored[-1], memory["salt"])
    assert memory["arrived"] == len(patient.train)
    return rows


def patient_of(strategy: Any, count: int) -> Patient:
    classifier = strategy._classifier(2)
    return Patient(numbered(count), np.full(classifier.parameters, 0.1, dtype=np.float32))


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 60),
    history=st.sampled_from([0.0, 0.3, 1.0]),
    window=st.integers(1, 20),
    labelled=st.integers(1, 30),
    held_out=st.integers(2, 6),
    drift=st.sampled_from([-1.0, 0.1, 2.0]),
)
def test_each_record_is_offered_once_in_time_order_or_held_back(
    count: int, history: float, window: int, labelled: int, held_out: int, drift: float
) -> None:
    strategy = Strategy(window=window, labelled=labelled, held_out=held_out, drift=drift)
    patient = patient_of(strategy, count)
    found = offers(patient, strategy, history)
    first = int(history * count)
    rows = [row for offer in found for row in offer]
    assert rows == sorted(set(rows)), "an order that is not that of time"
    assert rows == [row for row in range(first, count) if row % held_out != held_out - 1]
    if first:
        assert patient.stored[0]["features"][:, 1].astype(int).tolist() == list(range(first))


def test_a_model_is_due_once_so_many_records_are_new_and_when_the_record_ends() -> None:
    strategy = Strategy(window=5, labelled=10, held_out=100, drift=2.0)
    assert offers(patient_of(strategy, 27), strategy) == [list(range(10)), list(range(10, 20)), list(range(20, 27))]


def test_who_is_always_unsure_is_retrained_with_each_window_and_holds_back_what_it_judges_by() -> None:
    strategy = Strategy(window=5, labelled=100, held_out=5, drift=-1.0)
    assert offers(patient_of(strategy, 15), strategy) == [[0, 1, 2, 3], [5, 6, 7, 8], [10, 11, 12, 13]]


def test_a_model_is_due_sooner_when_it_has_become_unsure() -> None:
    """Confidence of the first window is 1; that of the second falls to 0."""
    strategy = Strategy(units=2, layers=1, window=5, labelled=15, held_out=100, drift=0.5)
    features = np.zeros((15, 2), dtype=np.float32)
    features[:5] = 50.0
    weights = np.array([20, 0, 20, 0, -10, 0, 100, 0, -50], dtype=np.float32)
    patient = Patient(features, weights)
    assert np.abs(2 * probability(strategy, weights, features[[0, 5]]) - 1).round(2).tolist() == pytest.approx([1, 1])
    weights[-3:] = [60, 0, -30]
    weights[:6] = [1, 0, 1, 0, -0.5 - 0.5, 0]
    sure = np.abs(2 * probability(strategy, weights, features[[0, 5]]) - 1)
    assert sure[0] - sure[1] > 0.5, sure
    memory: Any = dict.fromkeys(("first", "start", "arrived"), 0)
    told = []
    for _ in range(3):
        reply, memory = strategy._arrive(patient, memory, {"classifier 1": "model"})
        told.append(reply is not None)
    assert told == [False, True, True]


# --- judgement -----------------------------------------------------------------------------------


def test_state_and_contract_agree_on_what_stands() -> None:
    ready, _, found = usual()
    last = found[-1]
    chain = ready.world.at(last.contract)
    for site in FOUR:
        assert chain.call("current", site) == digest(last.models[site])
        assert len(chain.call("history", site)) == last.kept[site]
        assert chain.call("waitsUntil", site) == 0
    assert chain.call("base") == digest(found[0].models[FOUR[0]])
    assert sum(last.kept.values()) > 0


def test_a_model_that_is_worse_on_what_was_held_back_is_rolled_back() -> None:
    ready = retraining_by(lambda site, weights: -50 * weights)
    before, (first, *_, last) = played(ready)
    assert alike(ready, last, before) == set(FOUR)
    assert last.models == first.models
    assert sum(last.rolled_back.values()) == functions(ready).count("retrained") > 0
    assert sum(last.kept.values()) == 0


def test_scores_are_of_records_that_were_held_back() -> None:
    strategy = Strategy(held_out=3)
    patient = patient_of(strategy, 12)
    patient.says = lambda value, low, high: value  # type: ignore[attr-defined]
    scores, _ = strategy._judge(patient, {"first": 0, "arrived": 12}, ({"a": "1"}, {"a": "2"}))
    held = [2, 5, 8, 11]
    misses = probability(strategy, patient.weights, patient.train.features[held]) - patient.train.labels[held]
    assert scores == (round(1e6 * (1 - np.square(misses).mean())),) * 2
    patient.read = lambda *_, **__: {}  # type: ignore[method-assign]
    assert strategy._judge(patient, {"first": 0, "arrived": 12}, ({"a": "1"}, {"a": "2"}))[0] == (0, 0)


def test_what_is_judged_too_late_is_rolled_back() -> None:
    ready = prepared()
    let_pass(ready, "judge", BLOCKS + 1)
    first, *_, last = states(ready)
    assert last.models == first.models
    assert functions(ready).count("close") == functions(ready).count("retrained") > 0
    assert "judge" not in functions(ready)


def test_what_is_released_too_late_is_not_recorded() -> None:
    ready = prepared()
    let_pass(ready, "retrain", BLOCKS + 1)
    first, *_, last = states(ready)
    assert last.models == first.models
    assert "retrained" not in functions(ready)
    assert all(count > 0 for count in last.refused.values())


def test_a_site_that_comes_later_consents_then() -> None:
    ready = prepared(faults={"absent": {FOUR[2]: [1]}})
    first, second, *_, last = states(ready)
    assert (first.willing, second.willing) == ((), ())
    late = prepared(faults={"absent": {FOUR[2]: [0, 1]}})
    first, second, third, *_, last = states(late)
    assert (first.willing, second.willing, third.willing) == ((FOUR[2],), (FOUR[2],), ())
    assert last.kept[FOUR[2]] + last.rolled_back[FOUR[2]] > 0
    assert last.refused[FOUR[2]] == 0


def test_it_ends_once_no_record_is_left_to_come() -> None:
    ready = prepared(rounds=30)
    found = states(ready)
    most = max(ready.world.sizes.values())
    assert len(found) - 1 == -(-(most - most // 2) // 8)
    assert found[-1].left == 0


def test_a_model_is_known_by_its_size() -> None:
    strategy = Strategy()
    for features in (1, 10, 53):
        size = strategy._classifier(features).parameters
        assert strategy.is_model(np.zeros(size, np.float32), None)
        assert not strategy.is_model(np.zeros(size + 1, np.float32), None)
        assert not strategy.is_model(np.zeros((1, size), np.float32), None)
    assert not strategy.is_model(np.zeros(3, np.float32), None)


def test_a_model_that_stands_is_predicted_with_by_its_own_site() -> None:
    ready, _, found = usual()
    own = models(ready, found[-1])
    told = predicted(ready, own)
    for hospital in ready.dataset.hospitals:
        expected = probability(ready.strategy, own[hospital.name], hospital.test.features)
        np.testing.assert_array_equal(told.probability[told.hospital == hospital.name], expected)


def test_where_nothing_is_to_retrain_on_the_base_predicts_whoever_is_outside() -> None:
    strategy = varied(KEY, {"retraining": 0})
    ready = prepared(strategy=strategy, split="leave-one-hospital-out")
    *_, last = states(ready)
    told = predicted(ready, models(ready, last))
    assert set(told.hospital.tolist()) == {FOUR[0]}


# --- the protocols of the paper's task -----------------------------------------------------------

BEATS = {"records": 4, "beats": 60, "minutes": 0.4}


def on_beats(protocol: str, **params: Any) -> Any:
    beats = {"protocol": protocol, **BEATS}
    return on(KEY, "arrhythmia", task_params=beats, track="published", rounds=30, params=params)


def test_the_first_minutes_of_the_tested_are_retrained_on_and_ds1_gives_all() -> None:
    ready = on_beats("first-minutes")
    asked = spied(ready, "release")
    *_, last = states(ready)
    sites = ready.world.hospitals
    assert asked[0] == sites[:2]
    assert {name for who in asked[1:] for name in who} == set(sites[2:])
    assert all(last.kept[name] + last.rolled_back[name] == (name in sites[2:]) for name in sites)
    assert set(predicted(ready, models(ready, last)).hospital.tolist()) == set(sites[2:])


def test_between_patients_the_base_predicts_them_and_no_other_could() -> None:
    ready = on_beats("inter-patient", retraining=0, general=1.0)
    *_, last = states(ready)
    assert set(predicted(ready, models(ready, last)).hospital.tolist()) == {"made 03", "made 04"}
