"""Claims about what hospitals are credited or paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from chainward.judges.attacks import outcome
from chainward.judges.costs import variants
from chainward.judges.evidence import Evidence, need_same_patients
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
    need_same_patients(sampled, reference)
    paid, due = (
        np.concatenate([_of_hospitals(quantity, trial) for trial in side.records]) for side in (sampled, reference)
    )
    return _correlated("pearsonr", paid, due, reproduced, partly, evidence.records)


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
