"""Training by `pytorch_lightning.Trainer`: the reference, and the way of centralised deep learning."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, TensorDataset

from chainward.engines.batches import batches
from chainward.engines.networks import Perceptrons, TaskNetwork, flat, load_flat


class Classifier(lightning.LightningModule):
    """One network of a task as an ordinary LightningModule: binary cross-entropy, plain gradient descent."""

    def __init__(self, network: Perceptrons, learning_rate: float) -> None:
        super().__init__()
        self.network = network
        self.learning_rate = learning_rate

    def forward(self, features: Tensor) -> Tensor:
        """Return logits [n] for features [n, d]."""
        logits: Tensor = self.network(features.unsqueeze(0))
        return logits.squeeze(0)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        """Return the mean loss of a batch."""
        features, labels = batch
        return binary_cross_entropy_with_logits(self(features), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain stochastic gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


def train(
    network: TaskNetwork,
    learning_rate: float,
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    weights: npt.NDArray[np.float32],
    steps: int,
    batch_size: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Train one network from weights [P] for so many steps on features [n, d] and return its weights [P]."""
    module = network.build(1)
    load_flat(module, torch.as_tensor(np.array(weights)[None], device=network.device))
    rows = TensorDataset(torch.as_tensor(features.astype(np.float32)), torch.as_tensor(labels.astype(np.float32)))
    order = batches(rng, len(rows), steps, batch_size)
    loader = DataLoader(rows, batch_sampler=[batch.tolist() for batch in order])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on loaders and log intervals, and deprecations inside the library
        _trainer(network.device, steps).fit(Classifier(module, learning_rate), loader)
    return flat(list(module.to(network.device).parameters()))[0].cpu().numpy()


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
