"""What VerifiableFL's proofs take by batch and features, measured and modelled; with `rates`, where its rate is from.

    python benchmarks/proofs.py                 # one core: RAYON_NUM_THREADS=1
    python benchmarks/proofs.py rates           # validation AUROC at seed 0, mean of the last five of 30 rounds

Processor time of this process, so that what else runs on the machine counts little. It decides nothing: trials count
rows.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("RAYON_NUM_THREADS", "1")

import numpy as np
from sklearn.metrics import roc_auc_score

from chainward import tasks
from chainward.methods import groth16
from chainward.methods.circuit import Trace
from chainward.methods.fixed_point import running_mean
from chainward.strategy import discovery
from chainward.world import Speeds

KEY = "verifiable_fl"
COLUMNS = {"heart": (9, 23), "synthetic": (10, 0), "stroke": (10, 40)}
"""Features that are numbers, and those that are 0 or 1."""

PUBLISHED = {"divisor": 1_000, "grain": 1, "levels": 65_535}
DIVISORS = (10, 20, 50, 100, 200, 1_000)
TASKS: dict[str, dict[str, Any]] = {"heart": {}, "synthetic": {}, "synthetic_skewed": {}, "stroke": {}}
REPEATS, ROUNDS, LAST = 5, 30, 5


def proof(batch: int, numbers: int, bits: int, **params: Any) -> str:
    """Set up, prove and verify a step on random patients; say what that took."""
    it, rng = discovery.build(KEY, {"batch": batch, **params}), np.random.default_rng(0)
    module, binary = sys.modules[type(it).__module__], (False,) * numbers + (True,) * bits
    scale = it.precision / it.grain
    numeric = np.clip(np.rint(rng.standard_normal((batch, numbers)) * scale), -it.levels, it.levels)
    levels = np.hstack([numeric, rng.integers(0, 2, (batch, bits))]).astype(int).tolist()
    own = module.Batch(levels, rng.integers(0, 2, batch).tolist(), 2**250 + 1)
    started = time.process_time()
    keys = groth16.set_up(it._shape(binary), rng)
    made = time.process_time()
    key = groth16.proving_key(keys.proving)
    read = time.process_time()
    for _ in range(REPEATS):
        trace = Trace()
        it.learn(trace, binary, 7, [0] * len(binary) + [it.precision // 2], own)
        found = groth16.prove(key, trace, rng)
    proved = (time.process_time() - read) / REPEATS
    assert groth16.verify(keys.verifying, trace.values[1 : trace.publics + 1], found)
    modelled = groth16.proving_flops(trace.size, trace.long) / Speeds().flops_per_s
    sizes = f"{batch:3} {numbers:4} {bits:4} {trace.size.rows:6} {trace.size.domain:6} {trace.size.publics:4}"
    return f"{sizes} {made - started:7.2f} {read - made:6.2f} {proved:7.3f} {modelled:8.4f}"


def rate(task: str, divisor: int) -> float:
    """Validation AUROC of the protocol's steps and means, without proofs."""
    it, hospitals = discovery.build(KEY, {"divisor": divisor}), tasks.load(task, **TASKS[task]).dataset(0).hospitals
    features = np.concatenate([one.train.features for one in hospitals])
    binary = tuple(bool(np.isin(column, (0.0, 1.0)).all()) for column in features.T)
    rng = np.random.default_rng(0)
    memories = [
        {"binary": binary, "order": rng.permutation(len(one.train)), "salts": bytes(32 * 30)} for one in hospitals
    ]
    rows, labels = (
        np.concatenate([getattr(one.validation, name) for one in hospitals]) for name in ("features", "labels")
    )
    model, turns, scores = (*[0] * len(binary), it.precision // 2), 0, []
    for _ in range(ROUNDS):
        trainers = range(turns, turns + min(it.trainers, len(hospitals)))
        turns = trainers.stop
        steps = []
        for turn in trainers:
            number, place = divmod(turn, len(hospitals))
            own = it._batch(hospitals[place], memories[place], number % it.batches)
            steps.append(tuple(it.learn(Trace(), binary, 0, model, own)))
        model = running_mean(steps)
        scores.append(roc_auc_score(labels, it.predict({"model": np.array(model)}, rows, None)))
    return float(np.mean(scores[-LAST:]))


def main() -> None:
    """Print one of the two tables."""
    if "rates" in sys.argv:
        found = {task: [rate(task, divisor) for divisor in DIVISORS] for task in TASKS}
        print(f"{'divisor':17}" + "".join(f"{divisor:>8}" for divisor in DIVISORS))
        for task, scores in {**found, "mean": np.mean(list(found.values()), axis=0).tolist()}.items():
            print(f"{task:17}" + "".join(f"{score:8.4f}" for score in scores))
        return
    print("batch numbers bits rows domain publics | set-up s, key read s, proof s (measured), proof s (modelled)")
    for task, columns in COLUMNS.items():
        print(f"{task}, common track")
        for batch in (4, 10):
            print(proof(batch, *columns))
    print("nine numbers, as published")
    for batch in (10, 20, 30, 40):
        print(proof(batch, 9, 0, **PUBLISHED))


if __name__ == "__main__":
    main()
