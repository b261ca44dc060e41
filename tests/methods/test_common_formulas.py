"""The digest's common formulas whose functions have no test file of their own for the vector; each with its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from eth_utils.crypto import keccak

from chainward.engines import build, lightning_trainer
from chainward.engines.local.descent import Pull
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.aggregation import weighted_mean
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Training
from chainward.tasks.metrics import auroc
from chainward.world import FIT

FEATURES = 4


def records(size: int) -> Patients:
    rng = np.random.default_rng(size)
    features = rng.standard_normal((size, FEATURES)).astype(np.float32)
    return Patients(features, (features[:, 0] > 0).astype(np.float32), np.arange(size))


@pytest.mark.parametrize("kind", ["logistic", "mlp", "tcn"])
def test_one_full_batch_step_each_is_a_step_of_central_gradient_descent(kind: Any) -> None:
    """FedSGD: the mean of the hospitals' steps, weighted by their patients, is the step on all patients together."""
    few, many = records(5), records(12)
    features, labels = (np.concatenate([getattr(few, name), getattr(many, name)]) for name in ("features", "labels"))
    parts = {"few": few, "many": many, "central": Patients(features, labels, np.arange(17))}
    hospitals = tuple(HospitalDataset(name, own, own, own) for name, own in parts.items())
    how = Training(network=kind, hidden=8, learning_rate=0.3, batch_size=100, local_steps=1)
    network = TaskNetwork(FEATURES, how, torch.device("cpu"))

    def train(*arguments: Any) -> Any:
        return lightning_trainer(network, how.learning_rate, *arguments)

    sites = Sites(FederatedDataset(hospitals, tuple("abcd"), {}, "", ()), how, network, 0, MemoryStore(), train)
    first = network.initial(1)
    found = build("cohort", sites, None, {}).run(FIT, dict.fromkeys(parts, first), "1/fit/1")
    few_s, many_s, central = (found[name].value.weights for name in parts)
    np.testing.assert_allclose(weighted_mean([few_s, many_s], (5, 12)), central, atol=1e-6)
    assert np.abs(central - first).max() > 1e-3


def test_the_proximal_term_pulls_a_hospital_back() -> None:
    """f = (w - 3)^2 / 2 from w_t = 1 with (mu / 2)(w - w_t)^2 ends at (3 + mu) / (1 + mu): 3, 2, and towards 1."""
    mu, rate = torch.tensor([0.0, 1.0, 100.0], dtype=torch.float64), 0.005
    weights = torch.ones(3, 1, dtype=torch.float64)
    pull = Pull(mu, rate, (weights,))
    for _ in range(5_000):
        gradient = weights - 3
        pull.step()
        weights.sub_(rate * gradient)
    assert weights.flatten().tolist() == pytest.approx([3, 2, 103 / 101], abs=1e-9)


def test_keccak_is_that_of_the_ethereum_machine() -> None:
    """SHA3-256 pads otherwise, and gives a7ffc6f8… for nothing."""
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_a_tie_counts_half_in_auroc() -> None:
    assert auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8])) == 0.875
