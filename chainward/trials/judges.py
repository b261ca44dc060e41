"""Judges: each decides one kind of claim from records, by the rule its paper's TOML fixed before any run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainward.tasks.metrics import auroc
from chainward.trials.statistics import Predictions, auroc_difference

Record = Mapping[str, Any]
REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "partly", "not reproduced", "not testable here"
ONE_CLASS = "a seed tests patients of one class only"


SEEDS = 5
"""Five seeds predict every patient once; fewer are no evidence for a difference or for none."""


@dataclass(frozen=True)
class Finding:
    """What a judge found: the verdict, the figures behind it in words, and the records that decide it."""

    verdict: str
    found: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """All completed records of a report, and the strategy whose claim is judged."""

    records: Sequence[Record]
    strategy: str

    def of(self, task: str, strategy: str | None = None, params: Mapping[str, Any] | None = None) -> list[Record]:
        """Return undisturbed common-track trials of a strategy with just these parameters, in order of seed."""
        wanted = strategy or self.strategy
        found = [record for record in self.undisturbed(task) if record["specification"]["strategy"] == wanted]
        return [record for record in found if record["specification"]["params"] == (params or {})]

    def undisturbed(self, task: str) -> list[Record]:
        """Return all trials on a task without faults in the setting most of them share, in order of seed.

        A report may hold a task in several settings (sizes, rounds, engines, speeds); figures of two are never mixed.
        """
        found = [record for record in self.records if _is_common(record, task)]
        settings = Counter(map(_setting, found))
        main = max(settings, key=lambda setting: (settings[setting], setting), default="")
        return sorted((record for record in found if _setting(record) == main), key=_seed)


def close_to(
    evidence: Evidence, *, task: str, statistic: str, quoted: float, reproduced: float, partly: float
) -> Finding:
    """Judge a quoted figure: the mean over trials lies within a tolerance of it."""
    records = evidence.of(task)
    if not records:
        return _missing(task, evidence.strategy)
    ours = float(np.mean([STATISTICS[statistic](record) for record in records]))
    return _graded(abs(ours - quoted), reproduced, partly, f"{ours:.6f} against {quoted:.6f}", records)


def equals(evidence: Evidence, *, task: str, statistic: str, quoted: float) -> Finding:
    """Judge a quoted count: every trial has it."""
    records = evidence.of(task)
    if not records:
        return _missing(task, evidence.strategy)
    values = sorted({STATISTICS[statistic](record) for record in records})
    found = f"{', '.join(f'{value:g}' for value in values)} against {quoted:g}"
    return Finding(REPRODUCED if values == [quoted] else NOT_REPRODUCED, found, _ids(records))


def paired_within(
    evidence: Evidence, *, task: str, other: str, reproduced: float, partly: float, seeds: int = SEEDS
) -> Finding:
    """Judge "like the other": the paired 95 % interval of the AUROC difference lies within a margin around zero."""
    ours, theirs = evidence.of(task), evidence.of(task, other)
    pairs = _paired(ours, theirs)
    if not pairs:
        return _missing(task, f"{evidence.strategy} and {other}")
    if len(pairs) < seeds:
        return Finding(NOT_TESTABLE, f"{len(pairs)} of {seeds} seeds of {evidence.strategy} and {other} on {task}")
    interval = auroc_difference([predictions(a) for a, _ in pairs], [predictions(b) for _, b in pairs])
    if interval is None:
        return Finding(NOT_TESTABLE, ONE_CLASS)
    widest = max(abs(interval.low), abs(interval.high))
    found = f"{evidence.strategy} - {other}: {interval.estimate:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return _graded(widest, reproduced, partly, found, [record for pair in pairs for record in pair])


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
    groups: dict[str, list[Record]] = {str(value): [] for value in values}
    for record in evidence.undisturbed(task):
        params = record["specification"]["params"]
        if record["specification"]["strategy"] == evidence.strategy and set(params) == {parameter}:
            groups.get(str(params[parameter]), []).append(record)
    lacking = sorted(name for name, group in groups.items() if len(group) < seeds)
    if lacking:
        return Finding(NOT_TESTABLE, f"fewer than {seeds} seeds of {evidence.strategy} with {parameter} {lacking[0]}")
    means = {name: float(np.mean([_auroc(record) for record in group])) for name, group in sorted(groups.items())}
    found = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
    records = [record for group in groups.values() for record in group]
    return _graded(float(np.ptp(list(means.values()))), reproduced, partly, found, records)


def verdicts(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return a verdict for every claim of every strategy in the records, in the order of the papers' files."""
    everything = list(records)
    completed = [record for record in everything if record["status"] == "completed"]
    latest = {record["specification"]["strategy"]: record for record in everything}
    return [
        _verdict(claim, Evidence(completed, strategy))
        for strategy, record in sorted(latest.items())
        for claim in record["claims"]
    ]


def _verdict(claim: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    rule = dict(claim.get("judge", {}))
    finding = JUDGES[rule.pop("name")](evidence, **rule) if rule else Finding(NOT_TESTABLE, "")
    untested = finding.verdict == NOT_TESTABLE
    reason = f"{finding.found}; see {claim['plan']}" if "judge" in claim else "nothing here gathers what its rule needs"
    return {
        "strategy": evidence.strategy,
        "key": claim["key"],
        "claim": claim["claim"],
        "tier": claim["tier"],
        "quoted": claim.get("quoted", ""),
        "rule": {"reproduced": claim["reproduced"], "partly": claim.get("partly", "")},
        "verdict": finding.verdict,
        "found": "" if untested else finding.found,
        "records": list(finding.records),
        "why": reason if untested else "",
    }


def predictions(record: Record) -> Predictions:
    """Return what a trial predicted for its test patients."""
    told = record["predictions"]
    hospital, probability = np.asarray(told["hospital"], dtype=str), np.asarray(told["probability"], dtype=np.float64)
    return Predictions(hospital, np.asarray(told["patient"], dtype=np.int64), np.asarray(told["label"]), probability)


def _auroc(record: Record) -> float:
    found = predictions(record)
    value = auroc(found.label, found.probability)
    return float("nan") if value is None else value


def _mean_hospital_auroc(record: Record) -> float:
    found = predictions(record)
    names = sorted(set(found.hospital.tolist()))
    masks = [found.hospital == name for name in names]
    values = [auroc(found.label[mask], found.probability[mask]) for mask in masks]
    return float(np.mean([np.nan if value is None else value for value in values]))


def _gas_total(record: Record) -> float:
    return float(record["setup"]["gas"] + sum(entry["gas"] for entry in record["rounds"]))


STATISTICS: Mapping[str, Callable[[Record], float]] = {
    "auroc": _auroc,
    "mean_hospital_auroc": _mean_hospital_auroc,
    "rounds_used": lambda record: float(record["facts"]["rounds_used"]),
    "gas_total": _gas_total,
}
JUDGES: Mapping[str, Callable[..., Finding]] = {
    "close_to": close_to,
    "equals": equals,
    "paired_within": paired_within,
    "spread_within": spread_within,
}


def _is_common(record: Record, task: str) -> bool:
    specification = record["specification"]
    undisturbed = specification["track"] == "common" and not any(specification["faults"].values())
    return specification["task"] == task and undisturbed


def _setting(record: Record) -> str:
    specification = record["specification"]
    names = ("task_params", "rounds", "engine", "ledger", "ledger_params", "speeds")
    return json.dumps([specification.get(name) for name in names], sort_keys=True)


def _seed(record: Record) -> int:
    return int(record["specification"]["seed"])


def _graded(distance: float, reproduced: float, partly: float, found: str, records: Sequence[Record]) -> Finding:
    if np.isnan(distance):
        return Finding(NOT_TESTABLE, ONE_CLASS)
    verdict = REPRODUCED if distance <= reproduced else PARTLY if distance <= partly else NOT_REPRODUCED
    return Finding(verdict, found, _ids(records))


def _paired(ours: Sequence[Record], theirs: Sequence[Record]) -> list[tuple[Record, Record]]:
    """Trials of both on the same patients, by seed and data digest."""
    other = {(record["specification"]["seed"], record["digests"]["data"]): record for record in theirs}
    keys = [(record["specification"]["seed"], record["digests"]["data"]) for record in ours]
    return [(record, other[key]) for record, key in zip(ours, keys, strict=True) if key in other]


def _ids(records: Sequence[Record]) -> tuple[str, ...]:
    return tuple(str(record["id"]) for record in records)


def _missing(task: str, who: str) -> Finding:
    return Finding(NOT_TESTABLE, f"this report holds no undisturbed trial of {who} on {task}")
