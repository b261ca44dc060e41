"""Claims about the best block rate."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainward.judges.evidence import Evidence
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.results.record import Completed

FINE = 4001
"""Rates at which a fitted curve is looked at."""


def best_rate(evidence: Evidence, *, near: float, above: float) -> Finding:
    """Judge "latency has an optimum in the block rate, which the formula finds", by races at rates around lambda*.

    Near its minimum the curve is flat, so the least of a few noisy points does not tell the rate. A cubic in the
    logarithm of the rate is fitted to the logarithms of the latencies, their means over seeds, and has it.
    Reproduced: that rate is `near` lambda*, and the simulated latency at lambda* no more than `above` the least
    simulated. Partly: an interior minimum exists, so neither end has the least.
    """
    points = np.array(
        sorted(np.mean([_point(trial) for trial in one.records], axis=0).tolist() for one in evidence.ours)
    )
    rates, latencies = points[:, 0], np.exp(points[:, 1])
    least, best = int(latencies.argmin()), _least_of_a_cubic(rates, latencies)
    excess = float(latencies[np.abs(rates - 1).argmin()] / latencies[least] - 1)
    found = f"least latency at {best:.3f} lambda*; at lambda* {excess:.2%} above the least of {latencies[least]:.4g} s"
    interior = 0 < least < len(points) - 1
    right = interior and abs(best - 1) <= near and excess <= above
    return decided(right, interior, found, evidence.records)


def _point(trial: Completed) -> tuple[float, float]:
    """The rate used, in units of lambda*, and the logarithm of the simulated seconds of an epoch."""
    outcomes = trial.outcomes
    if "simulated" not in outcomes:
        raise Unjudgeable("a trial in which every simulated race forked")
    return outcomes["rate"]["used"] / outcomes["rate"]["optimal"], float(np.log(outcomes["simulated"]["latency_s"]))


def _least_of_a_cubic(rates: Any, latencies: Any) -> float:
    """The rate at which a cubic through the logarithms is least, between the lowest and the highest of the rates."""
    fine = np.linspace(np.log(rates[0]), np.log(rates[-1]), FINE)
    fitted = np.polyval(np.polyfit(np.log(rates), np.log(latencies), 3), fine)
    return float(np.exp(fine[fitted.argmin()]))
