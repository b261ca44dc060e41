"""Training by `pytorch_lightning.Trainer`: the reference, and the way of centralised deep learning."""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from chainward.engines.local.batches import Indices, schedule, trimmed
from chainward.engines.local.convolutions import Convolutions
from chainward.engines.local.in_process import Fitted, InProcessEngine, Job
from chainward.engines.local.layers import flat, load_flat
from chainward.engines.local.networks import Perceptrons, TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.world import Objective


class Classifier(lightning.LightningModule):
    """One network of a task as an ordinary LightningModule: binary cross-entropy, plain gradient descent.

    With `mu` its objective also has (mu / 2) ||w - w_0||^2, where w_0 are the weights it is made with.
    """

    def __init__(self, network: Perceptrons | Convolutions, learning_rate: float, mu: float = 0.0) -> None:
        super().__init__()
        self.network = network
        self.learning_rate, self.mu = learning_rate, mu
        self.first = [parameter.detach().clone() for parameter in network.parameters()]
        self.losses: list[Tensor] = []

    def forward(self, features: Tensor) -> Tensor:
        """Return logits [n] for features [n, d]."""
        logits: Tensor = self.network(features.unsqueeze(0))
        return logits.squeeze(0)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return a batch's objective; its mean loss without the proximal term is kept."""
        features, labels = batch
        loss = binary_cross_entropy_with_logits(self(features), labels)
        self.losses.append(loss.detach())
        return loss + self.mu / 2 * self._moved() if self.mu else loss

    def _moved(self) -> Tensor:
        """The squared distance from the first weights."""
        pairs = zip(self.network.parameters(), self.first, strict=True)
        return torch.stack([(now - first).square().sum() for now, first in pairs]).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain stochastic gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


class Learner(lightning.LightningModule):
    """A learner of a paper's own as a LightningModule: one flat vector of weights [P], Adam (Kingma, Ba 2015).

    Its objective draws what it needs from `rng`, batch after batch.
    """

    def __init__(self, objective: Objective, weights: Tensor, rng: np.random.Generator) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.objective, self.rng = objective, rng

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return a batch's mean loss."""
        features, labels = batch
        loss: Tensor = self.objective.loss(self.weights, features, labels, self.rng)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam, which begins anew with each training."""
        return torch.optim.Adam(self.parameters(), lr=self.objective.learning_rate)


def train(
    network: TaskNetwork,
    learning_rate: float,
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[np.float32],
    steps: int,
    batch_size: int,
    rng: np.random.Generator,
    objective: Objective | None = None,
) -> npt.NDArray[np.float32]:
    """Train one network from weights [P] for so many steps on features [n, d] and return its weights [P].

    With an `objective` it is a learner of a paper's own, which needs neither the task's network nor its rate.
    """
    rows = schedule(rng, len(labels), steps, batch_size)
    if objective is not None:
        learner = Learner(objective, torch.as_tensor(np.array(weights)), rng)
        _run(learner, features, labels, rows, network.device)
        return learner.weights.detach().cpu().numpy()
    return fit(network, learning_rate, features, labels, weights, rows)[0]


def fit(
    network: TaskNetwork,
    learning_rate: float,
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[np.float32],
    rows: Indices,
    mu: float = 0.0,
) -> tuple[npt.NDArray[np.float32], float]:
    """Train one network from weights [P] on batches of rows [S, B]; return its weights [P] and the mean loss.

    `mu` is the proximal term that holds it to the first weights.
    """
    module = network.build(1)
    load_flat(module, torch.as_tensor(np.array(weights)[None], device=network.device))
    classifier = Classifier(module, learning_rate, mu)
    _run(classifier, features, labels, rows, network.device)
    trained = flat(list(module.to(network.device).parameters()))[0].cpu().numpy()
    return trained, float(torch.stack(classifier.losses).mean())


def _run(
    module: lightning.LightningModule,
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    rows: Indices,
    device: torch.device,
) -> None:
    """Train a module on batches of rows [S, B]."""
    patients = TensorDataset(torch.as_tensor(features.astype(np.float32)), torch.as_tensor(labels.astype(np.float32)))
    batches = [torch.as_tensor(batch) for batch in trimmed(rows)]
    loader = DataLoader(patients, sampler=batches, batch_size=None)  # a batch is one look-up, not one a patient
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on loaders and log intervals, and deprecations inside the library
        _trainer(device, len(rows)).fit(module, loader)


class LightningEngine(InProcessEngine):
    """Each hospital trains by a `pytorch_lightning.Trainer`, one after another."""

    def fit(self, jobs: list[Job]) -> list[Fitted]:
        """Train every job's network."""
        return [self._fit(job) for job in jobs]

    def _fit(self, job: Job) -> Fitted:
        started = time.perf_counter()
        rows, rate = self.sites.training_rows[job.party], self.sites.training.learning_rate
        weights, loss = fit(self.sites.network, rate, rows.features, rows.labels, job.weights, job.schedule, job.mu)
        return Fitted(weights, loss, time.perf_counter() - started)


def build(sites: Sites, *_: Any) -> LightningEngine:
    """Return the engine over these sites."""
    return LightningEngine(sites)


def _trainer(device: torch.device, steps: int) -> lightning.Trainer:
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
