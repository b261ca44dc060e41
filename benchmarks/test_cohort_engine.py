"""How much faster training all hospitals at once is than one after another: a ratio on the same work, in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from chainward.engines import lightning_trainer
from chainward.engines.batches import batches
from chainward.engines.cohort import CohortEngine
from chainward.engines.networks import TaskNetwork
from chainward.engines.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.randomness import stream
from chainward.tasks.base import Cohort, HospitalRecords, Records, Training
from chainward.world import FIT

FEATURES, HIDDEN, ROWS, ROUNDS, SEED = 30, 64, 1_000, 10, 0
TRAINING = Training(network="mlp", hidden=HIDDEN, learning_rate=0.1, batch_size=32, local_steps=32)
Weights = np.ndarray


def cohort(hospitals: int) -> Cohort:
    """Hospitals with 1,000 random patients each."""
    rng = np.random.default_rng(SEED)

    def records() -> Records:
        features = rng.normal(size=(ROWS, FEATURES)).astype(np.float32)
        labels = (features[:, 0] + rng.normal(size=ROWS) > 0).astype(np.float32)
        return Records(features, labels, np.arange(ROWS))

    parts = [HospitalRecords(f"hospital {k}", rows, rows, rows) for k in range(hospitals) for rows in [records()]]
    return Cohort(tuple(parts), tuple(f"x{j}" for j in range(FEATURES)), {}, "benchmark", ())


def ordinary(weights: Weights) -> nn.Sequential:
    """The same network as torch users write it."""
    module = nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    first, second = FEATURES * HIDDEN, HIDDEN
    parts = torch.split(torch.as_tensor(weights), [first, HIDDEN, second, 1])
    with torch.no_grad():
        module[0].weight.copy_(parts[0].reshape(FEATURES, HIDDEN).T)
        module[0].bias.copy_(parts[1])
        module[2].weight.copy_(parts[2].reshape(HIDDEN, 1).T)
        module[2].bias.copy_(parts[3])
    return module


def flat(module: nn.Sequential) -> Weights:
    """Its weights in the order of the task's network."""
    parts = [module[0].weight.T, module[0].bias, module[2].weight.T, module[2].bias]
    return torch.cat([part.detach().reshape(-1) for part in parts]).numpy()


def serial_round(data: Cohort, weights: Weights, label: str) -> Weights:
    """One FedAvg round, hospital by hospital with `torch.optim.SGD`."""
    trained = []
    for hospital in data.hospitals:
        features, labels = torch.as_tensor(hospital.train.features), torch.as_tensor(hospital.train.labels)
        module = ordinary(weights)
        optimiser = torch.optim.SGD(module.parameters(), lr=TRAINING.learning_rate)
        rng = stream(SEED, hospital.name, label)
        for batch in batches(rng, len(labels), TRAINING.local_steps, TRAINING.batch_size):
            rows = torch.as_tensor(batch)
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(module(features[rows]).squeeze(-1), labels[rows])
            loss.backward()
            optimiser.step()
        trained.append(flat(module))
    return np.mean(trained, axis=0, dtype=np.float64).astype(np.float32)


def cohort_round(engine: CohortEngine, data: Cohort, weights: Weights, label: str) -> Weights:
    """One FedAvg round, all hospitals at once."""
    requests = {hospital.name: weights for hospital in data.hospitals}
    answers = engine.run(FIT, requests, label.removesuffix("/fit"))
    return np.mean([answer.value.weights for answer in answers.values()], axis=0, dtype=np.float64).astype(np.float32)


def training(step: Callable[[Weights, str], Weights], weights: Weights) -> Weights:
    """Ten rounds."""
    for number in range(ROUNDS):
        weights = step(weights, f"{number}/fit/1/fit")
    return weights


@pytest.mark.parametrize("hospitals", [10, 100])
def test_cohort_engine_against_a_serial_loop(benchmark, hospitals: int) -> None:
    torch.set_num_threads(1)
    data = cohort(hospitals)
    network = TaskNetwork(FEATURES, TRAINING, torch.device("cpu"))
    trainer = partial(lightning_trainer, network, TRAINING.learning_rate)
    engine = CohortEngine(Sites(data, TRAINING, network, SEED, MemoryStore(), trainer))
    first = network.initial(SEED)
    together = partial(training, partial(cohort_round, engine, data), first)
    started = time.perf_counter()
    expected = training(partial(serial_round, data), first)
    serial_s = time.perf_counter() - started
    found = benchmark.pedantic(together, rounds=3, warmup_rounds=1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    ratio = serial_s / benchmark.stats.stats.median
    benchmark.extra_info |= {"serial_s": serial_s, "ratio": ratio}
    print(f"\n{hospitals} hospitals: serial loop {serial_s:.2f} s, cohort engine {ratio:.1f} times as fast")
