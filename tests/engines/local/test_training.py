"""Every engine does what a plain loop over hospitals does, and nothing leaks from one hospital into another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_dataset import CPU, FEATURES, SIZES, dataset, engine, rows, serial, training

from chainward import codec
from chainward.engines import build
from chainward.engines.local.batches import batches
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.errors import UnknownName
from chainward.methods.randomness import stream
from chainward.world import FIT, Held, Kind, Memory, Passes, Query, Site, Update

TOLERANCE = 1e-6
IN_PROCESS = ("cohort", "lightning")


def keep(_: Site, memory: Memory, update: Update) -> tuple[int, Memory]:
    return update.samples, {**memory, "own": update.weights}


def draw(site: Site, memory: Memory, payload: Any) -> tuple[float, Memory]:
    return site.rng.random(), memory


KEEP = FIT.then(Query("keep", Kind.STATISTICS, keep))
DRAW = Query("draw", Kind.STATISTICS, draw)


@pytest.mark.parametrize("name", IN_PROCESS)
@pytest.mark.parametrize("network", ["mlp", "logistic", "tcn"])
@pytest.mark.parametrize("batch_size", [16, 1, 100])
def test_equals_a_serial_loop_hospital_by_hospital(name: str, network: str, batch_size: int) -> None:
    how, patients = training(network, batch_size), dataset()
    whole = engine(how, patients, name=name)
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    answers = whole.run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    for hospital in patients.hospitals:
        alone, loss = serial(how, first, hospital.train, stream(7, hospital.name, "1/fit/1/fit"))
        update = answers[hospital.name].value
        assert np.abs(update.weights - alone).max() <= TOLERANCE
        assert np.abs(alone - first).max() > 0.01
        assert update.loss == pytest.approx(loss, abs=1e-5)
        assert update.samples == len(hospital.train)


@pytest.mark.parametrize("name", IN_PROCESS)
@pytest.mark.parametrize("batch_size", [16, 1, 100])
def test_passes_over_the_patients_take_as_many_steps_as_the_hospital_has_batches(name: str, batch_size: int) -> None:
    how, patients = training("mlp", batch_size), dataset()
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    answers = engine(how, patients, name=name).run(FIT, dict.fromkeys(SIZES, Passes(first, 3)), "1/fit/1")
    assert list(answers) == list(SIZES)
    for hospital in patients.hospitals:
        steps = 3 * -(-len(hospital.train) // batch_size)
        own = replace(how, local_steps=steps)
        alone, _ = serial(own, first, hospital.train, stream(7, hospital.name, "1/fit/1/fit"))
        assert np.abs(answers[hospital.name].value.weights - alone).max() <= TOLERANCE
        flops = 3.0 * 3 * len(hospital.train) * TaskNetwork(FEATURES, how, CPU).flops_per_row
        assert answers[hospital.name].cost.flops == flops


def test_passes_go_on_from_held_weights() -> None:
    how = training()
    first = TaskNetwork(FEATURES, how, CPU).initial(7)
    held, given = (
        engine(how, dataset()).run(FIT, dict.fromkeys(SIZES, Passes(start, 1)), "1/fit/1")
        for start in (Held("own"), first)
    )
    for name in SIZES:
        np.testing.assert_array_equal(held[name].value.weights, given[name].value.weights)


def test_each_hospital_starts_from_its_own_payload() -> None:
    how, patients = training(), dataset()
    first = {name: TaskNetwork(FEATURES, how, CPU).initial(number) for number, name in enumerate(SIZES)}
    answers = engine(how, patients).run(FIT, first, "1/fit/1")
    for hospital in patients.hospitals:
        alone, _ = serial(how, first[hospital.name], hospital.train, stream(7, hospital.name, "1/fit/1/fit"))
        assert np.abs(answers[hospital.name].value.weights - alone).max() <= TOLERANCE


@pytest.mark.parametrize("asked", [("odd",), ("single", "large"), ("odd", "small", "one batch")])
def test_a_hospitals_update_does_not_depend_on_who_else_is_asked(asked: tuple[str, ...]) -> None:
    how, patients = training(), dataset()
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    together = engine(how, patients).run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    some = engine(how, patients).run(FIT, dict.fromkeys(asked, first), "1/fit/1")
    assert list(some) == list(asked)
    for name in asked:
        assert np.abs(some[name].value.weights - together[name].value.weights).max() <= TOLERANCE


def test_patients_of_one_hospital_move_no_other() -> None:
    how = training()
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    before = engine(how, dataset()).run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    changed = dataset()
    changed.hospitals[0].train.features[:] = 50.0
    after = engine(how, changed).run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    moved = [name for name in SIZES if not np.array_equal(before[name].value.weights, after[name].value.weights)]
    assert moved == ["large"]


def test_training_is_the_same_again_and_another_on_another_occasion() -> None:
    how, patients = training(), dataset()
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    runs = [
        engine(how, patients, seed).run(FIT, {"large": first}, label)["large"].value.weights
        for seed, label in ((7, "1/fit/1"), (7, "1/fit/1"), (7, "2/fit/1"), (8, "1/fit/1"))
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[3])


@pytest.mark.parametrize("name", IN_PROCESS)
def test_cost_is_six_flops_a_weight_and_sample(name: str) -> None:
    how = training(batch_size=16, local_steps=12)
    whole = engine(how, dataset(), name=name)
    network = TaskNetwork(FEATURES, how, CPU)
    assert network.parameters == 4 * 8 + 8 + 8 + 1
    answers = whole.run(FIT, dict.fromkeys(SIZES, network.initial(0)), "1/fit/1")
    # 12 steps: 70 patients are 16, 16, 16, 16, 6; 33 are 16, 16, 1; who has one batch sees all of it each time.
    samples = {"large": 2 * 70 + 32, "small": 60, "one batch": 192, "odd": 4 * 33, "single": 12}
    assert {party: answer.cost.flops for party, answer in answers.items()} == {
        party: 6.0 * network.parameters * seen for party, seen in samples.items()
    }


@pytest.mark.parametrize("name", IN_PROCESS)
def test_tail_runs_on_the_update_and_keeps_memory_inside(name: str) -> None:
    how, patients = training(), dataset()
    whole = engine(how, patients, name=name)
    first = TaskNetwork(FEATURES, how, CPU).initial(3)
    answers = whole.run(KEEP, dict.fromkeys(SIZES, first), "1/fit/1")
    assert {party: answer.value for party, answer in answers.items()} == SIZES
    plain = engine(how, patients, name=name).run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    for party in SIZES:
        assert np.array_equal(whole.held(party, "own"), plain[party].value.weights)


def test_held_weights_are_the_first_ones_until_there_are_any() -> None:
    how, patients = training(), dataset()
    whole = engine(how, patients)
    first = TaskNetwork(FEATURES, how, CPU).initial(7)
    assert np.array_equal(whole.held("odd", "own"), first)
    by_name = whole.run(FIT, {"odd": Held("own")}, "1/fit/1")["odd"].value.weights
    by_value = whole.run(FIT, {"odd": first}, "1/fit/1")["odd"].value.weights
    assert np.array_equal(by_name, by_value)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_held_weights_are_trained_on(name: str) -> None:
    how, patients = training(), dataset()
    whole = engine(how, patients, name=name)
    whole.run(KEEP, {"odd": Held("own")}, "1/fit/1")
    kept = np.array(whole.held("odd", "own"))
    again = whole.run(FIT, {"odd": Held("own"), "small": Held("own")}, "2/fit/1")
    onward = engine(how, patients, name=name).run(FIT, {"odd": kept}, "2/fit/1")
    assert np.abs(again["odd"].value.weights - onward["odd"].value.weights).max() <= TOLERANCE
    assert not np.array_equal(kept, whole.held("small", "own"))  # that one has none yet


@pytest.mark.parametrize("name", IN_PROCESS)
def test_snapshot_brings_back_memories_and_parties(name: str) -> None:
    how, patients = training(), dataset()
    whole = engine(how, patients, name=name)
    whole.run(KEEP, {"odd": Held("own")}, "1/fit/1")
    shares = whole.enrol("miner 1", [hospital.name for hospital in patients.hospitals])
    assert {name: (share.records, share.size) for name, share in shares.items()} == {
        hospital.name: (3, codec.size({"features": hospital.validation.features, "labels": hospital.validation.labels}))
        for hospital in patients.hospitals
    }
    assert whole.enrol("centre 1", ()) == {}
    fresh = engine(how, patients, name=name)
    fresh.restore(whole.snapshot())
    assert np.array_equal(fresh.held("odd", "own"), whole.held("odd", "own"))
    count = Query("count", Kind.STATISTICS, lambda site, memory, _: (len(site.train), memory))
    asked = dict.fromkeys(("miner 1", "centre 1", "odd"))
    assert [answer.value for answer in fresh.run(count, asked, "2/count/1").values()] == [15, 0, 33]


def test_randomness_inside_a_hospital_is_its_own() -> None:
    whole = engine(training(), dataset())
    draws = whole.run(DRAW, dict.fromkeys(SIZES), "1/draw/1")
    alone = engine(training(), dataset()).run(DRAW, {"odd": None}, "1/draw/1")
    assert len({answer.value for answer in draws.values()}) == len(SIZES)
    assert alone["odd"].value == draws["odd"].value
    assert whole.run(DRAW, {"odd": None}, "1/draw/2")["odd"].value != draws["odd"].value


def test_training_as_a_second_step_is_refused() -> None:
    with pytest.raises(ValueError, match="trains the cohort and must come first"):
        engine(training(), dataset()).run(DRAW.then(FIT), {"odd": None}, "1/draw/1")


def test_only_hospitals_give_patients() -> None:
    with pytest.raises(KeyError):
        engine(training(), dataset()).enrol("miner 1", ("everything",))


def test_unknown_engine_is_refused() -> None:
    how = training()
    sites = Sites(dataset(), how, TaskNetwork(FEATURES, how, CPU), 0, None, None)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="'warp'; there is cohort, lightning"):
        build("warp", sites, None, {})


def test_own_predictions_and_training_of_a_party_are_on_its_bill() -> None:
    how = training()
    network = TaskNetwork(FEATURES, how, CPU)
    first = network.initial(0)

    def work(site: Site, memory: Memory, payload: Any) -> tuple[None, Memory]:
        site.predict(np.stack([first, first]), site.train.features)
        site.train_network(site.train.features, site.train.labels, first, batch_factor=2)
        site.work(5.0)
        return None, memory

    answer = engine(how, dataset()).run(Query("work", Kind.STATISTICS, work), {"odd": None, "small": None}, "1/work/1")
    seen = {
        name: sum(map(len, batches(stream("any"), patients, how.local_steps, 2 * how.batch_size)))
        for name, patients in (("odd", 33), ("small", 5))
    }
    bill = {"odd": 2 * 33 * 2 + 6 * seen["odd"], "small": 2 * 5 * 2 + 6 * seen["small"]}
    assert {name: one.cost.flops for name, one in answer.items()} == {
        name: network.parameters * flops + 5.0 for name, flops in bill.items()
    }


def test_predictions_of_stacked_weights_are_those_of_each() -> None:
    how = training()
    network = TaskNetwork(FEATURES, how, CPU)
    stacked = np.stack([network.initial(seed) for seed in range(3)])
    features = rows(9, 0).features
    together = network.predict(stacked, features)
    assert together.shape == (3, 9)
    for weights, probabilities in zip(stacked, together, strict=True):
        assert np.abs(network.predict(weights, features) - probabilities).max() <= TOLERANCE
    assert network.predict(stacked[0], features[:0]).shape == (0,)
