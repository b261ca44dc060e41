"""Many networks at once are what each of them is alone, on whatever device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import CPU, FEATURES, dataset, plain, rows, serial, training
from torch.overrides import TorchFunctionMode

from chainward.engines import lightning_trainer
from chainward.engines.local.batches import padded, schedule
from chainward.engines.local.cohort import train_cohort, with_ones
from chainward.engines.local.layers import flat, load_flat
from chainward.engines.local.networks import MANY, TaskNetwork
from chainward.methods.randomness import stream


@pytest.mark.parametrize("network", ["mlp", "logistic", "tcn"])
def test_a_cohort_of_one_is_an_ordinary_network(network: str) -> None:
    how = training(network)
    task, features = TaskNetwork(FEATURES, how, CPU), rows(20, 1).features
    weights = task.initial(5)
    ordinary = plain(how, weights)
    module = task.build(1)
    load_flat(module, torch.tensor(weights)[None])
    with torch.no_grad():
        expected = ordinary(torch.tensor(features)).squeeze(-1)
        assert torch.allclose(module(torch.tensor(features)[None])[0], expected, atol=1e-6)
    assert sum(parameter.numel() for parameter in ordinary.parameters()) == task.parameters == len(weights)
    assert np.abs(task.predict(weights, features) - torch.sigmoid(expected.double()).numpy()).max() <= 1e-6


@pytest.mark.parametrize("network", ["mlp", "logistic", "tcn"])
@pytest.mark.parametrize("models", [1, 2, 33, 128])
@pytest.mark.parametrize("patients", [1, 7, 63, 64, 801])
def test_predictions_are_those_of_the_module(network: str, models: int, patients: int) -> None:
    """To the last digit for few patients; for many, processors may round sums differently."""
    task = TaskNetwork(FEATURES, replace(training(network), hidden=16), CPU)
    features = rows(patients, 1).features
    weights = stream("predict", models).standard_normal((models, task.parameters)).astype(np.float32)
    module = task.build(models)
    load_flat(module, torch.tensor(weights))
    with torch.inference_mode():
        logits = module(torch.tensor(features).expand(models, *features.shape))
    expected = torch.sigmoid(logits.double()).numpy()
    assert np.abs(task.predict(weights, features) - expected).max() <= (1e-6 if patients >= MANY else 0)
    assert np.array_equal(task.predict(weights[0], features), task.predict(weights[:1], features)[0])


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 4))
def test_flat_weights_round_trip(models: int, features: int, hidden: int) -> None:
    network = TaskNetwork(features, training("mlp" if hidden else "logistic"), CPU)
    weights = torch.arange(models * network.parameters, dtype=torch.float32).reshape(models, -1)
    module = network.build(models)
    load_flat(module, weights)
    assert torch.equal(flat(list(module.parameters())), weights)


def test_first_weights_are_of_their_seed_and_within_bounds() -> None:
    network = TaskNetwork(FEATURES, training(), CPU)
    first = network.initial(0)
    assert first.dtype == np.float32
    assert np.array_equal(first, network.initial(0))
    assert not np.array_equal(first, network.initial(1))
    hidden, output = first[: 5 * 8], first[5 * 8 :]
    assert np.abs(hidden).max() <= 1 / 2  # four inputs
    assert np.abs(output).max() <= 1 / np.sqrt(8)
    assert np.abs(hidden).max() > 1 / np.sqrt(8)


@pytest.mark.parametrize("size", [70, 5, 1])
def test_lightning_equals_the_serial_loop(size: int) -> None:
    how, patients = training(), rows(size, 4)
    network = TaskNetwork(FEATURES, how, CPU)
    first = network.initial(2)
    expected, _ = serial(how, first, patients, stream("lightning"))
    arguments = (patients.features, patients.labels, first, how.local_steps, how.batch_size, stream("lightning"))
    trained = lightning_trainer(network, how.learning_rate, *arguments)
    assert np.abs(trained - expected).max() <= 1e-6
    assert np.array_equal(first, network.initial(2))


Weights = npt.NDArray[np.float32]


def trained(device: torch.device) -> tuple[Weights, Weights]:
    how = training()
    network = TaskNetwork(FEATURES, how, device)
    hospitals = dataset().hospitals
    sizes = [len(hospital.train) for hospital in hospitals]
    schedules = [schedule(stream(number), size, how.local_steps, how.batch_size) for number, size in enumerate(sizes)]
    chosen, shares = padded(schedules, np.cumsum([0, *sizes])[:-1].tolist(), how.batch_size)
    features = torch.tensor(with_ones(np.concatenate([one.train.features for one in hospitals])), device=device)
    labels = torch.tensor(np.concatenate([one.train.labels for one in hospitals]), device=device)
    first = np.tile(TaskNetwork(FEATURES, how, CPU).initial(0), (len(sizes), 1))
    return train_cohort(network, first, features, labels, chosen, shares, how.learning_rate)


class Devices(TorchFunctionMode):
    """Notes the device of every tensor that an operation takes in; a copy to the CPU is noted and faked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.copies = 0

    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        if function is torch.Tensor.cpu:
            self.copies += 1
            return torch.zeros(arguments[0].shape)
        result = function(*arguments, **(keywords or {}))
        name = getattr(function, "__name__", str(function))
        flat_arguments = [part for one in arguments for part in (one if isinstance(one, tuple | list) else (one,))]
        tensors = [*flat_arguments, result]
        self.seen += [(name, one.device.type) for one in tensors if isinstance(one, torch.Tensor)]
        return result


def test_training_stays_on_its_device() -> None:
    """On torch's "meta" device nothing is computed, but an operation on a tensor left on the CPU would show."""
    with Devices() as devices:
        trained(torch.device("meta"))
    steps = [
        device
        for name, device in devices.seen
        if name in ("index_select", "bmm", "baddbmm", "relu_", "sum", "mul", "mul_")
    ]
    assert len(steps) > 100
    assert set(steps) == {"meta"}
    assert devices.copies == 2  # weights and losses, once, at the end


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_training_on_the_gpu_is_that_on_the_cpu() -> None:
    there, here = trained(torch.device("cuda")), trained(CPU)
    assert np.abs(there[0] - here[0]).max() <= 1e-4
    assert np.abs(there[1] - here[1]).max() <= 1e-4
