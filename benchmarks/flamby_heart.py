"""FLamby's Fed-Heart-Disease with our reader: accuracies beside those that its authors publish, and what differs.

Run as `python benchmarks/flamby_heart.py`. Published (Ogier du Terrail et al. 2022, arXiv 2210.04620; five seeds, the
254 test patients of all centres together): logistic regression on pooled data 0.795 +- 0.003, FedAvg 0.748 +- 0.027.

Their setting: a fixed split of each centre (34 % tested, stratified), ten columns with cp and restecg as indicators
without the first level, one linear layer, batches of 4. Pooled: standardised by all training patients, 50 epochs of
Adam at 0.001. FedAvg: each centre standardises its training patients by themselves, 15 rounds of 100 steps of SGD at
0.001; but the pooled test patients are standardised by all training patients, as FLamby's reader does for pooled data.
The seed draws first weights and order of patients; ours are twenty, not five, since our generator is not PyTorch's.
All seeds train side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from chainward.tasks.cohort import Cohort
from chainward.tasks.heart import Heart

Array = NDArray[np.float64]
PUBLISHED = {"pooled": (0.795, 0.003), "FedAvg": (0.748, 0.027)}
SEEDS = range(20)
BATCH, EPOCHS, ROUNDS, LOCAL_STEPS, RATE = 4, 50, 15, 100, 0.001


@dataclass(frozen=True)
class Centre:
    """A centre's features [n, 13] as they are and labels [n], apart for training and test."""

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array


def centres(cohort: Cohort) -> list[Centre]:
    """Return the four centres with FLamby's features and its split of each."""
    features, labels = _encoded(cohort), np.asarray(cohort.labels, dtype=np.float64)
    found = []
    for number in range(len(cohort.names)):
        rows = np.flatnonzero(cohort.hospitals == number)
        few = min(np.bincount(labels[rows].astype(int), minlength=2)) <= 2  # Switzerland has one healthy patient
        strata = None if few else labels[rows]
        train, test = train_test_split(rows, test_size=1 - 0.66, train_size=0.66, random_state=43, stratify=strata)
        found.append(Centre(features[train], labels[train], features[test], labels[test]))
    return found


def _encoded(cohort: Cohort) -> Array:
    columns = []
    for column in cohort.columns:
        cells = cohort.frame[column.name]
        levels = column.levels[1:] if column.kind == "category" else ()
        columns += [(cells == level).to_numpy(dtype=np.float64) for level in levels] or [cells.to_numpy(np.float64)]
    return np.column_stack(columns)


def standardised(train: Array, *others: Array) -> tuple[Array, ...]:
    """Return features by the mean and deviation of the first, with a column of ones."""
    mean, deviation = train.mean(axis=0), train.std(axis=0, ddof=1) + 1e-9
    return tuple(np.column_stack([(one - mean) / deviation, np.ones(len(one))]) for one in (train, *others))


def pooled(parts: Sequence[Centre], seeds: Sequence[int] = SEEDS) -> Array:
    """Return each seed's accuracy [s] of one model on all training patients."""
    train, test = standardised(np.concatenate([c.train for c in parts]), np.concatenate([c.test for c in parts]))
    labels = np.concatenate([c.train_labels for c in parts])
    rngs = [np.random.default_rng(seed) for seed in seeds]
    steps = EPOCHS * -(-len(train) // BATCH)
    weights = _trained(_first(rngs), train, labels, _batches(rngs, len(train), steps), _adam())
    return _accuracy(weights, test, np.concatenate([c.test_labels for c in parts]))


def fedavg(parts: Sequence[Centre], seeds: Sequence[int] = SEEDS) -> Array:
    """Return each seed's accuracy [s] of the model that FedAvg ends with."""
    own = [standardised(c.train)[0] for c in parts]
    _, test = standardised(np.concatenate([c.train for c in parts]), np.concatenate([c.test for c in parts]))
    shares = np.array([len(c.train) for c in parts]) / sum(len(c.train) for c in parts)
    rngs = [np.random.default_rng(seed) for seed in seeds]
    weights = _first(rngs)
    for _ in range(ROUNDS):
        updates = [
            _trained(weights, train, c.train_labels, _batches(rngs, len(train), LOCAL_STEPS), lambda g: RATE * g)
            for c, train in zip(parts, own, strict=True)
        ]
        weights = np.tensordot(shares, np.stack(updates), axes=1)
    return _accuracy(weights, test, np.concatenate([c.test_labels for c in parts]))


def _first(rngs: Sequence[np.random.Generator]) -> Array:
    """First weights [s, 14] as PyTorch draws those of a linear layer."""
    return np.stack([rng.uniform(-1, 1, 14) / np.sqrt(13) for rng in rngs])


def _batches(rngs: Sequence[np.random.Generator], count: int, steps: int) -> Iterator[NDArray[np.int64]]:
    """Yield rows [s, b] of `steps` batches, each seed going through all patients in an order drawn anew."""
    each = -(-count // BATCH)
    for step in range(steps):
        if step % each == 0:
            orders = np.stack([rng.permutation(count) for rng in rngs])
        yield orders[:, step % each * BATCH : (step % each + 1) * BATCH]


def _trained(weights: Array, features: Array, labels: Array, batches: Any, step: Callable[[Array], Array]) -> Array:
    for rows in batches:
        inputs = features[rows]
        predicted = 1 / (1 + np.exp(-np.einsum("sbd,sd->sb", inputs, weights)))
        gradient = np.einsum("sbd,sb->sd", inputs, predicted - labels[rows]) / rows.shape[1]
        weights = weights - step(gradient)
    return weights


def _adam() -> Callable[[Array], Array]:
    mean, square, count = np.zeros(14), np.zeros(14), 0

    def step(gradient: Array) -> Array:
        nonlocal mean, square, count
        mean, square, count = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2, count + 1
        return RATE * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)

    return step


def _accuracy(weights: Array, features: Array, labels: Array) -> Array:
    return ((features @ weights.T > 0) == (labels[:, None] > 0)).mean(axis=0)


def harness(strategy: str, seeds: Sequence[int]) -> Array:
    """Return each seed's accuracy of a strategy of ours with a logistic model, on its fold of the same 740 patients."""
    from chainward.plans.resolve import resolve
    from chainward.plans.specification import Specification
    from chainward.trials.checkpoint import Checkpoint
    from chainward.trials.prepare import prepared
    from chainward.trials.run import run_trial

    task, found = Heart(variant="flamby"), []
    for seed in seeds:
        specification = Specification(strategy, "heart", seed, task.rounds, task_params={"variant": "flamby"})
        resolved = resolve(specification)
        resolved = replace(resolved, training=replace(resolved.training, network="logistic", hidden=0))
        _, predicted = run_trial(prepared(resolved, task.dataset(seed), "cpu"), Checkpoint())
        found.append(float(((predicted.probability > 0.5) == (predicted.label > 0)).mean()))
    return np.array(found)


def main() -> None:
    """Print our figures beside the published ones."""
    parts = centres(Heart(variant="flamby").cohort())
    rows = {
        ("pooled", "FLamby's split and optimiser"): pooled(parts),
        ("pooled", "five folds, the harness's own training, logistic"): harness("pooled", range(5)),
        ("FedAvg", "FLamby's split, rounds and optimiser"): fedavg(parts),
        ("FedAvg", "five folds, the harness's own training, logistic"): harness("fedavg", range(5)),
    }
    for (name, how), found in rows.items():
        mean, spread = PUBLISHED[name]
        print(f"{name:7} {found.mean():.3f} +- {found.std():.3f}  published {mean} +- {spread}  {how}")


if __name__ == "__main__":
    main()
