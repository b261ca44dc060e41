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
    points = _points(evidence)
    rates, latencies = points[:, 0], np.exp(points[:, 1])
    least, best = int(latencies.argmin()), _least_of_a_cubic(rates, latencies)
    excess = float(latencies[np.abs(rates - 1).argmin()] / latencies[least] - 1)
    found = f"least latency at {best:.3f} lambda*; at lambda* {excess:.2%} above the least of {latencies[least]:.4g} s"
    interior = 0 < least < len(points) - 1
    right = interior and abs(best - 1) <= near and excess <= above
    return decided(right, interior, found, evidence.records)


def recalled_rate(evidence: Evidence, *, above: float) -> Finding:
    """Judge "the formula finds the optimum" of the paper's own formula as it is recalled, by races around lambda*.

    Latency at its rate is read off the line, in logarithms, between the simulated rates on both sides of it.
    Reproduced: it is no more than `above` the least simulated latency. It is told as a recalled formula.
    """
    points = _points(evidence)
    rate = float(np.mean([_in_units(trial, "recalled") for trial in evidence.records]))
    if not points[0, 0] <= rate <= points[-1, 0]:
        raise Unjudgeable(f"its rate, {rate:.3f} lambda*, lies beyond the rates that were simulated")
    latency = float(np.exp(np.interp(np.log(rate), np.log(points[:, 0]), points[:, 1])))
    least = float(np.exp(points[:, 1].min()))
    excess = latency / least - 1
    found = f"a recalled formula: its rate is {rate:.3f} lambda*, at which latency is {excess:.2%} above the least of "
    return decided(excess <= above, False, f"{found}{least:.4g} s", evidence.records)


def _points(evidence: Evidence) -> Any:
    """Each rate used, in units of lambda*, with the logarithm of the latency there, means over seeds: [n, 2]."""
    return np.array(
        sorted(np.mean([_point(one) for one in trials.records], axis=0).tolist() for trials in evidence.ours)
    )


def _in_units(trial: Completed, rate: str) -> float:
    """One of a trial's rates in units of lambda*."""
    return trial.outcomes["rate"][rate] / trial.outcomes["rate"]["optimal"]


def _point(trial: Completed) -> tuple[float, float]:
    """The rate used, in units of lambda*, and the logarithm of the simulated seconds of an epoch."""
    outcomes = trial.outcomes
    if "simulated" not in outcomes:
        raise Unjudgeable("a trial in which every simulated race forked")
    return _in_units(trial, "used"), float(np.log(outcomes["simulated"]["latency_s"]))


def _least_of_a_cubic(rates: Any, latencies: Any) -> float:
    """The rate at which a cubic through the logarithms is least, between the lowest and the highest of the rates."""
    fine = np.linspace(np.log(rates[0]), np.log(rates[-1]), FINE)
    fitted = np.polyval(np.polyfit(np.log(rates), np.log(latencies), 3), fine)
    return float(np.exp(fine[fitted.argmin()]))
