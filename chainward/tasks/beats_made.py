"""Beats that are made: ECGSYN's dynamical model of a beat (McSharry et al. 2003) by `neurokit2`, in a rhythm of ours.

A patient has a shape of its own; in a third of them all beats are broad, as with a bundle branch block, so that who
knows others alone takes their normal beats for ventricular ones. A ventricular beat comes early, has no P wave, a wide
QRS complex, its T wave upside down and a pause after it; a supraventricular one comes early with a small early P wave,
and is else like a normal one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainward.tasks.beats import CLASS, POINTS, Beats, Floats, intervals, library, windows

RATE, SECONDS = 180, 8
SYMBOLS = ("N", "A", "V")
NOISE = 0.12
"""mV, standard deviation of what is added to each point."""

ANGLES, HEIGHTS, WIDTHS = (-70, -15, 0, 15, 100), (1.2, -5, 30, -7.5, 0.75), (0.25, 0.1, 0.1, 0.1, 0.4)
"""ECGSYN's own, of the waves P, Q, R, S, T: degrees, heights, and widths in radians."""
BROAD = 1.9
"""How much broader a QRS complex is with a bundle branch block."""
SHAPES: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "N": ((0, 0, 0, 0, 0), (1, 1, 1, 1, 1), (1, 1, 1, 1, 1)),
    "A": ((-15, 0, 0, 0, 0), (0.4, 1, 1, 1, 1), (0.7, 1, 1, 1, 1)),
    "V": ((0, -15, 0, 20, 15), (0, 0.8, 0.8, 1.3, -2), (1, 2.2, 2.2, 2.5, 1)),
}
"""What each kind of beat adds to the angles, and what it multiplies heights and widths with."""


def record(population: int, number: int, beats: int) -> Beats:
    """A patient's beats; equal arguments give equal ones, and those of another patient do not matter."""
    rng = np.random.default_rng([population, number])
    angles, heights, widths = (rng.normal(1, spread, 5) for spread in (0.05, 0.15, 0.1))
    widths[1:4] *= BROAD if rng.random() < 1 / 3 else 1.0
    pools = {kind: _pool(kind, angles, heights, widths, int(rng.integers(2**31))) for kind in SYMBOLS}
    symbols, between = _rhythm(rng, beats)
    chosen = np.stack([pools[kind][rng.integers(len(pools[kind]))] for kind in symbols[1:-1]])
    return Beats(
        windows=chosen + rng.normal(0, NOISE, chosen.shape),
        intervals=intervals(between, np.arange(1, beats + 1)),
        seconds=np.cumsum(between)[:-1],
        classes=np.array([CLASS[kind] for kind in symbols[1:-1]], dtype=np.str_),
    )


def _pool(kind: str, angles: Floats, heights: Floats, widths: Floats, seed: int) -> Floats:
    """Windows [n, POINTS] of a few seconds of one kind of beat."""
    from scipy.signal import find_peaks

    added, times, wider = (np.array(part) for part in SHAPES[kind])
    signal = library("neurokit2").ecg_simulate(
        duration=SECONDS,
        sampling_rate=RATE,
        heart_rate=60,
        heart_rate_std=1,
        noise=0,
        method="ecgsyn",
        random_state=seed,
        ti=np.array(ANGLES) * angles + added,
        ai=np.array(HEIGHTS) * heights * times,
        bi=np.array(WIDTHS) * widths * wider,
    )
    peaks, _ = find_peaks(signal, height=0.6 * np.max(signal), distance=RATE // 2)
    found = windows(np.asarray(signal), peaks[1:-1], RATE)
    assert found.shape[1] == POINTS
    return found


def _rhythm(rng: np.random.Generator, beats: int) -> tuple[list[str], Floats]:
    """The kind of each of so many beats, and of one before and one after, and the seconds between them."""
    usual, rare = rng.uniform(0.65, 1.0), rng.dirichlet((40, 3, 5))
    kinds = rng.choice(SYMBOLS, size=beats + 2, p=rare)
    kinds[[0, -1]] = "N"
    between = usual * (1 + 0.03 * rng.standard_normal(beats + 1))
    early, pause = rng.uniform(0.65, 1.0, beats + 1), rng.uniform(1.0, 1.15, beats + 1)
    for at in range(1, beats + 1):
        if kinds[at] != "N":
            between[at - 1] *= early[at]
            between[at] = 2 * usual - between[at - 1] if kinds[at] == "V" else usual * pause[at]
    return kinds.tolist(), between
