"""Our merges against those of Flower's strategies, each on 200 random cohorts and without a server.

Flower leaves ties to the order of sorting. The cohorts are normal deviates, and Krum sums at least two distances, so no
two scores tie: with a single one, nearest neighbours of each other do. Bulyan comes down to one; there `flwr.server`
takes the lower index, as we do.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.server.strategy.aggregate import aggregate_bulyan, aggregate_krum
from flwr.serverapp import strategy as flower
from flwr.supercore.task_identity import TaskIdentity

from chainward.methods.aggregation import coordinate_median, trimmed_mean, weighted_mean
from chainward.methods.selection import bulyan, bulyan_selected, krum, krum_selected, multi_krum

Updates = npt.NDArray[np.float64]
Layers = list[npt.NDArray[np.float64]]
COHORTS = 200


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Flower's messages carry whose task they are of; a merge logs a line, and Bulyan's collects garbage every time."""
    for name in ("_run_id", "_task_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)
    monkeypatch.setattr(gc, "collect", lambda: 0)
    caplog.set_level(logging.ERROR, logger="flwr")


def cohorts(factor: int) -> Iterator[tuple[Updates, int, np.random.Generator]]:
    """Updates [K, P], K > 3, the f that K >= factor * f + 3 admits, and a stream; some send from far away."""
    for seed in range(COHORTS):
        rng = np.random.default_rng(seed)
        tolerated = int(rng.integers(0, 4))
        count = int(rng.integers(max(4, factor * tolerated + 3), factor * tolerated + 10))
        updates = rng.normal(size=(count, int(rng.integers(4, 30))))
        updates[rng.permutation(count)[:tolerated]] *= 10
        yield updates, tolerated, rng


def layers(update: npt.NDArray[np.float64]) -> Layers:
    """One update as two arrays, the first a matrix."""
    return [update[:4].reshape(2, 2), update[4:]]


def merged_by(strategy: flower.Strategy, updates: Updates, samples: npt.NDArray[np.int64]) -> Updates:
    """What Flower's strategy makes of replies with these updates, flat."""

    def reply(node: int) -> Message:
        asked = Message(RecordDict(), dst_node_id=node, message_type="train")
        metrics = MetricRecord({"num-examples": int(samples[node])})
        arrays = ArrayRecord(numpy_ndarrays=layers(updates[node]))
        return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=asked)

    arrays, _ = strategy.aggregate_train(1, [reply(node) for node in range(len(updates))])
    return np.concatenate([array.ravel() for array in arrays.to_numpy_ndarrays()])


def assert_close(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_weighted_mean_is_fedavg() -> None:
    for updates, _, rng in cohorts(2):
        samples = rng.integers(1, 500, len(updates))
        assert_close(weighted_mean(updates, samples.tolist()), merged_by(flower.FedAvg(), updates, samples))


def test_coordinate_median_is_fedmedian() -> None:
    for updates, _, rng in cohorts(2):
        assert_close(coordinate_median(updates), merged_by(flower.FedMedian(), updates, rng.integers(1, 9, 99)))


def test_trimmed_mean_is_fedtrimmedavg() -> None:
    for updates, _, rng in cohorts(2):
        beta = float(rng.uniform(0, 0.49))
        theirs = merged_by(flower.FedTrimmedAvg(beta=beta), updates, rng.integers(1, 9, 99))
        assert_close(trimmed_mean(updates, int(beta * len(updates))), theirs)


def test_krum_is_krum() -> None:
    for updates, tolerated, rng in cohorts(2):
        strategy = flower.Krum(num_malicious_nodes=tolerated)
        assert_close(krum(updates, tolerated), merged_by(strategy, updates, rng.integers(1, 9, 99)))


def test_multi_krum_is_multikrum() -> None:
    """Flower weighs the selected updates by their samples, and keeps more than K - f if told to."""
    for updates, tolerated, rng in cohorts(2):
        kept, samples = int(rng.integers(1, len(updates) - tolerated + 1)), rng.integers(1, 9, len(updates))
        strategy = flower.MultiKrum(num_malicious_nodes=tolerated, num_nodes_to_select=kept)
        assert_close(multi_krum(updates, tolerated, kept), merged_by(strategy, updates, np.ones_like(samples)))
        selected = krum_selected(updates, tolerated, kept)
        weighed = weighted_mean(updates[selected], samples[selected].tolist())
        assert_close(weighed, merged_by(strategy, updates, samples))


def test_bulyan_is_the_bulyan_that_selects_one_by_one() -> None:
    """`flwr.server` runs Krum again for each update it selects, as the paper has it."""
    for updates, tolerated, _ in cohorts(4):
        results = [(layers(update), 1) for update in updates]
        theirs = aggregate_bulyan(results, tolerated, aggregate_krum, to_keep=0)
        assert_close(bulyan(updates, tolerated), np.concatenate([array.ravel() for array in theirs]))


def test_bulyan_is_bulyan_on_the_same_selection() -> None:
    """`flwr.serverapp` scores once and takes the best theta, so it is told to select as we do."""

    def ours(updates: Updates, contents: list[RecordDict], tolerated: int, kept: int) -> list[RecordDict]:
        selected = bulyan_selected(updates, tolerated)
        assert len(selected) == kept
        return [contents[index] for index in selected]

    for updates, tolerated, rng in cohorts(4):
        strategy = flower.Bulyan(num_malicious_nodes=tolerated, selection_rule=partial(ours, updates))
        assert_close(bulyan(updates, tolerated), merged_by(strategy, updates, rng.integers(1, 9, 99)))
