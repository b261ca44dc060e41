"""The written-out gradients are those of automatic differentiation, and a cohort's size changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import CPU, FEATURES, dataset, engine, rows, training

from chainward.engines.local.batches import padded, schedule
from chainward.engines.local.cohort import with_ones
from chainward.engines.local.descent import Batches, by_autograd, descend
from chainward.engines.local.networks import TaskNetwork
from chainward.methods.randomness import stream
from chainward.world import FIT


def problem(network: str, sizes: list[int], batch_size: int, steps: int) -> tuple[TaskNetwork, torch.Tensor, Batches]:
    task = TaskNetwork(FEATURES, training(network), CPU)
    found = [rows(size, number) for number, size in enumerate(sizes)]
    features = torch.tensor(with_ones(np.concatenate([one.features for one in found])))
    labels = torch.tensor(np.concatenate([one.labels for one in found]))
    schedules = [schedule(stream(number), size, steps, batch_size) for number, size in enumerate(sizes)]
    offsets = np.cumsum([0, *sizes])[:-1].tolist()
    chosen, shares = padded(schedules, offsets, max(own.shape[1] for own in schedules))
    weights = torch.tensor(np.stack([task.initial(seed) for seed in range(len(sizes))]))
    return task, weights, Batches(features, labels, torch.tensor(chosen), torch.tensor(shares))


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=5)


@pytest.mark.parametrize("network", ["mlp", "logistic"])
@given(sizes=sizes, batch_size=st.integers(1, 20), steps=st.integers(1, 12))
def test_gradients_are_those_of_autograd(network: str, sizes: list[int], batch_size: int, steps: int) -> None:
    task, weights, batches = problem(network, sizes, batch_size, steps)
    before = weights.clone()
    written, losses = descend(task, weights, batches, 0.1)
    derived, expected = by_autograd(task, weights, batches, 0.1)
    assert (written - derived).abs().max() <= 1e-6
    assert (losses - expected).abs().max() <= 1e-5
    assert torch.equal(weights, before)


@pytest.mark.parametrize("network", ["mlp", "logistic", "tcn"])
def test_training_is_the_same_bit_for_bit_again(network: str) -> None:
    task, weights, batches = problem(network, [70, 5, 33], 16, 12)
    one, other = (descend(task, weights, batches, 0.3) for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_more_hospitals_than_train_together_are_each_what_they_are_alone() -> None:
    how, patients = training(), dataset({f"hospital {number}": 3 + number % 30 for number in range(75)})
    whole = engine(how, patients)
    assert whole.together < 75
    first = whole.held("hospital 0", "own")
    names = [hospital.name for hospital in patients.hospitals]
    answers = whole.run(FIT, dict.fromkeys(names, first), "1/fit/1")
    assert list(answers) == names
    for name in names[::10]:
        alone = whole.run(FIT, {name: first}, "1/fit/1")[name].value
        assert np.abs(alone.weights - answers[name].value.weights).max() <= 1e-6
        assert alone.samples == answers[name].value.samples
