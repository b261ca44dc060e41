"""Hospitals of very different sizes, one of them smaller than a batch, and a plain way to train them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from chainward.engines import build, lightning_trainer
from chainward.engines.local.batches import batches
from chainward.engines.local.in_process import InProcessEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Training

CPU = torch.device("cpu")
SIZES = {"large": 70, "small": 5, "one batch": 16, "odd": 33, "single": 1}
FEATURES = 4


def training(network: Any = "mlp", batch_size: int = 16, local_steps: int = 12) -> Training:
    return Training(network=network, hidden=8, learning_rate=0.3, batch_size=batch_size, local_steps=local_steps)


def rows(size: int, seed: int) -> Patients:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((size, FEATURES)).astype(np.float32)
    labels = (features[:, 0] + rng.standard_normal(size) > 0).astype(np.float32)
    return Patients(features, labels, np.arange(size))


def dataset(sizes: dict[str, int] | None = None) -> FederatedDataset:
    found = SIZES if sizes is None else sizes
    hospitals = tuple(
        HospitalDataset(name, rows(size, number), rows(3, 100 + number), rows(3, 200 + number))
        for number, (name, size) in enumerate(found.items())
    )
    return FederatedDataset(hospitals, tuple("abcd"), {}, "", ())


def engine(how: Training, patients: FederatedDataset, seed: int = 7, name: str = "cohort") -> InProcessEngine:
    network = TaskNetwork(FEATURES, how, CPU)

    def train(*arguments: Any) -> Any:
        return lightning_trainer(network, how.learning_rate, *arguments)

    built = build(name, Sites(patients, how, network, seed, MemoryStore(), train), None, {})
    assert isinstance(built, InProcessEngine)
    return built


class Causal(nn.Module):
    """What is before the first time is zero; a convolution sees nothing after its own time."""

    def __init__(self, convolution: nn.Conv1d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        before = torch.zeros(*inputs.shape[:2], 2 * self.convolution.dilation[0])
        outputs: torch.Tensor = self.convolution(torch.cat([before, inputs], dim=2))
        return outputs


class MeanOverTime(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=2)


def convolutional(how: Training, weights: npt.NDArray[np.float32]) -> nn.Sequential:
    """The task's temporal convolution as anyone would write it: `nn.Conv1d` over [n, 1, d]."""
    convolutions = nn.Conv1d(1, how.hidden, 3), nn.Conv1d(how.hidden, how.hidden, 3, dilation=2)
    first, second = map(Causal, convolutions)
    head = nn.Linear(how.hidden, 1)
    nn.utils.vector_to_parameters(
        torch.tensor(weights), [parameter for layer in (*convolutions, head) for parameter in layer.parameters()]
    )
    as_sequence = nn.Unflatten(1, (1, FEATURES))
    return nn.Sequential(as_sequence, first, nn.ReLU(), second, nn.ReLU(), MeanOverTime(), head)


def plain(how: Training, weights: npt.NDArray[np.float32]) -> nn.Sequential:
    """The task's network as anyone would write it, with these flat weights: layer by layer, matrix then bias."""
    if how.network == "tcn":
        return convolutional(how, weights)
    widths = [FEATURES, how.hidden, 1] if how.network == "mlp" else [FEATURES, 1]
    layers: list[nn.Module] = []
    rest = torch.tensor(weights)
    for inputs, outputs in pairwise(widths):
        layer = nn.Linear(inputs, outputs)
        matrix, bias, rest = (
            rest[: inputs * outputs],
            rest[inputs * outputs :][:outputs],
            rest[(inputs + 1) * outputs :],
        )
        with torch.no_grad():
            layer.weight.copy_(matrix.reshape(inputs, outputs).T)
            layer.bias.copy_(bias)
        layers += [layer, nn.ReLU()]
    assert rest.numel() == 0
    return nn.Sequential(*layers[:-1])


def flattened(module: nn.Sequential) -> npt.NDArray[np.float32]:
    kinds = nn.Linear | nn.Conv1d
    layers = [layer for layer in module.modules() if isinstance(layer, kinds)]
    matrices = [layer.weight.T if isinstance(layer, nn.Linear) else layer.weight for layer in layers]
    parts = [part for matrix, layer in zip(matrices, layers, strict=True) for part in (matrix, layer.bias)]
    return torch.cat([part.detach().flatten() for part in parts]).numpy()


def serial(
    how: Training, weights: npt.NDArray[np.float32], patients: Patients, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], float]:
    """Train one hospital by `torch.optim.SGD`, one batch after another; weights [P] and the mean loss."""
    module, losses = plain(how, weights), []
    optimizer = torch.optim.SGD(module.parameters(), lr=how.learning_rate)
    features, labels = torch.tensor(patients.features), torch.tensor(patients.labels)
    for batch in batches(rng, len(patients), how.local_steps, how.batch_size):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(module(features[batch]).squeeze(-1), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return flattened(module), float(np.mean(losses))
