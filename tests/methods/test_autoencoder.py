"""Stacked denoising autoencoders: by hand, against torch's own modules, and trained by Lightning."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_dataset import CPU, rows
from torch import nn

from chainward.engines.local.batches import batches
from chainward.engines.local.lightning import train
from chainward.engines.local.networks import TaskNetwork
from chainward.methods.autoencoder import DenoisingLayer, StackedClassifier, squashed, widths
from chainward.tasks.base import Training

NETWORK = TaskNetwork(4, Training("mlp", 8, 0.3, 16, 12), CPU)
BATCH = 16


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def layer(corruption: float = 0.3, inputs: int = 4, outputs: int = 3) -> DenoisingLayer:
    return DenoisingLayer(inputs, outputs, corruption, learning_rate=0.01)


def loss(objective: Any, weights: Any, features: Any, labels: Any, seed: int = 0) -> float:
    tensors = (torch.as_tensor(np.asarray(part, dtype=np.float32)) for part in (weights, features, labels))
    return float(objective.loss(*tensors, rng(seed)))


def trained(objective: Any, weights: Any, steps: int, seed: int = 1, patients: Any = None) -> Any:
    found = rows(70, 3) if patients is None else patients
    return train(NETWORK, 0.0, squashed(found.features), found.labels, weights, steps, BATCH, rng(seed), objective)


def test_a_layer_by_hand() -> None:
    """One input of 1, W = ln 3, b = c = 0: h = 3/4, x^ = sigm(3/4 ln 3)."""
    one = DenoisingLayer(1, 1, 0.0, 0.01)
    weights = np.array([np.log(3), 0, 0], dtype=np.float32)
    assert one.encode(weights, np.ones((1, 1), np.float32))[0, 0] == pytest.approx(0.75)
    made = 1 / (1 + 3**-0.75)
    assert loss(one, weights, [[1.0]], [0.0]) == pytest.approx((1 - made) ** 2, rel=1e-5)
    assert one.parameters == 3
    assert one.encoder == 2


def test_a_layer_that_drops_everything_reconstructs_from_its_bias_alone() -> None:
    one = DenoisingLayer(2, 2, 1.0, 0.01)
    weights = one.initial(rng())
    same = [loss(one, weights, features, [0.0]) for features in ([[0.5, 0.5]], [[0.5, 0.5]])]
    hidden = np.full(2, 0.5)
    made = 1 / (1 + np.exp(-hidden @ weights[:4].reshape(2, 2).T))
    assert same[0] == pytest.approx(float(np.square(made - 0.5).mean()), rel=1e-5)


def test_without_corruption_it_is_a_plain_autoencoder() -> None:
    """The same weights after training as torch's own layers with tied weights, and nothing is drawn."""
    patients, plain = rows(70, 3), layer(corruption=0.0)
    first = plain.initial(rng())
    ours = trained(plain, first, 30)
    theirs = tied(first, squashed(patients.features), 30)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert np.abs(ours - first).max() > 0.05
    assert np.abs(trained(layer(corruption=0.3), first, 30) - ours).max() > 1e-3


def tied(first: Any, features: Any, steps: int) -> Any:
    """An autoencoder as anyone would write it."""
    encode = nn.Linear(4, 3)
    shift = nn.Parameter(torch.zeros(4))
    with torch.no_grad():
        encode.weight.copy_(torch.tensor(first[:12].reshape(4, 3).T))
        encode.bias.copy_(torch.tensor(first[12:15]))
    optimizer = torch.optim.Adam([*encode.parameters(), shift], lr=0.01)
    data = torch.tensor(features)
    for batch in batches(rng(1), len(features), steps, BATCH):
        optimizer.zero_grad()
        hidden = torch.sigmoid(encode(data[batch]))
        made = torch.sigmoid(nn.functional.linear(hidden, encode.weight.T, shift))
        nn.functional.mse_loss(made, data[batch]).backward()
        optimizer.step()
    parts = (encode.weight.detach().T.flatten(), encode.bias.detach(), shift.detach())
    return torch.cat(parts).numpy()


def test_corruption_is_drawn_from_the_generator_that_is_given() -> None:
    one, weights, features = layer(), layer().initial(rng()), rng(5).random((8, 4))
    values = [loss(one, weights, features, np.zeros(8), seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]
    kept = rng(0).random((8, 4)) >= 0.3
    assert loss(layer(0.0), weights, features, np.zeros(8)) != values[0]
    hidden = 1 / (1 + np.exp(-(features * kept) @ weights[:12].reshape(4, 3)))
    made = 1 / (1 + np.exp(-hidden @ weights[:12].reshape(4, 3).T))
    assert values[0] == pytest.approx(float(np.square(made - features).mean()), rel=1e-5)


def test_pre_training_takes_off_what_is_lost() -> None:
    one, features = layer(outputs=3), squashed(rows(70, 3).features)
    first = one.initial(rng())
    after = trained(one, first, 200)
    before, now = (loss(one, weights, features, np.zeros(70)) for weights in (first, after))
    assert now < 0.5 * before


def test_a_stack_is_torchs_own_layers_one_after_another() -> None:
    stack = StackedClassifier((4, 3, 2), 0.01)
    weights = rng(2).normal(size=stack.parameters).astype(np.float32)
    parts = np.split(weights, np.cumsum([15, 8]))
    sizes = ((4, 3), (3, 2), (2, 1))
    layers = []
    for part, (inputs, outputs) in zip(parts, sizes, strict=True):
        linear = nn.Linear(inputs, outputs)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(part[: inputs * outputs].reshape(inputs, outputs).T))
            linear.bias.copy_(torch.tensor(part[inputs * outputs :]))
        layers += [linear, nn.Sigmoid()]
    module = nn.Sequential(*layers)
    features, labels = rng(3).random((9, 4)).astype(np.float32), (rng(4).random(9) > 0.5).astype(np.float32)
    with torch.no_grad():
        theirs = module(torch.tensor(features))[:, 0]
    np.testing.assert_allclose(stack.predict(weights, features), theirs.numpy(), atol=1e-6)
    expected = nn.functional.binary_cross_entropy(theirs, torch.tensor(labels))
    assert loss(stack, weights, features, labels) == pytest.approx(float(expected), rel=1e-5)


def test_what_pre_training_made_is_where_fine_tuning_begins() -> None:
    stack, one, two = StackedClassifier((4, 3, 2), 0.01), layer(), layer(inputs=3, outputs=2)
    first, second = one.initial(rng(1)), two.initial(rng(2))
    start = stack.stacked([first[: one.encoder], second[: two.encoder]])
    assert start.size == stack.parameters
    features = rng(3).random((5, 4)).astype(np.float32)
    assert (stack.predict(start, features) == 0.5).all(), "the output unit is zero"
    hidden = two.encode(second, one.encode(first, features))
    sharp = start.copy()
    sharp[-3:-1] = 1.0
    np.testing.assert_allclose(stack.predict(sharp, features), 1 / (1 + np.exp(-hidden.sum(axis=1))), atol=1e-6)


def test_operations_count_each_use_of_a_weight() -> None:
    assert layer().flops_per_row == 4 * 4 * 3
    assert StackedClassifier((4, 3, 2), 0.01).flops_per_row == 2 * (12 + 6 + 2)


def test_widths_and_squashing() -> None:
    assert widths(53, 200, 3) == (53, 200, 100, 50)
    assert widths(10, 3, 3) == (10, 3, 2, 2)
    found = squashed([[-1e9, 0.0, 1e9]])
    assert found.tolist() == [[0.0, 0.5, 1.0]]
    assert found.dtype == np.float32


def test_a_learner_of_ones_own_leaves_what_it_began_with_and_repeats_itself() -> None:
    one = layer()
    first = one.initial(rng())
    kept = first.copy()
    again = [trained(one, first, 12) for _ in range(2)]
    assert again[0].tobytes() == again[1].tobytes()
    assert first.tobytes() == kept.tobytes()
    assert again[0].dtype == np.float32
