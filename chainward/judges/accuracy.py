"""Claims about how well a model predicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainward.judges.evidence import (
    SEEDS,
    STATISTICS,
    Evidence,
    Finding,
    Statistic,
    Unjudgeable,
    area,
    decided,
    graded,
    mean_auroc,
    pairs,
)
from chainward.results.record import Completed
from chainward.results.statistics import Interval, Predictions, auroc_difference


def close_to(
    evidence: Evidence, *, task: str, statistic: Statistic, quoted: float, reproduced: float, partly: float
) -> Finding:
    """Judge a quoted figure: the mean over trials lies within a tolerance of it."""
    records = _any(evidence, task)
    ours = float(np.mean([STATISTICS[statistic](evidence, record) for record in records]))
    return graded(abs(ours - quoted), reproduced, partly, f"{ours:.6f} against {quoted:.6f}", records)


def equals(evidence: Evidence, *, task: str, statistic: Statistic, quoted: float) -> Finding:
    """Judge a quoted count: every trial has it."""
    records = _any(evidence, task)
    values = sorted({STATISTICS[statistic](evidence, record) for record in records})
    found = f"{', '.join(f'{value:g}' for value in values)} against {quoted:g}"
    return decided(values == [quoted], False, found, records)


def paired_within(
    evidence: Evidence, *, task: str, other: str, reproduced: float, partly: float, seeds: int = SEEDS
) -> Finding:
    """Judge "like the other": the paired 95 % interval of the AUROC difference lies within a margin around zero."""
    both = _both(evidence, task, other, seeds)
    interval = _difference(*_predictions(evidence, both))
    widest = max(abs(interval.low), abs(interval.high))
    return graded(widest, reproduced, partly, f"{evidence.strategy} - {other}: {_told(interval)}", _flat(both))


def same_predictions(evidence: Evidence, *, task: str, other: str, seeds: int = SEEDS) -> Finding:
    """Judge "the chain does not change learning": every probability equals the other's, bit for bit."""
    both = _both(evidence, task, other, seeds)
    alike = zip(*_predictions(evidence, both), strict=True)
    gaps = [np.abs(ours.probability - theirs.probability).max() for ours, theirs in alike]
    found = f"largest difference of a probability from {other}: {max(gaps):.3g}"
    return decided(max(gaps) == 0, False, found, _flat(both))


def spread_within(
    evidence: Evidence,
    *,
    task: str,
    parameter: str,
    values: Sequence[Any],
    reproduced: float,
    partly: float,
    seeds: int = SEEDS,
) -> Finding:
    """Judge "variants are alike": the largest difference in mean AUROC between all `values` of one hyper-parameter."""
    groups: dict[str, list[Completed]] = {str(value): [] for value in values}
    for record in evidence.variants(task, parameter):
        groups.get(str(record.specification.params[parameter]), []).append(record)
    lacking = sorted(name for name, group in groups.items() if len(group) < seeds)
    if lacking:
        raise Unjudgeable(f"fewer than {seeds} seeds of {evidence.strategy} with {parameter} {lacking[0]}")
    means = {name: mean_auroc(evidence, group) for name, group in sorted(groups.items())}
    found = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
    records = [record for group in groups.values() for record in group]
    return graded(float(np.ptp(list(means.values()))), reproduced, partly, found, records)


def better_than_sites(evidence: Evidence, *, tasks: Sequence[str], other: str, seeds: int = SEEDS) -> Finding:
    """Judge "better than individual sites" on each task, every model on the test patients of all hospitals.

    Reproduced: the paired 95 % interval of AUROC minus that of the best single hospital (the highest mean over seeds)
    lies above 0. Partly: AUROC lies above the mean single hospital's.
    """
    compared = [_against_sites(evidence, task, other, seeds) for task in tasks]
    intervals, means, told, records = zip(*compared, strict=True)
    above = all(interval.low > 0 for interval in intervals)
    return decided(above, all(means), "; ".join(told), [record for part in records for record in part])


def _against_sites(
    evidence: Evidence, task: str, other: str, seeds: int
) -> tuple[Interval, bool, str, list[Completed]]:
    both = _both(evidence, task, other, seeds)
    alone = [evidence.results.opener.own_models(record) for _, record in both]
    if not all(alone):
        raise Unjudgeable(f"{other} on {task} has no model of each hospital")
    means = {name: float(np.mean([area(trial[name]) for trial in alone])) for name in alone[0]}
    best = max(means, key=lambda name: means[name])
    interval = _difference(_predictions(evidence, both)[0], [trial[best] for trial in alone])
    ours, single = mean_auroc(evidence, [a for a, _ in both]), float(np.mean(list(means.values())))
    told = f"{task}: {_told(interval)} over {best}, the best alone; {ours:.4f} against a mean of {single:.4f} alone"
    return interval, ours > single, told, _flat(both)


def _both(evidence: Evidence, task: str, other: str, seeds: int) -> list[tuple[Completed, Completed]]:
    found = pairs(evidence.of(task), evidence.of(task, other))
    if not found:
        raise Unjudgeable(f"this report holds no undisturbed trial of {evidence.strategy} and {other} on {task}")
    if len(found) < seeds:
        raise Unjudgeable(f"{len(found)} of {seeds} seeds of {evidence.strategy} and {other} on {task}")
    return found


def _any(evidence: Evidence, task: str) -> list[Completed]:
    records = evidence.of(task)
    if not records:
        raise Unjudgeable(f"this report holds no undisturbed trial of {evidence.strategy} on {task}")
    return records


def _predictions(
    evidence: Evidence, both: Sequence[tuple[Completed, Completed]]
) -> tuple[list[Predictions], list[Predictions]]:
    opened = evidence.results.opener.predictions
    return [opened(ours) for ours, _ in both], [opened(theirs) for _, theirs in both]


def _difference(first: Sequence[Predictions], second: Sequence[Predictions]) -> Interval:
    interval = auroc_difference(first, second)
    if interval is None:
        raise Unjudgeable("a seed tests patients of one class only")
    return interval


def _told(interval: Interval) -> str:
    return f"{interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"


def _flat(both: Sequence[tuple[Completed, Completed]]) -> list[Completed]:
    return [record for pair in both for record in pair]
