"""The temporal convolution: many networks at once are each an ordinary one, causal, and blind to other hospitals."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from small_dataset import CPU, flattened, plain, rows, training

from chainward.engines import build, lightning_trainer
from chainward.engines.flower.hospital import places, run, settings_of
from chainward.engines.local import networks
from chainward.engines.local.batches import padded, schedule
from chainward.engines.local.cohort import train_cohort, with_ones
from chainward.engines.local.convolutions import depth
from chainward.engines.local.in_process import InProcessEngine
from chainward.engines.local.layers import load_flat
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.randomness import stream
from chainward.strategy import discovery
from chainward.tasks.base import FederatedDataset, HospitalDataset
from chainward.world import FIT

TIMES, INPUTS = 12, 3
FEATURES = TIMES * INPUTS
SIZES = {"large": 40, "small": 5, "single": 1}
HOW = training("tcn", batch_size=16, local_steps=6)
TOLERANCE = 1e-6


def network() -> TaskNetwork:
    return TaskNetwork(FEATURES, HOW, CPU, TIMES)


def dataset() -> FederatedDataset:
    hospitals = tuple(
        HospitalDataset(name, rows(size, number, FEATURES), rows(2, 50 + number, FEATURES), rows(2, 90, FEATURES))
        for number, (name, size) in enumerate(SIZES.items())
    )
    return FederatedDataset(hospitals, tuple(map(str, range(FEATURES))), {}, "", (), sequence=TIMES)


def sites() -> Sites:
    task = network()

    def train(*arguments: object) -> object:
        return lightning_trainer(task, HOW.learning_rate, *arguments)

    return Sites(dataset(), HOW, task, 7, MemoryStore(), train)


def logits(task: TaskNetwork, weights: np.ndarray, features: np.ndarray) -> torch.Tensor:
    module = task.build(1)
    load_flat(module, torch.tensor(weights)[None])
    with torch.inference_mode():
        return module(torch.tensor(features)[None])[0]


@pytest.mark.parametrize(("times", "blocks"), [(1, 1), (5, 1), (6, 2), (13, 2), (14, 3), (24, 3), (48, 4), (61, 4)])
def test_blocks_are_as_many_as_it_takes_to_see_the_first_time(times: int, blocks: int) -> None:
    assert depth(times) == blocks


@pytest.mark.parametrize("times", [1, 2, 5, 6, 12, 48])
def test_the_logit_depends_on_every_time(times: int) -> None:
    task = TaskNetwork(times * INPUTS, training("tcn"), CPU, times)
    features = rows(1, times, times * INPUTS).features
    # Positive weights and values: no ReLU closes, so whatever is seen moves the logit.
    weights, values = np.abs(task.initial(0)), np.abs(features)
    before = logits(task, weights, values)
    for place in range(times * INPUTS):
        changed = values.copy()
        changed[:, place] += 1
        assert logits(task, weights, changed) > before, f"value {place}"


def test_a_convolution_sees_nothing_after_its_own_time() -> None:
    module = network().build(2)
    load_flat(module, torch.tensor(np.stack([network().initial(seed) for seed in (1, 2)])))
    inputs = torch.tensor(rows(8, 0, FEATURES).features).view(2, 4, TIMES, INPUTS)
    with torch.inference_mode():
        before = module.blocks(inputs)
        for time in range(TIMES):
            later = inputs.clone()
            later[:, :, time:] = 9.0
            assert torch.equal(module.blocks(later)[:, :, :time], before[:, :, :time])


def test_a_cohort_of_one_is_an_ordinary_network() -> None:
    task, features = network(), rows(9, 1, FEATURES).features
    weights = task.initial(5)
    ordinary = plain(HOW, weights, FEATURES, TIMES)
    with torch.no_grad():
        expected = ordinary(torch.tensor(features)).squeeze(-1)
    assert torch.allclose(logits(task, weights, features), expected, atol=1e-6)
    assert sum(parameter.numel() for parameter in ordinary.parameters()) == task.parameters
    np.testing.assert_array_equal(flattened(ordinary), weights)


def serially(first: np.ndarray, hospital: HospitalDataset) -> np.ndarray:
    """`nn.Conv1d` and `torch.optim.SGD`, batch by batch."""
    module = plain(HOW, first, FEATURES, TIMES)
    optimizer = torch.optim.SGD(module.parameters(), lr=HOW.learning_rate)
    features, labels = torch.tensor(hospital.train.features), torch.tensor(hospital.train.labels)
    for batch in schedule(stream(7, hospital.name, "1/fit/1/fit"), len(labels), HOW.local_steps, HOW.batch_size):
        own = batch[batch >= 0]
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(module(features[own]).squeeze(-1), labels[own]).backward()
        optimizer.step()
    return flattened(module)


@pytest.mark.parametrize("name", ["cohort", "lightning"])
def test_every_engine_trains_as_a_serial_loop_does(name: str) -> None:
    engine, first = build(name, sites(), None, {}), network().initial(3)
    answers = engine.run(FIT, dict.fromkeys(SIZES, first), "1/fit/1")
    for hospital in dataset().hospitals:
        alone = serially(first, hospital)
        assert np.abs(answers[hospital.name].value.weights - alone).max() <= TOLERANCE
        assert np.abs(alone - first).max() > 0.01


def test_a_hospital_with_a_folder_of_its_own_trains_alike(tmp_path: Path) -> None:
    engine, first, strategy = build("cohort", sites(), None, {}), network().initial(3), discovery.build("fedavg", {})
    settings = settings_of(engine.sites, strategy)
    assert settings.sequence == TIMES
    assert type(settings).of(settings.text()) == settings
    assert settings.training == asdict(HOW)
    for name, place in places(tmp_path, engine.sites.true_rows, engine.sites.held_out).items():
        answer = run(place, settings.text(), lambda _: FIT, first, "1/fit/1")
        expected = engine.run(FIT, {name: first}, "1/fit/1")[name]
        np.testing.assert_array_equal(answer.value.weights, expected.value.weights)
        assert answer.cost.flops == expected.cost.flops


def test_rows_of_one_hospital_move_no_other() -> None:
    parts = [rows(size, number, FEATURES) for number, size in enumerate(SIZES.values())]
    first = np.stack([network().initial(seed) for seed in range(len(SIZES))])
    schedules = [schedule(stream(number), len(own), 4, 16) for number, own in enumerate(parts)]
    offsets = np.cumsum([0, *map(len, parts)])[:-1].tolist()
    chosen, shares = padded(schedules, offsets, 16)

    def trained() -> np.ndarray:
        features = torch.tensor(with_ones(*(own.features for own in parts)))
        labels = torch.tensor(np.concatenate([own.labels for own in parts]))
        return train_cohort(network(), first, features, labels, chosen, shares, 0.3)[0]

    before = trained()
    parts[1].features[:] = 20.0
    moved = (trained() != before).any(axis=1)
    assert moved.tolist() == [False, True, False]


def test_flops_count_a_convolution_s_weights_at_each_time() -> None:
    channels = HOW.hidden
    first = INPUTS * 3 * channels + channels + channels * 3 * channels + channels + INPUTS * channels + channels
    second = 2 * (channels * 3 * channels + channels)
    assert network().flops_per_row == 2 * (TIMES * (first + second) + channels + 1)
    assert network().parameters == first + second + channels + 1
    engine = build("cohort", sites(), None, {})
    assert isinstance(engine, InProcessEngine)
    answers = engine.run(FIT, dict.fromkeys(SIZES, network().initial(0)), "1/fit/1")
    seen = {"large": 2 * 40, "small": 6 * 5, "single": 6}  # six steps; 40 patients are batches of 16, 16, 8
    assert {name: one.cost.flops for name, one in answers.items()} == {
        name: 3 * network().flops_per_row * rows for name, rows in seen.items()
    }


def test_predictions_do_not_depend_on_how_many_rows_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    task, features = network(), rows(200, 1, FEATURES).features
    weights = np.stack([task.initial(seed) for seed in range(3)])
    whole = task.predict(weights, features)
    monkeypatch.setattr(networks, "VALUES", 1)
    assert np.abs(task.predict(weights, features) - whole).max() <= TOLERANCE
    assert task.predict(weights, features[:0]).shape == (3, 0)
