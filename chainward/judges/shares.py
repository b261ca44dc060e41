"""Claims about what hospitals are credited or paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from chainward.judges.attacks import outcome
from chainward.judges.costs import variants
from chainward.judges.evidence import Evidence, Trials, named, need_same_patients
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.methods.ranks import mean_ranks
from chainward.results.record import Completed


def size_and_score(evidence: Evidence, *, quantity: str, reproduced: float, partly: float) -> Finding:
    """Judge "more data scores higher": Pearson correlation, over all trials, of log relative size and percentile."""
    trials = evidence.records
    sizes = [np.log(values / values.mean()) for values in map(_sizes, trials)]
    percentiles = [mean_ranks(values) / len(values) for values in (_of_hospitals(quantity, trial) for trial in trials)]
    return _correlated("pearsonr", np.concatenate(sizes), np.concatenate(percentiles), reproduced, partly, trials)


def size_and_share(evidence: Evidence, *, quantity: str, reproduced: float, partly: float) -> Finding:
    """Judge "larger data, larger share": Spearman correlation of size and outcome over all trials."""
    trials = evidence.records
    sizes = np.concatenate([_sizes(trial) for trial in trials])
    shares = np.concatenate([_of_hospitals(quantity, trial) for trial in trials])
    return _correlated("spearmanr", sizes, shares, reproduced, partly, trials)


def pays_alike(
    evidence: Evidence, *, quantity: str, exact: Mapping[str, Any], reproduced: float, partly: float
) -> Finding:
    """Judge "the sample pays like the exact value": Pearson correlation of outcomes with those of the exact variant."""
    sampled, reference = variants(evidence, exact)
    paid, due = _both(quantity, sampled, reference)
    return _correlated("pearsonr", paid, due, reproduced, partly, evidence.records)


def size_and_share_by_seed(
    evidence: Evidence,
    *,
    quantity: str,
    surest: Mapping[str, Any],
    reproduced: float,
    bound: float,
    partly: float,
) -> Finding:
    """Judge "larger data, larger share" in every variant: mean over seeds of the Spearman correlation of a seed.

    Reproduced: it is `reproduced` in every variant, and where the hyper-parameters are `surest` the lower end of its
    95 % interval, Student's over seeds, is at least `bound`. Partly: it is `partly` in every variant.
    """
    words, means, bounds = [], [], []
    for one in evidence.ours:
        mean, low = _mean_and_low([_spearman(quantity, trial) for trial in one.records])
        words.append(f"{named(one.strategy, one.specification.params)}: mean {mean:.3f}, lower bound {low:.3f}")
        means.append(mean)
        bounds += [low] * one.has(surest)
    if not bounds:
        raise Unjudgeable(f"its rule needs trials with {dict(surest)}")
    right = min(means) >= reproduced and min(bounds) >= bound
    return decided(right, min(means) >= partly, "; ".join(words), evidence.records)


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
    falls = all(later < earlier for earlier, later in pairwise(errors))
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
    return [np.concatenate([_of_hospitals(quantity, trial) for trial in side.records]) for side in sides]


def _spearman(quantity: str, trial: Completed) -> float:
    """Of size and outcome over the hospitals of one trial."""
    from scipy import stats  # takes half a second to load, which most reports can spare

    sizes, shares = _sizes(trial), _of_hospitals(quantity, trial)
    if np.ptp(sizes) == 0 or np.ptp(shares) == 0:
        raise Unjudgeable("all hospitals of a seed have the same")
    return float(stats.spearmanr(sizes, shares).statistic)


def _mean_and_low(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the lower end of its two-sided 95 % interval by Student's t."""
    from scipy import stats

    if len(values) < 2:
        raise Unjudgeable("one seed has no interval")
    half = float(stats.t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / len(values) ** 0.5
    return float(np.mean(values)), float(np.mean(values)) - half


def _correlated(
    correlation: Literal["pearsonr", "spearmanr"],
    x: Any,
    y: Any,
    reproduced: float,
    partly: float,
    records: Sequence[Completed],
) -> Finding:
    """The verdict on a correlation, one of `scipy.stats`, that should be high."""
    from scipy import stats  # takes half a second to load, which most reports can spare

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise Unjudgeable("all hospitals have the same")
    value = float(getattr(stats, correlation)(x, y).statistic)
    return decided(value >= reproduced, value >= partly, f"correlation {value:.3f} over {len(x)} hospitals", records)


def _sizes(trial: Completed) -> Any:
    return np.array([hospital.train for hospital in trial.hospitals], dtype=np.float64)


def _of_hospitals(quantity: str, trial: Completed) -> Any:
    """One outcome in the order of hospitals; who is not named got nothing."""
    found = outcome(quantity, trial)
    return np.array([found.get(hospital.name, 0.0) for hospital in trial.hospitals])
