"""The default engine: all hospitals train at once along one leading axis, in process."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from chainward.engines.local.batches import Indices, padded
from chainward.engines.local.descent import Batches, descend
from chainward.engines.local.in_process import Fitted, InProcessEngine, Job
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites


def train_cohort(
    network: TaskNetwork,
    weights: npt.NDArray[np.float32],
    features: torch.Tensor,
    labels: torch.Tensor,
    rows: Indices,
    shares: npt.NDArray[np.float32],
    learning_rate: float,
    mu: npt.NDArray[np.float32] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Train K networks for S steps of gradient descent, each on its own batches.

    Weights are [K, P], features [N, d + 1] (the last column ones) and labels [N] of all hospitals together, `rows` and
    `shares` [S, K, B] as from `padded`; `mu` [K] are proximal terms.
    Returns the weights [K, P] and the mean loss [K] over the steps.
    """
    device = network.device
    batches = Batches(features, labels, torch.as_tensor(rows, device=device), torch.as_tensor(shares, device=device))
    held = None if mu is None else torch.as_tensor(mu, device=device)
    trained, losses = descend(network, torch.as_tensor(weights, device=device), batches, learning_rate, held)
    return trained.cpu().numpy(), losses.cpu().numpy()


def with_ones(*parts: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return features [n, d] of several parties one after another as [N, d + 1], the last column ones, so that a bias
    is one more weight."""
    rows = np.ones((sum(map(len, parts)), parts[0].shape[1] + 1), dtype=np.float32)
    np.concatenate(parts, out=rows[:, :-1], casting="same_kind")
    return rows


class CohortEngine(InProcessEngine):
    """Trains the asked hospitals together, as many at a time as one processor core's cache has room for."""

    apportioned = True

    def __init__(self, sites: Sites) -> None:
        super().__init__(sites)
        device, records = sites.network.device, sites.training_rows.values()
        starts = np.cumsum([0, *map(len, records)])
        self._offset = dict(zip(sites.training_rows, starts.tolist(), strict=False))
        self._features = torch.as_tensor(with_ones(*(r.features for r in records)), device=device)
        self._labels = torch.as_tensor(np.concatenate([r.labels for r in records], dtype=np.float32), device=device)
        self.together = 32 if device.type == "cpu" else 4_096

    def fit(self, jobs: list[Job]) -> list[Fitted]:
        """Train every job's network; each is given an equal share of the measured time."""
        started = time.perf_counter()
        widest = max(job.schedule.shape[1] for job in jobs)
        rows, shares = padded([job.schedule for job in jobs], [self._offset[job.party] for job in jobs], widest)
        weights = np.stack([job.weights for job in jobs])
        mu = np.array([job.mu for job in jobs], dtype=np.float32)
        trained, losses = train_cohort(
            self.sites.network,
            weights,
            self._features,
            self._labels,
            rows,
            shares,
            self.sites.training.learning_rate,
            mu if mu.any() else None,
        )
        seconds = (time.perf_counter() - started) / len(jobs)
        return [Fitted(own, loss, seconds) for own, loss in zip(trained, losses.tolist(), strict=True)]


def build(sites: Sites, *_: Any) -> CohortEngine:
    """Return the engine over these sites."""
    return CohortEngine(sites)
