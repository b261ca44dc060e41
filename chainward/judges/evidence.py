"""What a judge looks at and what it says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainward.plans.specification import Specification
from chainward.results.collection import Results
from chainward.results.predictions import Predictions
from chainward.results.record import Completed
from chainward.tasks.metrics import auroc

REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "partly", "not reproduced", "not testable here"

SEEDS = 5
"""Five seeds predict every patient once; fewer are no evidence for a difference or for none."""


@dataclass(frozen=True)
class Finding:
    """What a judge found: the verdict, the figures behind it in words, and the records that decide it."""

    verdict: str
    found: str
    records: tuple[str, ...] = ()


class Unjudgeable(Exception):
    """The records at hand do not decide a claim; the message says what is missing."""


@dataclass(frozen=True)
class Evidence:
    """All results of a report, the strategy whose claim is judged, and the settings the claim asks for."""

    results: Results
    strategy: str
    settings: frozenset[str] = frozenset()

    def of(
        self,
        task: str,
        strategy: str | None = None,
        params: Mapping[str, Any] | None = None,
        attack: Mapping[str, Any] | None = None,
        track: str = "common",
        **wanted: Any,
    ) -> list[Completed]:
        """Return the faultless trials of a strategy with just these parameters under just this attack, by seed.

        `wanted` are further fields of the specification. A report may hold a task in several settings (sizes, rounds,
        engines, speeds); figures of two are never mixed: these are of the setting that most trials on the task share,
        among those the claim asks for where the report holds any.
        """
        fields = {"task": task, "track": track, **wanted}
        return [
            record
            for record in self._main_setting(fields)
            if record.specification.strategy == (strategy or self.strategy)
            and record.specification.params == (params or {})
            and record.specification.attack == (attack or {})
        ]

    def need(self, task: str, strategy: str | None = None, seeds: int = SEEDS, **wanted: Any) -> list[Completed]:
        """Return what `of` does.

        Raises:
            Unjudgeable: there are fewer than `seeds` of them.
        """
        found = self.of(task, strategy, **wanted)
        if len(found) < seeds:
            named = ", ".join(f"{name} {_plain(value)}" for name, value in wanted.items() if value)
            what = f"{strategy or self.strategy} on {task}" + (f" with {named}" if named else "")
            raise Unjudgeable(f"{len(found)} of {seeds} seeds of {what}")
        return found

    def variants(self, task: str, parameter: str) -> list[Completed]:
        """Return the strategy's trials that set this one hyper-parameter and no other, in the main setting."""
        return [
            record
            for record in self._main_setting({"task": task, "track": "common"})
            if record.specification.strategy == self.strategy
            and set(record.specification.params) == {parameter}
            and not record.specification.attack
        ]

    def _main_setting(self, fields: Mapping[str, Any]) -> list[Completed]:
        found = [record for record in self.results.completed if _matches(record, fields)]
        settings = Counter(setting(record.specification) for record in found)
        asked = self.settings.intersection(settings) or settings
        main = max(asked, key=lambda one: (settings[one], one), default="")
        return sorted((record for record in found if setting(record.specification) == main), key=seed_of)


def area(found: Predictions) -> float:
    """Return the AUROC, or none for patients of one class."""
    value = auroc(found.label, found.probability)
    return float("nan") if value is None else value


def auroc_of(evidence: Evidence, record: Completed) -> float:
    """Return a trial's AUROC on its test patients, all hospitals together."""
    return area(evidence.results.opener.predictions(record))


def mean_auroc(evidence: Evidence, records: Sequence[Completed]) -> float:
    """Return the mean over trials.

    Raises:
        Unjudgeable: a trial tests patients of one class.
    """
    value = float(np.mean([auroc_of(evidence, record) for record in records]))
    if np.isnan(value):
        raise Unjudgeable("a seed tests patients of one class only")
    return value


def _mean_hospital_auroc(evidence: Evidence, record: Completed) -> float:
    found = evidence.results.opener.predictions(record)
    names = sorted(set(found.hospital.tolist()))
    masks = [found.hospital == name for name in names]
    values = [auroc(found.label[mask], found.probability[mask]) for mask in masks]
    return float(np.mean([np.nan if value is None else value for value in values]))


def round_gas(record: Completed) -> float:
    """Return the gas of all rounds, set-up apart."""
    return float(sum(entry.gas for entry in record.rounds))


Statistic = Literal["auroc", "mean_hospital_auroc", "rounds_used", "gas_total"]
STATISTICS: Mapping[Statistic, Callable[[Evidence, Completed], float]] = {
    "auroc": auroc_of,
    "mean_hospital_auroc": _mean_hospital_auroc,
    "rounds_used": lambda _, record: float(record.facts.rounds_used),
    "gas_total": lambda _, record: float(record.setup.gas) + round_gas(record),
}


def graded(distance: float, reproduced: float, partly: float, found: str, records: Sequence[Completed]) -> Finding:
    """Return the verdict on a distance that should be small.

    Raises:
        Unjudgeable: there is no distance.
    """
    if np.isnan(distance):
        raise Unjudgeable("a seed tests patients of one class only")
    return decided(distance <= reproduced, distance <= partly, found, records)


def decided(reproduced: bool, partly: bool, found: str, records: Sequence[Completed]) -> Finding:
    """Return the verdict from the two parts of a rule."""
    verdict = REPRODUCED if reproduced else PARTLY if partly else NOT_REPRODUCED
    return Finding(verdict, found, tuple(record.id for record in records))


def seed_of(record: Completed) -> int:
    """Return a trial's seed."""
    return record.specification.seed


def pairs(ours: Sequence[Completed], theirs: Sequence[Completed]) -> list[tuple[Completed, Completed]]:
    """Return trials of both on the same patients, by seed and data digest."""
    other = {(seed_of(record), record.digests.data): record for record in theirs}
    keys = [(seed_of(record), record.digests.data) for record in ours]
    return [(record, other[key]) for record, key in zip(ours, keys, strict=True) if key in other]


def _matches(record: Completed, fields: Mapping[str, Any]) -> bool:
    specification = record.specification
    return not any(specification.faults.values()) and all(
        getattr(specification, name) == value for name, value in fields.items()
    )


def setting(specification: Specification) -> str:
    """Return in which setting a trial was run: figures of two settings are never mixed."""
    names = ("task_params", "rounds", "training", "engine", "ledger", "ledger_params", "speeds")
    return json.dumps([getattr(specification, name) for name in names], sort_keys=True)


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
