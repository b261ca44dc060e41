"""Claims that a sample is as good as the exact value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainward.judges.costs import variants
from chainward.judges.evidence import Evidence, Trials, named, need_same_patients
from chainward.judges.figures import rises
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.judges.shares import correlated, of_hospitals


def pays_alike(
    evidence: Evidence, *, quantity: str, exact: Mapping[str, Any], reproduced: float, partly: float
) -> Finding:
    """Judge "the sample pays like the exact value": Pearson correlation of outcomes with those of the exact variant."""
    sampled, reference = variants(evidence, exact)
    paid, due = _both(quantity, sampled, reference)
    return correlated("pearsonr", paid, due, reproduced, partly, evidence.records)


def sampling_error(
    evidence: Evidence,
    *,
    quantity: str,
    parameter: str,
    exact: int,
    at: int,
    decides: Mapping[str, Any],
    largest: float,
    slope: float,
    within: float,
) -> Finding:
    """Judge "the sample pays like the exact value" by its error, the largest of any hospital's share in any trial.

    `parameter` is how much is sampled, and `exact` of it is no sample. Reproduced: with `at` the error is at most
    `largest`, and the slope of the logarithm of the error on that of the parameter is `within` of `slope`. Partly: the
    error falls with each step of the parameter. Variants with the hyper-parameters `decides` do so; Pearson's r with
    `at` is told of these and of the others, and decides nothing.
    """
    chosen, others = (
        {getattr(one.built, parameter): one for one in evidence.ours if one.has(decides) is side}
        for side in (True, False)
    )
    counts = sorted(count for count in chosen if count != exact)
    errors = [_largest_gap(quantity, chosen[count], chosen[exact]) for count in counts]
    if min(errors) == 0:
        raise Unjudgeable("a sample without any error has no logarithm")
    fitted = float(np.polyfit(np.log(counts), np.log(errors), 1)[0])
    right = errors[counts.index(at)] <= largest and abs(fitted - slope) <= within
    told = ", ".join(f"{error:.4f} with {count:,}" for count, error in zip(counts, errors, strict=True))
    r = "; ".join(_r(quantity, side[at], side[exact]) for side in (chosen, others))
    falls = rises(errors[::-1])
    return decided(right, falls, f"largest error {told}: slope {fitted:.3f}; {r}", evidence.records)


def _largest_gap(quantity: str, sampled: Trials, exact: Trials) -> float:
    paid, due = _both(quantity, sampled, exact)
    return float(np.abs(paid - due).max())


def _r(quantity: str, sampled: Trials, exact: Trials) -> str:
    """The correlation of what is paid and what is due, in words."""
    paid, due = _both(quantity, sampled, exact)
    alike = np.ptp(paid) == 0 or np.ptp(due) == 0
    found = "no r, all have the same" if alike else f"r {np.corrcoef(paid, due)[0, 1]:.3f}"
    return f"{named(sampled.strategy, sampled.specification.params)}: {found}"


def _both(quantity: str, *sides: Trials) -> list[Any]:
    """An outcome of every hospital of every seed, of trials with the same patients."""
    need_same_patients(*sides)
    return [np.concatenate([of_hospitals(quantity, trial) for trial in side.records]) for side in sides]
