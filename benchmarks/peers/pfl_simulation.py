"""Ten rounds of federated averaging on Apple's `pfl` simulator.

One process on the CPU, as pfl simulates by default, and no evaluation. A round on a model of its own goes before the
timed ones.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

os.environ["PFL_PYTORCH_DEVICE"] = "cpu"

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByUser
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam import NNEvalHyperParams, NNTrainHyperParams
from pfl.model.pytorch import PyTorchModel
from plain_torch import Network, result, work


class Shuffled(Dataset):
    """A hospital's patients, each round in the order that everyone uses."""

    def __init__(self, features: np.ndarray, labels: np.ndarray, orders: np.ndarray) -> None:
        super().__init__(raw_data=(torch.tensor(features), torch.tensor(labels)))
        self.orders = iter(torch.tensor(orders))

    def iter(self, batch_size: int | None) -> Iterator[list[torch.Tensor]]:
        for rows in next(self.orders).split(batch_size):
            yield [part[rows] for part in self.raw_data]


arrays, how = work()
features, labels, orders = arrays["features"], arrays["labels"], arrays["orders"]
hospitals = len(features)


def average(rounds: int) -> tuple[float, np.ndarray]:
    """The seconds of so many rounds, and the weights after them."""
    network = Network(features.shape[2], how["hidden"], arrays["weights"])
    central = torch.optim.SGD(network.parameters(), lr=1.0)
    model = PyTorchModel(network, torch.optim.SGD, central)
    users = {str(k): Shuffled(features[k], labels[k], orders[:, k]) for k in range(hospitals)}
    data = FederatedDataset(users.__getitem__, get_user_sampler("minimize_reuse", list(users)))
    backend = SimulatedBackend(data, data, postprocessors=[WeightByUser()])
    training = NNTrainHyperParams(local_num_epochs=1, local_learning_rate=how["rate"], local_batch_size=how["batch"])
    # Evaluation is every so many rounds, counted from zero: it is left out by beginning at round one.
    algorithm = FederatedAveraging()
    algorithm._current_central_iteration = 1
    params = NNAlgorithmParams(
        central_num_iterations=rounds + 1, evaluation_frequency=10**9, train_cohort_size=hospitals, val_cohort_size=0
    )
    started = time.perf_counter()
    algorithm.run(params, backend, model, training, NNEvalHyperParams(None), send_metrics_to_platform=False)
    return time.perf_counter() - started, network.flat()


average(1)
result(*average(10))
