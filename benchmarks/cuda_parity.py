"""Whether the cohort engine does on a GPU what it does on a processor core, and in how many seconds.

Run as `python benchmarks/cuda_parity.py`: three rounds of FedAvg's training at 100 and at 1,000 hospitals of 100
patients each, by every network, on each device; one JSON document on standard output, and exit status 1 where they are
apart by more than a test allows. Other devices and cohorts: `python benchmarks/cuda_parity.py cpu cpu --hospitals 5`.

Beside torch, numpy, pandas and scipy it imports what `chainward.tasks` and `chainward.world` do: pydantic, cbor2,
cryptography, pooch and platformdirs. Where a machine lacks them and reaches no index, bring them along:

    pip install --target build/gpu --python-version 3.12 --platform manylinux_2_28_x86_64 --only-binary :all: \\
        -c constraints.txt pydantic cbor2 cryptography pooch platformdirs
    PYTHONPATH=.:build/gpu python benchmarks/cuda_parity.py
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from chainward.engines.local.cohort import CohortEngine
from chainward.engines.local.networks import TaskNetwork
from chainward.engines.local.sites import Sites
from chainward.ledgers.store import MemoryStore
from chainward.methods.aggregation import weighted_mean
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Training
from chainward.world import FIT

ROWS, ROUNDS, SEED = 100, 3, 0
APART = 1e-4
"""As in tests/engines/local/test_networks.py: the devices add up in another order."""


@dataclass(frozen=True)
class Work:
    """A network, and how many values a patient has at how many times (None: about no time)."""

    training: Training
    features: int
    times: int | None = None


WORKS = {
    "logistic": Work(Training("logistic", 0, 0.1, 32, 32), 30),
    "mlp": Work(Training("mlp", 64, 0.1, 32, 32), 30),
    "tcn": Work(Training("tcn", 16, 0.1, 32, 8), 24 * 20, 24),
}


@dataclass(frozen=True)
class Run:
    """Seconds of the rounds, and what came out: every hospital's last weights [K, P] and losses [K], and the merged
    model's predictions [n] for the first hospital."""

    seconds: float
    weights: np.ndarray
    losses: np.ndarray
    predictions: np.ndarray


def dataset(hospitals: int, work: Work) -> FederatedDataset:
    """Hospitals of random patients, of 60 to 140 each, whose outcome depends on their first value."""
    rng = np.random.default_rng(SEED)

    def records() -> Patients:
        size = int(rng.integers(ROWS - 40, ROWS + 41))
        features = rng.standard_normal((size, work.features), dtype=np.float32)
        return Patients(features, (features[:, 0] + rng.normal(size=size) > 0).astype(np.float32), np.arange(size))

    parts = [HospitalDataset(f"hospital {k}", own, own, own) for k in range(hospitals) for own in [records()]]
    return FederatedDataset(tuple(parts), (), {}, "", (), sequence=work.times)


def trained(work: Work, data: FederatedDataset, device: torch.device) -> Run:
    """Run the rounds on a device, after a first one that is not counted."""
    network = TaskNetwork(work.features, work.training, device, work.times)
    store: Any = MemoryStore()
    engine = CohortEngine(Sites(data, work.training, network, SEED, store, lambda *_: None))
    names = list(engine.sites.training_rows)

    def round_of(number: int, weights: np.ndarray) -> list[Any]:
        answers = engine.run(FIT, dict.fromkeys(names, weights), f"{number}/fit/1")
        return [answers[name].value for name in names]

    weights = network.initial(SEED)
    round_of(0, weights)
    started = time.perf_counter()
    for number in range(1, ROUNDS + 1):
        updates = round_of(number, weights)
        weights = weighted_mean([update.weights for update in updates], [update.samples for update in updates])
    seconds = time.perf_counter() - started
    stacked, losses = (np.array([getattr(update, name) for update in updates]) for name in ("weights", "loss"))
    return Run(seconds, stacked, losses, network.predict(weights, data.hospitals[0].train.features))


def compared(name: str, hospitals: int, devices: list[str]) -> dict[str, Any]:
    """Train on both devices, on the second twice."""
    work = WORKS[name]
    data = dataset(hospitals, work)
    here, there, again = (trained(work, data, torch.device(device)) for device in (*devices, devices[1]))
    apart = {
        f"{part}_apart": float(np.abs(getattr(here, part) - getattr(there, part)).max())
        for part in ("weights", "losses", "predictions")
    }
    return {
        "network": name,
        "hospitals": hospitals,
        "parameters": here.weights.shape[1],
        "steps": ROUNDS * work.training.local_steps,
        f"{devices[0]}_s": round(here.seconds, 3),
        f"{devices[1]}_again_s" if devices[0] == devices[1] else f"{devices[1]}_s": round(there.seconds, 3),
        "times_as_fast": round(here.seconds / there.seconds, 2),
        **apart,
        "same_again": bool(np.array_equal(there.weights, again.weights)),
        "within": bool(max(apart.values()) <= APART),
    }


def main() -> int:
    """Print the document; return whether a comparison failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("devices", nargs="*", default=["cpu", "cuda"])
    parser.add_argument("--hospitals", nargs="+", type=int, default=[100, 1_000])
    parser.add_argument("--networks", nargs="+", default=list(WORKS), choices=list(WORKS))
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as in a trial
    rows = [compared(name, count, asked.devices) for count in asked.hospitals for name in asked.networks]
    gpu = torch.cuda.get_device_name() if "cuda" in asked.devices else None
    print(json.dumps({"torch": torch.__version__, "gpu": gpu, "tolerance": APART, "comparisons": rows}, indent=1))
    return int(not all(row["within"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
