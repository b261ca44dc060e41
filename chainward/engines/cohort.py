"""The default engine: all hospitals train at once along one leading axis, in process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from chainward.engines.batches import Indices, batches, padded
from chainward.engines.networks import TaskNetwork, flat, load_flat
from chainward.engines.sites import Sites
from chainward.world import Answer, Cost, Held, Query, Update


@dataclass(frozen=True)
class Fitted:
    """Weights [K, P] after training and the mean loss [K] over the steps."""

    weights: npt.NDArray[np.float32]
    losses: npt.NDArray[np.float32]


def train_cohort(
    network: TaskNetwork,
    weights: npt.NDArray[np.float32],
    features: torch.Tensor,
    labels: torch.Tensor,
    rows: Indices,
    shares: npt.NDArray[np.float32],
    learning_rate: float,
) -> Fitted:
    """Train K networks for S steps of gradient descent, each on its own batches, with one backward pass a step.

    Weights are [K, P], features [N, d] and labels [N] of all hospitals together, `rows` and `shares` [K, S, B] as
    from `padded`. The summed loss has a gradient for network k that depends on rows k alone.
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
    return Fitted(flat(parameters).cpu().numpy(), (losses / index.shape[1]).cpu().numpy())


class CohortEngine:
    """Trains the asked hospitals together; a paper's own local functions run one hospital after another."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._network = sites.network
        self._offsets = np.cumsum([0, *(len(rows) for rows in sites.training_rows.values())])
        parties = list(sites.training_rows)
        self._position = {party: number for number, party in enumerate(parties)}
        self._features = self._joined("features")
        self._labels = self._joined("labels")

    def enrol(self, party: str, source: str | None) -> int:
        """Add a party that is not a hospital; see `Sites.enrol`."""
        return self._sites.enrol(party, source)

    def run(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer]:
        """Run `query` at every party in `requests`."""
        if query.local is not None or not requests:
            return {party: self._sites.run(party, query.steps, payload, label) for party, payload in requests.items()}
        updates, flops, seconds = self._fit(requests, f"{label}/{query.name}")
        if query.tail is None:
            return {party: Answer(update, Cost(flops[party], 0, (), 0, seconds)) for party, update in updates.items()}
        steps = query.tail.steps
        return {
            party: self._sites.run(party, steps, update, label, flops[party], seconds)
            for party, update in updates.items()
        }

    def snapshot(self) -> Mapping[str, Any]:
        """Return who was enrolled, and every party's memory."""
        return {"enrolled": dict(self._sites.enrolled), "memories": dict(self._sites.memories)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put back what `snapshot` returned."""
        for party, source in snapshot["enrolled"].items():
            self._sites.enrol(party, source)
        self._sites.memories.update(snapshot["memories"])

    def held(self, party: str, name: str) -> npt.NDArray[np.float32]:
        """Return the weights [P] a party holds; see `Sites.held`."""
        weights: npt.NDArray[np.float32] = self._sites.held(party, name)
        return weights

    def _weights(self, party: str, payload: Any) -> npt.NDArray[np.float32]:
        return np.asarray(self.held(party, payload.name) if isinstance(payload, Held) else payload, dtype=np.float32)

    def _joined(self, name: str) -> torch.Tensor:
        arrays = [getattr(rows, name).astype(np.float32) for rows in self._sites.training_rows.values()]
        return torch.as_tensor(np.concatenate(arrays), device=self._network.device)

    def _fit(self, requests: Mapping[str, Any], label: str) -> tuple[dict[str, Update], dict[str, float], float]:
        started = time.perf_counter()
        training, parties = self._sites.training, list(requests)
        sizes = [len(self._sites.training_rows[party]) for party in parties]
        schedules = [
            batches(self._sites.rng(party, label), size, training.local_steps, training.batch_size)
            for party, size in zip(parties, sizes, strict=True)
        ]
        offsets = [int(self._offsets[self._position[party]]) for party in parties]
        rows, shares = padded(schedules, offsets, min(training.batch_size, max(sizes)))
        weights = np.stack([self._weights(party, requests[party]) for party in parties])
        fitted = train_cohort(
            self._network, weights, self._features, self._labels, rows, shares, training.learning_rate
        )
        seconds = (time.perf_counter() - started) / len(parties)
        updates = {
            party: Update(fitted.weights[k], sizes[k], float(fitted.losses[k])) for k, party in enumerate(parties)
        }
        seen = {party: sum(map(len, schedules[k])) for k, party in enumerate(parties)}
        return updates, {party: 6.0 * self._network.parameters * seen[party] for party in parties}, seconds


def build(sites: Sites) -> CohortEngine:
    """Return the engine over these sites."""
    return CohortEngine(sites)
