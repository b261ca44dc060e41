"""Heart beats as rows: a window around each R peak, and how far it is from its neighbours."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainward.tasks.cohort import Column

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

POINTS, PEAK, POINT_RATE = 50, 18, 70
"""A window has so many points, that one on the R peak, so many a second."""
BEFORE, AFTER = PEAK / POINT_RATE, (POINTS - 1 - PEAK) / POINT_RATE
"""Seconds of a window before and after the R peak."""
NEAR = 10
"""Intervals in the local mean."""
BEYOND = "no beat before or after it in the record, or its window is not whole"

COLUMNS = (
    *(Column(f"point {number}", unit="mV", least=-20, most=20) for number in range(1, POINTS + 1)),
    *(Column(name, unit="s", least=0.1, most=10) for name in ("RR before", "RR after", "RR, local mean")),
)

AAMI: Mapping[str, str] = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
"""Annotations of MIT-BIH by the classes of ANSI/AAMI EC57: normal, supraventricular, ventricular, fusion, unknown."""
CLASS = {symbol: name for name, symbols in AAMI.items() for symbol in symbols}


def library(name: str) -> Any:
    """Import an extra that takes seconds, warns of what it imports, and has matplotlib write into the home folder."""
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = os.environ.setdefault("MPLCONFIGDIR", folder)
        try:
            return import_module(name)
        finally:
            if given == folder:
                del os.environ["MPLCONFIGDIR"]


@dataclass(frozen=True, eq=False)
class Beats:
    """Beats of one record in the order of time.

    windows: [n, POINTS] mV, the middle of each at 0. intervals: [n, 3] seconds to the beat before, to the one after,
    and the mean of the last `NEAR`. seconds: [n] since the record began. classes: [n] of `AAMI`.
    left_out: how many beats are not here.
    """

    windows: Floats
    intervals: Floats
    seconds: Floats
    classes: NDArray[np.str_]
    left_out: int = 0

    @property
    def features(self) -> Floats:
        """All columns [n, POINTS + 3]."""
        return np.concatenate([self.windows, self.intervals], axis=1)


def cut(signal: Floats, peaks: Sequence[int] | Integers, symbols: Sequence[str], rate: float) -> Beats:
    """Cut a signal [t] in mV, of so many values a second, around its R peaks, of which each has a symbol.

    The first and the last beat have no neighbour on one side, and a window may not be whole: these are left out.
    """
    at = np.asarray(peaks, dtype=np.int64)
    seconds, between = at / rate, np.diff(at) / rate
    whole = (at - BEFORE * rate >= 0) & (at + AFTER * rate <= len(signal) - 1)
    kept = np.flatnonzero(whole[1:-1]) + 1
    return Beats(
        windows=windows(signal, at[kept], rate),
        intervals=intervals(between, kept),
        seconds=seconds[kept],
        classes=np.array([CLASS[symbols[number]] for number in kept.tolist()], dtype=np.str_),
        left_out=len(at) - len(kept),
    )


def windows(signal: Floats, peaks: Integers, rate: float) -> Floats:
    """Windows [n, POINTS] around peaks [n], resampled by straight lines, each less its median."""
    places = peaks[:, None] + (np.arange(POINTS) - PEAK) * rate / POINT_RATE
    found = np.interp(places, np.arange(len(signal)), signal)
    middled: Floats = found - np.median(found, axis=1, keepdims=True)
    return middled


def intervals(between: Floats, beats: Integers) -> Floats:
    """Intervals [n, 3] of beats [n] by their numbers; `between` [m - 1] are the seconds between all m of them."""
    total = np.concatenate([[0.0], np.cumsum(between)])
    first = np.maximum(beats - NEAR, 0)
    local = (total[beats] - total[first]) / (beats - first)
    return np.stack([between[beats - 1], between[beats], local], axis=1)


def plausible(features: Floats) -> tuple[Floats, dict[str, int]]:
    """Features [n, d] with NaN for what lies beyond `least` to `most` of its column, and how many, by the reason."""
    least, most = (np.array([getattr(column, name) for column in COLUMNS]) for name in ("least", "most"))
    beyond = (features < least) | (features > most)
    counts: dict[str, int] = {}
    for column, count in zip(COLUMNS, beyond.sum(axis=0).tolist(), strict=True):
        if count:
            what = "a point" if column.unit == "mV" else column.name
            reason = f"{what} beyond {column.least:g} to {column.most:g} {column.unit} is missing"
            counts[reason] = counts.get(reason, 0) + count
    found: Any = np.where(beyond, np.nan, features)
    return found, counts
