"""Claims about what hospitals are credited or paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from chainward.judges.attacks import outcome
from chainward.judges.evidence import Evidence, named
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.methods.ranks import mean_ranks
from chainward.results.record import Completed


def size_and_score(evidence: Evidence, *, quantity: str, reproduced: float, partly: float) -> Finding:
    """Judge "more data scores higher": Pearson correlation, over all trials, of log relative size and percentile."""
    trials = evidence.records
    sizes = [np.log(values / values.mean()) for values in map(_sizes, trials)]
    percentiles = [mean_ranks(values) / len(values) for values in (of_hospitals(quantity, trial) for trial in trials)]
    return correlated("pearsonr", np.concatenate(sizes), np.concatenate(percentiles), reproduced, partly, trials)


def size_and_share(evidence: Evidence, *, quantity: str, reproduced: float, partly: float) -> Finding:
    """Judge "larger data, larger share": Spearman correlation of size and outcome over all trials."""
    trials = evidence.records
    sizes = np.concatenate([_sizes(trial) for trial in trials])
    shares = np.concatenate([of_hospitals(quantity, trial) for trial in trials])
    return correlated("spearmanr", sizes, shares, reproduced, partly, trials)


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


def _spearman(quantity: str, trial: Completed) -> float:
    """Of size and outcome over the hospitals of one trial."""
    from scipy import stats  # takes half a second to load, which most reports can spare

    sizes, shares = _sizes(trial), of_hospitals(quantity, trial)
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


def correlated(
    correlation: Literal["pearsonr", "spearmanr"],
    x: Any,
    y: Any,
    reproduced: float,
    partly: float,
    records: Sequence[Completed],
) -> Finding:
    """Return the verdict on a correlation, one of `scipy.stats`, that should be high.

    Raises:
        Unjudgeable: there is none, since all are the same.
    """
    from scipy import stats  # takes half a second to load, which most reports can spare

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        raise Unjudgeable("all hospitals have the same")
    value = float(getattr(stats, correlation)(x, y).statistic)
    return decided(value >= reproduced, value >= partly, f"correlation {value:.3f} over {len(x)} hospitals", records)


def _sizes(trial: Completed) -> Any:
    return np.array([hospital.train for hospital in trial.hospitals], dtype=np.float64)


def of_hospitals(quantity: str, trial: Completed) -> Any:
    """Return one outcome in the order of hospitals; who is not named got nothing."""
    found = outcome(quantity, trial)
    return np.array([found.get(hospital.name, 0.0) for hospital in trial.hospitals])
