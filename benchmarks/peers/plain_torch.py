"""The network as torch users write it, and a hospital's epoch; shared by the peers, which know nothing of chainward."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import nn


class Network(nn.Module):
    """A perceptron with one hidden layer and one logit; `loss` and `metrics` are what pfl asks for."""

    def __init__(self, features: int, hidden: int, weights: np.ndarray) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(features, hidden), nn.Linear(hidden, 1)
        parts = np.split(weights, np.cumsum([features * hidden, hidden, hidden]))
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor(parts[0].reshape(features, hidden).T))
            self.first.bias.copy_(torch.tensor(parts[1]))
            self.second.weight.copy_(torch.tensor(parts[2].reshape(1, hidden)))
            self.second.bias.copy_(torch.tensor(parts[3]))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(rows))).squeeze(-1)

    def loss(self, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self(rows), labels)

    def metrics(self, *_: torch.Tensor) -> dict[str, Any]:
        return {}

    def flat(self) -> np.ndarray:
        parts = (self.first.weight.T, self.first.bias, self.second.weight, self.second.bias)
        return torch.cat([part.detach().flatten() for part in parts]).numpy()


def epoch(network: Network, features: torch.Tensor, labels: torch.Tensor, order: torch.Tensor, how: Any) -> None:
    """Train one hospital for a round with `torch.optim.SGD`."""
    optimiser = torch.optim.SGD(network.parameters(), lr=how["rate"])
    for rows in order.split(how["batch"]):
        optimiser.zero_grad()
        network.loss(features[rows], labels[rows]).backward()
        optimiser.step()


@lru_cache
def work() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays that `$WORK` names, which a peer's own processes see as well, and the settings."""
    torch.set_num_threads(1)
    arrays = dict(np.load(os.environ["WORK"]))
    return arrays, json.loads(str(arrays.pop("settings")))


def result(seconds: float, weights: np.ndarray) -> None:
    np.savez(os.environ["RESULT"], seconds=seconds, weights=weights)
