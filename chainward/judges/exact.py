"""Claims that figures, or the model itself, come out just so."""

from __future__ import annotations

from collections.abc import Mapping

from chainward.judges.evidence import Evidence, Trials, task_of
from chainward.judges.figures import STATISTICS, Statistic
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.results.record import Completed


def figures_by_task(
    evidence: Evidence, *, statistic: Statistic, quoted: Mapping[str, float], within: float, rounds: Mapping[str, int]
) -> Finding:
    """Judge quoted figures of several tasks: in every trial the figure is `within` of its task's and it takes just so
    many rounds.
    """
    words, right = [], []
    for record in evidence.records:
        task, used = record.specification.task, record.facts.rounds_used
        ours = STATISTICS[statistic](evidence, record)
        right.append(abs(ours - quoted[task]) <= within and used == rounds[task])
        words.append(f"{task}: {ours:.6f} in {used} against {quoted[task]:.6f} in {rounds[task]}")
    return decided(all(right), False, "; ".join(words), evidence.records)


def same_coefficients(evidence: Evidence, *, other: str, within: float) -> Finding:
    """Judge "the very model of the other": every coefficient is `within` of the other's, seed by seed, in each setting.

    The other must have converged: where a likelihood has no maximum there is nothing to equal. Ours need not say so.
    """
    pairs = evidence.beside(other)
    gaps = [max(map(_gap, ours.records, theirs.records)) for ours, theirs in pairs]
    told = "; ".join(f"{_where(ours)}: {gap:.2g}" for (ours, _), gap in zip(pairs, gaps, strict=True))
    records = [record for both in pairs for one in both for record in one.records]
    return decided(max(gaps) <= within, False, f"largest difference of a coefficient on {told}", records)


def _gap(ours: Completed, theirs: Completed) -> float:
    """The largest difference of a coefficient."""
    if theirs.outcomes.get("learning", {}).get("converged") != 1:
        told = f"{theirs.specification.strategy} on {theirs.specification.task}, seed {theirs.specification.seed}"
        raise Unjudgeable(f"{told}, found no maximum to equal")
    found, due = (one.outcomes.get("coefficients", {}) for one in (ours, theirs))
    if not due or found.keys() != due.keys():
        raise Unjudgeable(f"{ours.specification.strategy} and {theirs.specification.strategy} learn other coefficients")
    return max(abs(found[name] - due[name]) for name in due)


def _where(trials: Trials) -> str:
    """The task, and how its patients are dealt anew."""
    dealt = ", ".join(f"{name} {value}" for name, value in trials.specification.partition.items())
    return f"{task_of(trials)}{f' dealt by {dealt}' if dealt else ''}"
