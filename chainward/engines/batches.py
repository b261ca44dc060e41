"""Which patients each gradient step sees; the same on every engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def batches(rng: np.random.Generator, patients: int, steps: int, batch_size: int) -> list[Indices]:
    """Return the rows of each of `steps` batches: epochs of shuffled patients, the last batch of an epoch smaller."""
    chosen: list[Indices] = []
    while len(chosen) < steps:
        order = rng.permutation(patients)
        chosen.extend(order[start : start + batch_size] for start in range(0, patients, batch_size))
    return chosen[:steps]


def padded(
    schedules: Sequence[Sequence[Indices]], offsets: Sequence[int], width: int
) -> tuple[Indices, npt.NDArray[np.float32]]:
    """Return rows [K, S, B] into concatenated records, and each row's share [K, S, B] of its batch's mean loss.

    Batches narrower than `width` are filled with row 0 at a share of zero, so padding never reaches a gradient.
    """
    steps = len(schedules[0])
    rows = np.zeros((len(schedules), steps, width), dtype=np.int64)
    shares = np.zeros((len(schedules), steps, width), dtype=np.float32)
    for k, (schedule, offset) in enumerate(zip(schedules, offsets, strict=True)):
        for s, batch in enumerate(schedule):
            rows[k, s, : len(batch)] = batch + offset
            shares[k, s, : len(batch)] = 1 / len(batch)
    return rows, shares
