"""The tasks' networks, written once over a leading axis of hospitals; length one is an ordinary network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad

from chainward.methods.randomness import stream
from chainward.tasks.base import Training

KERNEL = 3

MANY, LANES = 64, 16
"""From so many patients on, several models predict with the patients along memory, filled up to whole vectors.

One product then serves the first layers of all models, and the last, which has a single output, no longer runs row by
row: half the time. With sixteen hidden units every sum is taken in the same order either way.
"""


class BatchedLinear(nn.Module):
    """K linear layers at once: inputs [K, n, i] to outputs [K, n, o] by one `baddbmm`."""

    def __init__(self, models: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fan_in = inputs
        self.weight = nn.Parameter(torch.zeros(models, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(models, 1, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply layer k to rows k."""
        return torch.baddbmm(self.bias, inputs, self.weight)


class BatchedConvolution(nn.Module):
    """K causal convolutions over time at once, one group each: [n, K * i, t] to ReLU of [n, K * o, t]."""

    def __init__(self, models: int, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.fan_in, self.dilation = inputs * KERNEL, dilation
        self.weight = nn.Parameter(torch.zeros(models, outputs, inputs, KERNEL))
        self.bias = nn.Parameter(torch.zeros(models, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply convolution k to the channels k; what is before the first time is zero."""
        before = pad(inputs, ((KERNEL - 1) * self.dilation, 0))
        weight, groups = self.weight.flatten(0, 1), len(self.weight)
        return torch.relu(conv1d(before, weight, self.bias.flatten(), dilation=self.dilation, groups=groups))


class Convolutions(nn.Module):
    """K temporal convolutional networks with one logit: a patient's features are `inputs` values at each time."""

    def __init__(self, models: int, inputs: int, channels: int) -> None:
        super().__init__()
        self.inputs = inputs
        first = BatchedConvolution(models, inputs, channels, dilation=1)
        second = BatchedConvolution(models, channels, channels, dilation=2)
        self.layers = nn.ModuleList([first, second, BatchedLinear(models, channels, 1)])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [K, n] for features [K, n, t * i]: two convolutions, the mean over time, a linear layer."""
        models, rows, _ = inputs.shape
        times = inputs.view(models, rows, -1, self.inputs)
        channels = times.permute(1, 0, 3, 2).reshape(rows, models * self.inputs, -1)
        convolved = self.layers[1](self.layers[0](channels))
        output: Tensor = self.layers[2](convolved.mean(dim=2).reshape(rows, models, -1).transpose(0, 1))
        return output.squeeze(-1)


class Perceptrons(nn.Module):
    """K multilayer perceptrons (ReLU) with one logit; without hidden units, K logistic regressions."""

    def __init__(self, models: int, features: int, hidden: int) -> None:
        super().__init__()
        widths = [features, hidden, 1] if hidden else [features, 1]
        self.layers = nn.ModuleList(BatchedLinear(models, inputs, outputs) for inputs, outputs in pairwise(widths))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [K, n] for features [K, n, d]."""
        for layer in self.layers[:-1]:
            inputs = torch.relu(layer(inputs))
        output: Tensor = self.layers[-1](inputs)
        return output.squeeze(-1)


def load_flat(module: nn.Module, weights: Tensor) -> None:
    """Set the parameters of a batched module from flat weights [K, P]."""
    sizes = [parameter[0].numel() for parameter in module.parameters()]
    with torch.no_grad():
        for parameter, part in zip(module.parameters(), torch.split(weights, sizes, dim=1), strict=True):
            parameter.copy_(part.reshape(parameter.shape))


def flat(parameters: Sequence[Tensor]) -> Tensor:
    """Return the parameters of a batched module as flat weights [K, P]."""
    return torch.cat([parameter.detach().flatten(1) for parameter in parameters], dim=1)


class TaskNetwork:
    """A task's network under a flat float32 weight vector [P]."""

    def __init__(self, features: int, training: Training, device: torch.device, sequence: int | None = None) -> None:
        self.kind, self.features = training.network, features
        self.times = features if sequence is None else sequence  # without a series each feature is a time of its own
        self.hidden = 0 if training.network == "logistic" else training.hidden
        self.device = device
        self._one = self.build(1)  # making a module takes longer than predicting with it
        self._initial: dict[int, npt.NDArray[np.float32]] = {}
        self.parameters = sum(parameter.numel() for parameter in self._one.parameters())

    def build(self, models: int) -> Perceptrons | Convolutions:
        """Return `models` networks as one batched module, all weights zero."""
        if self.kind == "tcn":
            return Convolutions(models, self.features // self.times, self.hidden).to(self.device)
        return Perceptrons(models, self.features, self.hidden).to(self.device)

    def initial(self, seed: int) -> npt.NDArray[np.float32]:
        """Return first weights [P]: uniform within 1 / sqrt(fan-in), drawn for the seed."""
        if seed not in self._initial:
            self._initial[seed] = self._drawn(seed)
        return self._initial[seed].copy()

    def _drawn(self, seed: int) -> npt.NDArray[np.float32]:
        rng = stream(seed, "initial weights")
        parts = []
        for layer in self._one.layers:
            assert isinstance(layer, BatchedLinear | BatchedConvolution)
            bound = 1 / math.sqrt(layer.fan_in)
            count = layer.weight.numel() + layer.bias.numel()
            parts.append(rng.uniform(-bound, bound, count))
        return np.concatenate(parts).astype(np.float32)

    def predict(self, weights: npt.ArrayLike, features: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return probabilities [n] for features [n, d], or [M, n] for stacked weights [M, P]."""
        stacked = torch.as_tensor(np.array(weights, dtype=np.float32), device=self.device)
        models = stacked.reshape(-1, self.parameters)
        rows = torch.as_tensor(features.astype(np.float32), device=self.device)
        with torch.inference_mode():
            logits = self._convolved(models, rows) if self.kind == "tcn" else self._perceived(models, rows)
            probabilities = torch.sigmoid(logits.double()).cpu().numpy()
        result: npt.NDArray[np.float64] = probabilities.reshape(*stacked.shape[:-1], len(features))
        return result

    def _convolved(self, models: Tensor, rows: Tensor) -> Tensor:
        """Logits [M, n] by a module."""
        module = self._one if len(models) == 1 else self.build(len(models))
        load_flat(module, models)
        logits: Tensor = module(rows.expand(len(models), -1, -1))
        return logits

    def _perceived(self, models: Tensor, rows: Tensor) -> Tensor:
        """Logits [M, n] of perceptrons straight from flat weights: making a module takes longer than predicting."""
        count, inputs, hidden = len(models), self.features, self.hidden
        if not hidden:
            return torch.baddbmm(models[:, None, -1:], rows.expand(count, -1, -1), models[:, :-1, None]).squeeze(-1)
        first, bias, second, last = torch.split(models, [inputs * hidden, hidden, hidden, 1], dim=1)
        first = first.reshape(count, inputs, hidden)
        if count > 1 and len(rows) >= MANY:
            patients = pad(rows, (0, 0, 0, -len(rows) % LANES)).T
            active = torch.addmm(bias.reshape(-1, 1), first.mT.reshape(-1, inputs), patients).relu_()
            return torch.baddbmm(last[:, None], second[:, None], active.view(count, hidden, -1))[:, 0, : len(rows)]
        active = torch.baddbmm(bias[:, None], rows.expand(count, -1, -1), first).relu_()
        return torch.baddbmm(last[:, None], active, second[:, :, None]).squeeze(-1)
