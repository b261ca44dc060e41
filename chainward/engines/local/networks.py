"""The tasks' networks, written once over a leading axis of hospitals; length one is an ordinary network."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from chainward.engines.local.convolutions import Convolutions
from chainward.engines.local.layers import BatchedConvolution, BatchedLinear, load_flat
from chainward.methods.randomness import stream
from chainward.tasks.base import Training

MANY, LANES = 64, 16
"""From so many patients on, several models predict with the patients along memory, filled up to whole vectors.

One product then serves the first layers of all models, and the last, which has a single output, no longer runs row by
row: half the time. With sixteen hidden units every sum is taken in the same order either way.
"""

VALUES = 2**23
"""Features, counted for each model, that convolutions see at once when they predict: 32 MiB."""


class Perceptrons(nn.Module):
    """K multilayer perceptrons (ReLU) with one logit; without hidden units, K logistic regressions."""

    def __init__(self, models: int, features: int, hidden: int) -> None:
        super().__init__()
        widths = [features, hidden, 1] if hidden else [features, 1]
        self.layers = nn.ModuleList(BatchedLinear(models, inputs, outputs) for inputs, outputs in pairwise(widths))

    @property
    def uses(self) -> int:
        """How often one network uses a weight for one row."""
        return sum(parameter[0].numel() for parameter in self.parameters())

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits [K, n] for features [K, n, d]."""
        for layer in self.layers[:-1]:
            inputs = torch.relu(layer(inputs))
        output: Tensor = self.layers[-1](inputs)
        return output.squeeze(-1)


class TaskNetwork:
    """A task's network under a flat float32 weight vector [P]."""

    def __init__(self, features: int, training: Training, device: torch.device, sequence: int | None = None) -> None:
        self.kind, self.features = training.network, features
        self.sequence = sequence
        self.times = features if sequence is None else sequence  # without a series each feature is a time of its own
        self.hidden = 0 if training.network == "logistic" else training.hidden
        self.device = device
        self._one = self.build(1)  # making a module takes longer than predicting with it
        self._initial: dict[int, npt.NDArray[np.float32]] = {}
        self.parameters = sum(parameter.numel() for parameter in self._one.parameters())
        self.flops_per_row = 2.0 * self._one.uses

    def build(self, models: int) -> Perceptrons | Convolutions:
        """Return `models` networks as one batched module, all weights zero."""
        if self.kind == "tcn":
            return Convolutions(models, self.features // self.times, self.hidden, self.times).to(self.device)
        return Perceptrons(models, self.features, self.hidden).to(self.device)

    def initial(self, seed: int) -> npt.NDArray[np.float32]:
        """Return first weights [P]: uniform within 1 / sqrt(fan-in), drawn for the seed."""
        if seed not in self._initial:
            self._initial[seed] = self._drawn(seed)
        return self._initial[seed].copy()

    def _drawn(self, seed: int) -> npt.NDArray[np.float32]:
        rng = stream(seed, "initial weights")
        parts = []
        for layer in self._one.modules():
            if not isinstance(layer, BatchedLinear | BatchedConvolution):
                continue
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
        """Logits [M, n] by a module, for so many rows at once that what lies between the layers stays small."""
        module = self._one if len(models) == 1 else self.build(len(models))
        load_flat(module, models)
        parts = torch.split(rows, max(MANY, VALUES // (len(models) * self.features)))
        return torch.cat([module(part.expand(len(models), -1, -1)) for part in parts], dim=1)

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
