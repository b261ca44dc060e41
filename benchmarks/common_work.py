"""The work that every engine and peer does here: FedAvg, an MLP 30-64-1, hospitals of 1,000 random patients.

A round is one epoch, 32 batches of up to 32 patients, in orders that are the same for all. Peers get the work as
arrays and give back the weights after ten rounds with the seconds these took; what they need to start is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chainward.engines import lightning_trainer
from chainward.engines.local.batches import schedule
from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.randomness import stream
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Training
from chainward.tasks.metrics import auroc
from chainward.world import FIT

FEATURES, HIDDEN, ROWS, ROUNDS, SEED = 30, 64, 1_000, 10, 0
TRAINING = Training(network="mlp", hidden=HIDDEN, learning_rate=0.1, batch_size=32, local_steps=32)
NETWORK = TaskNetwork(FEATURES, TRAINING, torch.device("cpu"))
PEERS = Path(__file__).parent / "peers"
Weights = np.ndarray
torch.set_num_threads(1)  # as in a trial


def dataset(hospitals: int, rows: int = ROWS) -> FederatedDataset:
    """Hospitals with random patients."""
    rng = np.random.default_rng(SEED)

    def records() -> Patients:
        features = rng.standard_normal((rows, FEATURES), dtype=np.float32)
        labels = (features[:, 0] + rng.normal(size=rows) > 0).astype(np.float32)
        return Patients(features, labels, np.arange(rows))

    parts = [HospitalDataset(f"hospital {k}", own, own, own) for k in range(hospitals) for own in [records()]]
    return FederatedDataset(tuple(parts), tuple(f"x{j}" for j in range(FEATURES)), {}, "benchmark", ())


def label(number: int) -> str:
    return f"{number}/fit/1"


def orders(data: FederatedDataset, number: int, training: Training = TRAINING) -> list[np.ndarray]:
    """Which rows each hospital sees in a round, batch after batch: what the engine draws as well."""
    rngs = [stream(SEED, hospital.name, f"{label(number)}/fit") for hospital in data.hospitals]
    sizes = [len(hospital.train) for hospital in data.hospitals]
    how = training.local_steps, training.batch_size
    drawn = [schedule(rng, size, *how) for rng, size in zip(rngs, sizes, strict=True)]
    return [rows[rows >= 0] for rows in drawn]


def mean(weights: list[Weights]) -> Weights:
    return np.mean(weights, axis=0, dtype=np.float64).astype(np.float32)


def cohort_engine(data: FederatedDataset, training: Training = TRAINING) -> CohortEngine:
    trainer = partial(lightning_trainer, NETWORK, training.learning_rate)
    return CohortEngine(Sites(data, training, NETWORK, SEED, MemoryStore(), trainer))


def together(engine: CohortEngine, data: FederatedDataset) -> Weights:
    """Ten rounds on the cohort engine."""
    weights = NETWORK.initial(SEED)
    for number in range(ROUNDS):
        answers = engine.run(FIT, {hospital.name: weights for hospital in data.hospitals}, label(number))
        weights = mean([answer.value.weights for answer in answers.values()])
    return weights


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], times: int) -> tuple[float, float]:
    """Median seconds of both, run in turns, so that a busy machine slows both down; one run each goes before."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 1):
        for run, seconds in zip((ours, theirs), spent, strict=True):
            started = time.perf_counter()
            run()
            if number:
                seconds.append(time.perf_counter() - started)
    return float(np.median(spent[0])), float(np.median(spent[1]))


def peer(python: str, script: str, data: FederatedDataset) -> tuple[float, Weights]:
    """Run a peer in a process of its own: the seconds of its ten rounds, and the weights after them."""
    with tempfile.TemporaryDirectory(prefix="chainward-bench-") as folder:
        work, result = Path(folder) / "work.npz", Path(folder) / "result.npz"
        np.savez(
            work,
            features=np.stack([hospital.train.features for hospital in data.hospitals]),
            labels=np.stack([hospital.train.labels for hospital in data.hospitals]),
            orders=np.stack([np.stack(orders(data, number)) for number in range(ROUNDS + 1)]),
            weights=NETWORK.initial(SEED),
            settings=json.dumps({"hidden": HIDDEN, "rate": TRAINING.learning_rate, "batch": TRAINING.batch_size}),
        )
        own = {"OMP_NUM_THREADS": "1", "HOME": folder, "PYTHONPATH": str(PEERS)}
        environment = {**os.environ, **own, "WORK": str(work), "RESULT": str(result)}
        ended = subprocess.run(
            [python, PEERS / script], env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert result.is_file(), f"{script} failed:\n{ended.stdout[-2000:]}{ended.stderr[-4000:]}"
        found = np.load(result)
        return float(found["seconds"]), found["weights"]


def against_peer(benchmark: Any, python: str, script: str, hospitals: int) -> tuple[float, float]:
    """Median seconds of the cohort engine, timed before and after the peer, and the peer's; both end at one model."""
    data = dataset(hospitals)
    run = partial(together, cohort_engine(data), data)
    found = benchmark.pedantic(run, rounds=5, warmup_rounds=1)
    theirs, expected = peer(python, script, data)
    assert_same_model(found, expected, data)
    ours = list(benchmark.stats.stats.data)
    for _ in range(len(ours)):
        started = time.perf_counter()
        run()
        ours.append(time.perf_counter() - started)
    return float(np.median(ours)), theirs


def assert_same_model(found: Weights, expected: Weights, data: FederatedDataset) -> None:
    """Equal but for rounding.

    Where a hidden unit is within 1e-8 of zero for some patient, two orders of summation fall on either side of the
    ReLU's kink and one step differs; hence weights are held to 5e-3, and what they predict to an AUROC within 1e-4.
    """
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-3)
    features = np.concatenate([hospital.train.features for hospital in data.hospitals])
    labels = np.concatenate([hospital.train.labels for hospital in data.hospitals])
    ours, theirs = (auroc(labels, NETWORK.predict(weights, features)) for weights in (found, expected))
    assert ours is not None
    assert theirs is not None
    assert abs(ours - theirs) <= 1e-4


def report(benchmark: Any, name: str, **figures: float) -> None:
    """Print figures and keep them with the timing."""
    benchmark.extra_info.update(figures)
    print(f"\n{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))


def hold(ratio: float, target: float) -> None:
    """In `make bench`, fail where a ratio is less than half its target: a busy machine, no more, explains that much."""
    if os.environ.get("CHAINWARD_BENCH"):
        assert ratio >= target / 2, f"{ratio:.1f} where at least {target} is aimed at"
