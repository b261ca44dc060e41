"""Epochs of BlockFL: the seconds of their parts, as often as a fork repeats them, and the means over many.

Kim et al. 2020 (arXiv 1808.03949). Rates are those of one miner, in blocks a second; see `mining`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from chainward.methods.mining import (
    Terms,
    expected_latency,
    optimal_rate,
    races,
    races_until_one_wins,
    recalled_rate,
)

PARTS = ("local", "upload", "cross_verification", "mining", "propagation", "download")


class Try(NamedTuple):
    """Seconds of the parts of one try besides mining; `propagation` is T_bp, the same to every other miner."""

    local: float
    upload: float
    cross_verification: float
    propagation: float


class Epoch(NamedTuple):
    """The miner that won in the end, how many tries forked before, and the epoch's figures."""

    winner: int
    forks: int
    figures: Mapping[str, float]


def transfer(bits: float, bandwidth_hz: float, snr_db: float) -> float:
    """Return the seconds that bits take on a link of W log2(1 + snr) bits a second.

    Examples:
        >>> transfer(300, bandwidth_hz=100, snr_db=0)
        3.0
    """
    return bits / (bandwidth_hz * math.log2(1 + 10 ** (snr_db / 10)))


def rates(once: Try, miners: int, given: float = 0.0, factor: float = 1.0) -> dict[str, float]:
    """Return the rate `given`, or `factor` times the best one; the best one, and that of the recalled formula.

    Raises:
        ValueError: no rate is given, and none is best where a block is with all miners at once.
    """
    terms = _terms(once, miners)
    best = optimal_rate(terms)
    if math.isinf(best):
        if not given:
            raise ValueError("a single miner never forks, so no rate is best: give a block_rate")
        return {"rate used": given}
    recalled = recalled_rate(miners, once.propagation, terms.overhead - once.propagation)
    return {"rate used": given or factor * best, "rate optimal": best, "rate recalled": recalled}


def mined(once: Try, miners: int, rate: float, more: int, rng: np.random.Generator) -> Epoch:
    """Let miners race until one wins, and `more` races besides, which only tell what such an epoch takes."""
    terms, delays = _terms(once, miners), [once.propagation] * miners
    contest, extra = rng.spawn(2)
    tries = races_until_one_wins(rate, delays, contest)
    sampled = races(rate, delays, more, extra)
    figures = {part: len(tries) * seconds for part, seconds in once._asdict().items()} | {
        "mining": sum(one.mining for one in tries),
        "expected": expected_latency(rate, terms),
        "races": len(tries),
        "forks": len(tries) - 1,
        "simulated races": more,
        "simulated forks": int(sampled.forked.sum()),
        "simulated seconds": more * terms.overhead + float(sampled.mining.sum()),
    }
    return Epoch(tries[-1].winner, len(tries) - 1, figures)


def means(sums: Mapping[str, float], epochs: int) -> dict[str, Mapping[str, float]]:
    """Return what the figures of so many epochs, added up with the seconds of their downloads, come to.

    `expected` is E[T], of all parts but the download. `simulated` is the same from the further races alone: seconds of
    all tries over those that did not fork.
    """
    mean = {name: total / epochs for name, total in sums.items()}
    latency = {part: mean[part] for part in PARTS}
    found: dict[str, Mapping[str, float]] = {
        "latency_s": {**latency, "total": sum(latency.values()), "expected": mean["expected"]},
        "rate": {name.removeprefix("rate "): mean[name] for name in mean if name.startswith("rate ")},
        "forks": {"forks": sums["forks"], "races": sums["races"]},
    }
    forks, tried = sums["simulated forks"], sums["simulated races"]
    if tried > forks:
        seconds = sums["simulated seconds"] / (tried - forks)
        found["simulated"] = {"latency_s": seconds, "forks": forks, "races": tried}
    return found


def _terms(once: Try, miners: int) -> Terms:
    return Terms(miners, sum(once), (miners - 1) * once.propagation)
