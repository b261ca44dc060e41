"""The cohort engine against the same work one hospital after another, and against its matrix products alone."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from common_work import (
    FEATURES,
    HIDDEN,
    NETWORK,
    ROUNDS,
    SEED,
    TRAINING,
    Weights,
    assert_same_model,
    cohort_engine,
    dataset,
    hold,
    interleaved,
    mean,
    orders,
    report,
    together,
)
from peers.plain_torch import Network, epoch

from chainward.tasks.base import FederatedDataset

SIZES = [10, pytest.param(100, marks=pytest.mark.slow)]
HOW = {"rate": TRAINING.learning_rate, "batch": TRAINING.batch_size}


def one_after_another(data: FederatedDataset) -> Weights:
    """Ten FedAvg rounds, hospital by hospital with `torch.optim.SGD`."""
    weights = NETWORK.initial(SEED)
    for number in range(ROUNDS):
        trained = []
        for hospital, order in zip(data.hospitals, orders(data, number), strict=True):
            network = Network(FEATURES, HIDDEN, weights)
            features, labels = torch.from_numpy(hospital.train.features), torch.from_numpy(hospital.train.labels)
            epoch(network, features, labels, torch.from_numpy(order), HOW)
            trained.append(network.flat())
        weights = mean(trained)
    return weights


def bare_products(hospitals: int) -> None:
    """The matrix products of ten rounds and nothing else: one `baddbmm` each, into buffers that stay."""
    models, width = hospitals, TRAINING.batch_size
    rows, first = torch.ones(models, width, FEATURES), torch.zeros(models, FEATURES, HIDDEN)
    bias, active, back = torch.zeros(models, 1, HIDDEN), *torch.zeros(2, models, width, HIDDEN)
    second, last, logits = torch.zeros(models, HIDDEN, 1), torch.zeros(models, 1, 1), torch.zeros(models, width, 1)
    for _ in range(ROUNDS * TRAINING.local_steps):
        torch.baddbmm(bias, rows, first, out=active)
        torch.baddbmm(last, active, second, out=logits)
        torch.baddbmm(bias, logits, second.mT, out=back)
        second.baddbmm_(active.mT, logits)
        first.baddbmm_(rows.mT, back)


@pytest.mark.parametrize("hospitals", SIZES)
def test_cohort_engine_against_a_serial_loop(benchmark, hospitals: int) -> None:
    data = dataset(hospitals)
    run = partial(together, cohort_engine(data), data)
    ours_s, serial_s = interleaved(run, partial(one_after_another, data), 3)
    assert_same_model(benchmark.pedantic(run, rounds=3, warmup_rounds=1), one_after_another(data), data)
    report(benchmark, f"{hospitals} hospitals", ours_s=ours_s, serial_s=serial_s, ratio=serial_s / ours_s)
    hold(serial_s / ours_s, 15)


@pytest.mark.parametrize("hospitals", SIZES)
def test_cohort_engine_against_its_matrix_products_alone(benchmark, hospitals: int) -> None:
    data = dataset(hospitals)
    run = partial(together, cohort_engine(data), data)
    ours_s, bare_s = interleaved(run, partial(bare_products, hospitals), 5)
    again = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert np.array_equal(again, run())
    report(benchmark, f"{hospitals} hospitals", ours_s=ours_s, bare_s=bare_s, times_the_bare_loop=ours_s / bare_s)
    hold(bare_s / ours_s, 1 / 2)
