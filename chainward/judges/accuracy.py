"""Claims about how well a model predicts."""

from __future__ import annotations

import numpy as np

from chainward.judges.evidence import Evidence, Trials, named, task_of
from chainward.judges.figures import STATISTICS, Statistic, difference, mean_auroc, told
from chainward.judges.finding import Finding, decided, graded
from chainward.results.inference import Difference
from chainward.results.record import Completed


def close_to(evidence: Evidence, *, statistic: Statistic, quoted: float, reproduced: float, partly: float) -> Finding:
    """Judge a quoted figure: the mean over trials lies within a tolerance of it."""
    ours = float(np.mean([STATISTICS[statistic](evidence, record) for record in evidence.records]))
    return graded(abs(ours - quoted), reproduced, partly, f"{ours:.6f} against {quoted:.6f}", evidence.records)


def equals(evidence: Evidence, *, statistic: Statistic, quoted: float) -> Finding:
    """Judge a quoted count: every trial has it."""
    values = sorted({STATISTICS[statistic](evidence, record) for record in evidence.records})
    found = f"{', '.join(f'{value:g}' for value in values)} against {quoted:g}"
    return decided(values == [quoted], False, found, evidence.records)


def paired_within(evidence: Evidence, *, other: str, reproduced: float, partly: float) -> Finding:
    """Judge "like the other" by the rule of the first claims: the paired 95 % interval lies within a margin.

    Of the difference in AUROC, in each setting that the claim asks for; the widest decides.
    """
    pairs = evidence.beside(other)
    found = [difference(evidence, *pair) for pair in pairs]
    widest = max(max(abs(one.low), abs(one.high)) for one in found)
    return graded(widest, reproduced, partly, _all_told(pairs, found), _records(pairs))


def like(evidence: Evidence, *, other: str, margin: float) -> Finding:
    """Judge "like the other": two one-sided tests find the difference in AUROC within a margin, in each setting."""
    pairs = evidence.beside(other)
    found = [difference(evidence, *pair) for pair in pairs]
    return decided(all(one.within(margin) for one in found), False, _all_told(pairs, found), _records(pairs))


def better_than(evidence: Evidence, *, other: str, margin: float = 0.0) -> Finding:
    """Judge "better than the other": the paired 95 % interval of AUROC lies above a margin, in each setting."""
    pairs = evidence.beside(other)
    found = [difference(evidence, *pair) for pair in pairs]
    return decided(all(one.low > margin for one in found), False, _all_told(pairs, found), _records(pairs))


def same_predictions(evidence: Evidence, *, other: str) -> Finding:
    """Judge "the chain does not change learning": every probability equals the other's, bit for bit."""
    pairs = evidence.beside(other)
    opened = evidence.opener.predictions
    alike = [both for ours, theirs in pairs for both in zip(ours.records, theirs.records, strict=True)]
    gap = max(float(np.abs(opened(a).probability - opened(b).probability).max()) for a, b in alike)
    found = f"largest difference of a probability from {other}: {gap:.3g}"
    return decided(gap == 0, False, found, _records(pairs))


def spread_within(evidence: Evidence, *, parameter: str, reproduced: float, partly: float) -> Finding:
    """Judge "variants are alike": the largest difference in mean AUROC between all values of one hyper-parameter.

    In each setting by itself; the widest decides.
    """
    settings: dict[str, dict[str, float]] = {}
    for one in evidence.ours:
        value = mean_auroc(evidence, one).value
        settings.setdefault(f"{task_of(one)} {one.setting}", {})[str(getattr(one.built, parameter))] = value
    spreads = [float(np.ptp(list(means.values()))) for means in settings.values()]
    found = "; ".join(", ".join(f"{name} {means[name]:.4f}" for name in sorted(means)) for means in settings.values())
    return graded(max(spreads), reproduced, partly, found, evidence.records)


def _all_told(pairs: list[tuple[Trials, Trials]], found: list[Difference]) -> str:
    """The differences in words: of whom, on what."""
    names = [
        f"{named(ours.strategy, ours.specification.params)} - {named(theirs.strategy, theirs.specification.params)}"
        f" on {task_of(ours)}"
        for ours, theirs in pairs
    ]
    return "; ".join(f"{name}: {told(one)}" for name, one in zip(names, found, strict=True))


def _records(pairs: list[tuple[Trials, Trials]]) -> list[Completed]:
    return [record for ours, theirs in pairs for record in (*ours.records, *theirs.records)]
