"""Claims that a model is better than what a hospital has that trains alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainward.judges.evidence import Evidence, Trials, named, need_same_patients, task_of
from chainward.judges.figures import mean_auroc, mean_of, told
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.results import comparison, inference
from chainward.results.inference import Difference, Mean
from chainward.results.record import Completed


@dataclass(frozen=True)
class _Against:
    """A model against single hospitals on one task: the difference to the best of them, and the mean of them all."""

    gain: Difference
    best: str
    ours: float
    alone: float
    task: str
    records: tuple[Completed, ...]


def better_than_sites(evidence: Evidence, *, other: str) -> Finding:
    """Judge "better than individual sites" on each task, every model on the test patients of all hospitals.

    Reproduced: the paired 95 % interval of AUROC minus that of the best single hospital (the highest mean over seeds)
    lies above 0. Partly: AUROC lies above the mean single hospital's.
    """
    found = [_against(evidence, ours, (other,)) for ours in evidence.ours]
    means = all(one.ours > one.alone for one in found)
    words = "; ".join(f"{_told(one)}; {one.ours:.4f} against a mean of {one.alone:.4f} alone" for one in found)
    return decided(all(one.gain.low > 0 for one in found), means, words, _records(found))


def better_than_floors(evidence: Evidence, *, floors: Sequence[str], partly: int) -> Finding:
    """Judge "better than individual sites", the floor being the best hospital alone under any of several strategies.

    Each counts in every way to train that the claim asks for.
    Reproduced: the paired 95 % interval of AUROC minus the floor's lies above 0 on every task. Partly: on `partly`.
    """
    found = [_against(evidence, ours, floors) for ours in evidence.ours]
    above = [one.gain.low > 0 for one in found]
    return decided(all(above), sum(above) >= partly, "; ".join(map(_told, found)), _records(found))


def _against(evidence: Evidence, ours: Trials, floors: Sequence[str]) -> _Against:
    """Trials against every hospital alone, under every floor, on the same task."""
    task, alone, records = task_of(ours), dict[str, Mean](), list(ours.records)
    for floor in floors:
        for theirs in _on(task, evidence.of_strategy(floor)):
            need_same_patients(ours, theirs)
            told = named(floor, theirs.specification.training)
            alone |= {f"{name} ({told})": mean for name, mean in _alone(evidence, theirs).items()}
            records += theirs.records
    names = list(alone)
    best = names[comparison.best([alone[name].value for name in names], names)]
    mine = mean_auroc(evidence, ours)
    mean = float(np.mean([one.value for one in alone.values()]))
    return _Against(inference.difference(mine, alone[best]), best, mine.value, mean, task, tuple(records))


def _on(task: str, trials: Sequence[Trials]) -> list[Trials]:
    """Those on a task, however the hospitals train."""
    found = [one for one in trials if task_of(one) == task]
    if not found:
        raise Unjudgeable(f"its rule needs {trials[0].strategy} on {task}, of which it asks for no trial")
    return found


def _alone(evidence: Evidence, trials: Trials) -> Mapping[str, Mean]:
    """The mean AUROC of each hospital's own model."""
    models = [evidence.opener.own_models(record) for record in trials.records]
    if not all(models):
        raise Unjudgeable(f"{trials.strategy} on {task_of(trials)} has no model of each hospital")
    return {name: mean_of([seed[name] for seed in models]) for name in models[0]}


def _told(one: _Against) -> str:
    return f"{one.task}: {told(one.gain)} over {one.best}, the best alone"


def _records(found: Sequence[_Against]) -> list[Completed]:
    return [record for one in found for record in one.records]
