"""Which patients a gradient step sees, and that filling up a batch changes nothing."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_dataset import CPU, FEATURES, dataset, training

from chainward.engines.local.batches import batches, padded, schedule, seen, trimmed
from chainward.engines.local.cohort import train_cohort, with_ones
from chainward.engines.local.networks import TaskNetwork
from chainward.methods.randomness import stream

shapes = st.tuples(st.integers(1, 50), st.integers(1, 40), st.integers(1, 20))


@given(shapes, st.integers(0, 99))
def test_every_epoch_sees_every_patient_once(shape: tuple[int, int, int], seed: int) -> None:
    patients, steps, batch_size = shape
    schedule = batches(np.random.default_rng(seed), patients, steps, batch_size)
    assert len(schedule) == steps
    epoch = -(-patients // batch_size)
    for start in range(0, steps - epoch + 1, epoch):
        seen = np.concatenate(schedule[start : start + epoch])
        assert sorted(seen.tolist()) == list(range(patients))
    begun = np.concatenate(schedule[steps - steps % epoch :]) if steps % epoch else np.array([])
    assert len(set(begun.tolist())) == len(begun)


@given(shapes)
def test_batches_are_full_but_for_the_last_of_an_epoch(shape: tuple[int, int, int]) -> None:
    patients, steps, batch_size = shape
    epoch = -(-patients // batch_size)
    last = patients - (epoch - 1) * batch_size
    widths = [len(batch) for batch in batches(np.random.default_rng(0), patients, steps, batch_size)]
    assert widths == [last if (step + 1) % epoch == 0 else batch_size for step in range(steps)]


def test_epochs_are_shuffled_anew() -> None:
    schedule = batches(np.random.default_rng(0), 20, 8, 10)
    epochs = [np.concatenate(schedule[start : start + 2]).tolist() for start in range(0, 8, 2)]
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert list(range(20)) not in epochs


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 15))
def test_more_steps_begin_like_fewer(patients: int, steps: int, batch_size: int) -> None:
    few = batches(stream("a"), patients, steps, batch_size)
    many = batches(stream("a"), patients, steps + 5, batch_size)
    assert all(np.array_equal(one, other) for one, other in zip(few, many, strict=False))


@given(shapes, st.integers(0, 99))
def test_a_schedule_is_its_batches_side_by_side(shape: tuple[int, int, int], seed: int) -> None:
    patients, steps, batch_size = shape
    rows = schedule(np.random.default_rng(seed), patients, steps, batch_size)
    assert rows.shape == (steps, min(patients, batch_size))
    assert seen(patients, steps, batch_size) == (rows >= 0).sum()
    alone = batches(np.random.default_rng(seed), patients, steps, batch_size)
    assert [batch.tolist() for batch in trimmed(rows)] == [batch.tolist() for batch in alone]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 16))
def test_shares_of_a_batch_add_up_to_its_mean(sizes: list[int], steps: int, batch_size: int) -> None:
    schedules = [schedule(stream(number), size, steps, batch_size) for number, size in enumerate(sizes)]
    offsets = np.cumsum([0, *sizes])[:-1].tolist()
    rows, shares = padded(schedules, offsets, batch_size)
    assert rows.shape == shares.shape == (steps, len(sizes), batch_size)
    assert np.allclose(shares.sum(axis=2), 1.0)
    for k, (size, offset) in enumerate(zip(sizes, offsets, strict=True)):
        own = rows[:, k][shares[:, k] > 0]
        assert own.min() >= offset
        assert own.max() < offset + size


def test_padding_never_reaches_a_gradient() -> None:
    """Row 0, which fills up narrow batches, may hold anything, even what would blow up any network."""
    how = training()
    network = TaskNetwork(FEATURES, how, CPU)
    patients = dataset({"filler": 1, "small": 5})
    features = torch.tensor(with_ones(np.concatenate([one.train.features for one in patients.hospitals])))
    labels = torch.tensor(np.concatenate([one.train.labels for one in patients.hospitals]))
    rows, shares = padded([schedule(stream("a"), 5, 6, 16)], [1], 16)
    first = network.initial(0)[None]
    weights, losses = train_cohort(network, first, features, labels, rows, shares, 0.3)
    for poison in (0.0, 1e4, -3e5):
        features[0, :-1], labels[0] = poison, 1.0
        again = train_cohort(network, first, features, labels, rows, shares, 0.3)
        assert np.array_equal(again[0], weights)
        assert np.array_equal(again[1], losses)
    narrow, narrow_shares = padded([schedule(stream("a"), 5, 6, 16)], [1], 5)
    unpadded, _ = train_cohort(network, first, features, labels, narrow, narrow_shares, 0.3)
    assert np.abs(unpadded - weights).max() <= 1e-6
