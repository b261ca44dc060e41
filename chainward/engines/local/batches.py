"""Which patients each gradient step sees; the same on every engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
NOBODY = -1


def schedule(rng: np.random.Generator, patients: int, steps: int, batch_size: int) -> Indices:
    """Return the rows [S, B] that each of `steps` batches sees: epochs of shuffled patients, one after another.

    The last batch of an epoch may be smaller; its places that are left over hold `NOBODY`.
    """
    width = min(patients, batch_size)
    epoch = -(-patients // width)
    epochs = -(-steps // epoch)
    rows = np.full((epochs, epoch * width), NOBODY, dtype=np.int64)
    for order in rows:
        order[:patients] = rng.permutation(patients)
    return rows.reshape(-1, width)[:steps]


def batches(rng: np.random.Generator, patients: int, steps: int, batch_size: int) -> list[Indices]:
    """Return the same batches each on its own, without the places left over."""
    return trimmed(schedule(rng, patients, steps, batch_size))


def seen(patients: int, steps: int, batch_size: int) -> int:
    """Return how many rows a schedule holds."""
    epochs, rest = divmod(steps, -(-patients // batch_size))
    return epochs * patients + min(rest * batch_size, patients)


def trimmed(rows: Indices) -> list[Indices]:
    """Return each batch of a schedule [S, B] without the places left over."""
    return [batch[batch != NOBODY] for batch in rows]


def padded(schedules: Sequence[Indices], offsets: Sequence[int], width: int) -> tuple[Indices, npt.NDArray[np.float32]]:
    """Return rows [S, K, B] into concatenated records, and each row's share [S, K, B] of its batch's mean loss.

    Places left over are filled with row 0 at a share of zero, so padding never reaches a gradient.
    """
    rows = np.full((len(schedules[0]), len(schedules), width), NOBODY, dtype=np.int64)
    for k, own in enumerate(schedules):
        rows[:, k, : own.shape[1]] = own
    taken = rows != NOBODY
    shares = taken / taken.sum(axis=2, keepdims=True, dtype=np.float32)
    rows = np.where(taken, rows + np.asarray(offsets, dtype=np.int64)[:, None], 0)
    return rows, shares.astype(np.float32)
