"""Ranks with ties: what `scipy.stats.rankdata` gives, whose import takes longer than many a trial."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def mean_ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the rank of each of values [n], 1 for the smallest; equal values share the mean of theirs, exactly."""
    _, of, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: npt.NDArray[Any] = np.cumsum(counts) - (counts - 1) / 2
    return ranks[of]
