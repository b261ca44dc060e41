"""The default engine: all hospitals train at once along one leading axis, in process."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chainward.engines.batches import Indices, padded
from chainward.engines.in_process import Fitted, InProcessEngine, Job
from chainward.engines.networks import TaskNetwork, flat, load_flat
from chainward.engines.sites import Sites


def train_cohort(
    network: TaskNetwork,
    weights: npt.NDArray[np.float32],
    features: torch.Tensor,
    labels: torch.Tensor,
    rows: Indices,
    shares: npt.NDArray[np.float32],
    learning_rate: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Train K networks for S steps of gradient descent, each on its own batches, with one backward pass a step.

    Weights are [K, P], features [N, d] and labels [N] of all hospitals together, `rows` and `shares` [K, S, B] as
    from `padded`. The summed loss has a gradient for network k that depends on rows k alone. Returns
    the weights [K, P] and the mean loss [K] over the steps.
    """
    module = network.build(len(weights))
    load_flat(module, torch.as_tensor(weights, device=network.device))
    parameters = list(module.parameters())
    index = torch.as_tensor(rows, device=network.device)
    share = torch.as_tensor(shares, device=network.device)
    losses = torch.zeros(len(weights), device=network.device)
    for step in range(index.shape[1]):
        batch = index[:, step]
        each = binary_cross_entropy_with_logits(module(features[batch]), labels[batch], reduction="none")
        loss = (each * share[:, step]).sum(dim=1)
        gradients = torch.autograd.grad(loss.sum(), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient, alpha=learning_rate)
            losses += loss
    return flat(parameters).cpu().numpy(), (losses / index.shape[1]).cpu().numpy()


class CohortEngine(InProcessEngine):
    """Trains the asked hospitals together."""

    apportioned = True

    def __init__(self, sites: Sites) -> None:
        super().__init__(sites)
        starts = np.cumsum([0, *(len(rows) for rows in sites.training_rows.values())])
        self._offset = dict(zip(sites.training_rows, starts.tolist(), strict=False))
        self._features = self._joined("features")
        self._labels = self._joined("labels")

    def fit(self, jobs: list[Job]) -> list[Fitted]:
        """Train every job's network; each is given an equal share of the measured time."""
        started = time.perf_counter()
        widest = max(len(batch) for job in jobs for batch in job.schedule)
        rows, shares = padded([job.schedule for job in jobs], [self._offset[job.party] for job in jobs], widest)
        weights, losses = train_cohort(
            self.sites.network,
            np.stack([job.weights for job in jobs]),
            self._features,
            self._labels,
            rows,
            shares,
            self.sites.training.learning_rate,
        )
        seconds = (time.perf_counter() - started) / len(jobs)
        return [Fitted(own, float(loss), seconds) for own, loss in zip(weights, losses, strict=True)]

    def _joined(self, name: str) -> torch.Tensor:
        arrays = [getattr(rows, name).astype(np.float32) for rows in self.sites.training_rows.values()]
        return torch.as_tensor(np.concatenate(arrays), device=self.sites.network.device)


def build(sites: Sites, *_: Any) -> CohortEngine:
    """Return the engine over these sites."""
    return CohortEngine(sites)
