"""Claims about who is called positive, where few are: accuracy never decides alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from chainward import tasks
from chainward.judges.evidence import Evidence, Trials, need_same_patients
from chainward.judges.figures import ONE_CLASS
from chainward.judges.finding import Finding, Unjudgeable, decided
from chainward.tasks import metrics

ROUNDING = 1e-12


@dataclass(frozen=True)
class _Calls:
    """Means over seeds, of all tested together."""

    accuracy: float
    sensitivity: float
    ppv: float
    f1: float

    def __str__(self) -> str:
        told = (f"{name} {value:.4f}" for name, value in vars(self).items())
        return ", ".join(told)


def better_when_on(evidence: Evidence, *, switch: str, by: str, quoted: Mapping[str, float], points: float) -> Finding:
    """Judge "better than without": trials with the hyper-parameter `switch` at 0 are those without.

    `quoted` are accuracies by what the task has for its parameter `by`. Reproduced: each is within so many `points` of
    ours (hundredths), and sensitivity and positive predictive value both lie above those without. Partly: only above.
    What was run without alone, in another setting, is told and decides nothing.
    """
    pairs, alone = _paired(evidence, switch)
    found = {_value(ours, by): (_calls(evidence, ours), _calls(evidence, theirs)) for ours, theirs in pairs}
    if found.keys() != quoted.keys():
        raise Unjudgeable(f"its rule needs trials with and without {switch} for {by} {' and '.join(quoted)}")
    near = all(abs(found[name][0].accuracy - figure) <= points / 100 + ROUNDING for name, figure in quoted.items())
    above = all(on.sensitivity > off.sensitivity and on.ppv > off.ppv for on, off in found.values())
    words = [f"{name}: {on}; without: {off}" for name, (on, off) in found.items()]
    words += [f"without, {_value(one, by)}, {_differs(one, pairs)}: {_calls(evidence, one)}" for one in alone]
    return decided(near and above, above, "; ".join(words), evidence.records)


def _paired(evidence: Evidence, switch: str) -> tuple[list[tuple[Trials, Trials]], list[Trials]]:
    """Trials with and without on the same patients, and those without that have no such pair."""
    off = [one for one in evidence.ours if getattr(one.built, switch) == 0]
    pairs = list(_pairs([one for one in evidence.ours if one not in off], off))
    taken = [theirs for _, theirs in pairs]
    return pairs, [one for one in off if one not in taken]


def _pairs(on: list[Trials], off: list[Trials]) -> Iterator[tuple[Trials, Trials]]:
    for ours in on:
        for theirs in off:
            if (ours.part, ours.setting) == (theirs.part, theirs.setting):
                need_same_patients(ours, theirs)
                yield ours, theirs


def _value(trials: Trials, name: str) -> str:
    """What the task has for one of its parameters."""
    return str(getattr(tasks.load(trials.specification.task, **trials.specification.task_params), name))


def _differs(one: Trials, pairs: list[tuple[Trials, Trials]]) -> str:
    """The task's parameters that no pair has, in words."""
    known = [dict(ours.specification.task_params).items() for ours, _ in pairs]
    own = one.specification.task_params
    return ", ".join(f"{name} {value}" for name, value in own.items() if not any((name, value) in k for k in known))


def _calls(evidence: Evidence, trials: Trials) -> _Calls:
    seeds = [evidence.opener.predictions(record) for record in trials.records]

    def mean(measure: Callable[..., float | None]) -> float:
        values = [measure(one.label, one.probability) for one in seeds]
        if None in values:
            raise Unjudgeable(ONE_CLASS)
        return float(np.mean([value for value in values if value is not None]))

    measures = (metrics.accuracy, metrics.sensitivity, metrics.positive_predictive_value, metrics.f1)
    return _Calls(*map(mean, measures))
