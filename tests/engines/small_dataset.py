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


def rows(size: int, seed: int, count: int = FEATURES) -> Patients:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((size, count)).astype(np.float32)
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


class Causal(nn.Conv1d):
    """What is before the first time is zero; a convolution sees nothing after its own time."""

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__(inputs, outputs, 3, dilation=dilation)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(inputs, (2 * self.dilation[0], 0)))


class Residual(nn.Module):
    """Figure 1 (b) of Bai, Kolter, Koltun 2018 without weight normalisation and dropout."""

    def __init__(self, inputs: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList([Causal(inputs, channels, dilation), Causal(channels, channels, dilation)])
        self.shortcut = nn.Conv1d(inputs, channels, 1) if inputs != channels else nn.Identity()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        first, second = self.convolutions
        convolved = torch.relu(second(torch.relu(first(inputs))))
        return torch.relu(self.shortcut(inputs) + convolved)


class ByTime(nn.Module):
    """Features [n, d] as times one after another: [n, i, t]."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features.unflatten(1, (self.times, -1)).transpose(1, 2)


class LastTime(nn.Module):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[:, :, -1]


def plain(
    how: Training, weights: npt.NDArray[np.float32], features: int = FEATURES, times: int = FEATURES
) -> nn.Sequential:
    """The task's network as anyone would write it, with these flat weights: layer by layer, matrix then bias."""
    if how.network == "tcn":
        widths = [features // times] + [how.hidden] * (1 if times <= 5 else 2 if times <= 13 else 3)
        blocks = [Residual(*pair, 2**number) for number, pair in enumerate(pairwise(widths))]
        module = nn.Sequential(ByTime(times), *blocks, LastTime(), nn.Linear(how.hidden, 1))
    elif how.network == "mlp":
        module = nn.Sequential(nn.Linear(features, how.hidden), nn.ReLU(), nn.Linear(how.hidden, 1))
    else:
        module = nn.Sequential(nn.Linear(features, 1))
    rest = torch.tensor(weights)
    with torch.no_grad():
        for layer in layers(module):
            matrix = inputs_first(layer.weight)
            own, bias, rest = rest.split(
                [matrix.numel(), len(layer.bias), len(rest) - matrix.numel() - len(layer.bias)]
            )
            matrix.copy_(own.view(matrix.shape))
            layer.bias.copy_(bias)
    assert rest.numel() == 0
    return module


def layers(module: nn.Module) -> list[Any]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv1d)]


def inputs_first(weight: torch.Tensor) -> torch.Tensor:
    """A view [i, o] of a linear layer's weight; of a convolution's [i, 3, o]."""
    return weight.T if weight.dim() == 2 else weight.permute(1, 2, 0)


def flattened(module: nn.Sequential) -> npt.NDArray[np.float32]:
    parts = [part for layer in layers(module) for part in (inputs_first(layer.weight), layer.bias)]
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
