"""Which trials may be averaged: those whose specifications differ in the seed alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainward.codec import fields
from chainward.results.collection import Results
from chainward.results.record import Completed, Failed, Record
from chainward.strategy import Card

Row = dict[str, Any]

# What may tell two rows of one table apart. All else in a specification but the seed is the setting they share.
VARIANT = ("strategy", "params", "rounds")


@dataclass(frozen=True)
class Group:
    """The trials of one leaderboard row, by seed, and the card of their strategy, where its paper is at hand.

    `setting` says in words what every row of the same table shares, `label` names the row: the strategy and what sets
    this row apart from the strategy's other rows in the same setting.
    """

    records: tuple[Record, ...]
    setting: str
    label: str
    card: Card | None

    @property
    def completed(self) -> tuple[Completed, ...]:
        """The trials that ran to their end."""
        return tuple(record for record in self.records if record.status == "completed")

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The trials that did not."""
        return tuple(record for record in self.records if record.status == "failed")

    @property
    def identity(self) -> Row:
        """The columns that name this group in every table."""
        specification = self.records[0].specification
        names = {"task": specification.task, "strategy": specification.strategy, "track": specification.track}
        attack = describe_attack(self.records[0])
        return {**names, "label": self.label, "setting": self.setting, "attack": attack}

    @property
    def variant(self) -> str:
        """What its rows in two settings have in common: strategy, hyper-parameters, rounds and code."""
        return canonical([_variant(self.records[0]), self.records[0].digests.code])

    @property
    def calm(self) -> str:
        """The setting in words, were nobody to attack."""
        return describe_setting(self.records[0], attacked=False)


def group(results: Results) -> tuple[Group, ...]:
    """Group trials so that different settings are never mixed.

    Ordered by task; within it, the common track without faults or attacks first, then settings with more strategies.
    """
    by_key: dict[str, list[Record]] = {}
    for record in sorted(results.records, key=lambda one: (one.specification.seed, one.id)):
        code = record.digests.code
        by_key.setdefault(canonical([_setting(record), _variant(record), code]), []).append(record)
    members = [tuple(by_key[key]) for key in sorted(by_key)]
    settings = [canonical(_setting(trials[0])) for trials in members]
    order = sorted(range(len(members)), key=lambda i: _precedence(members[i][0], settings[i], settings))
    labels = _labels(members, settings)
    cards = [results.card(trials[0].specification.strategy) for trials in members]
    return tuple(Group(members[i], describe_setting(members[i][0]), labels[i], cards[i]) for i in order)


def describe_attack(record: Record) -> str:
    """An attack in words, e.g. `sign flip, strength 4, by 30 % of hospitals`; empty where nobody attacks."""
    attack = record.specification.attack
    if not attack:
        return ""
    kind = str(attack["kind"]).replace("_", " ")
    return f"{kind}, strength {attack['strength']:g}, by {attack['share']:.0%} of hospitals"


def describe_setting(record: Record, *, attacked: bool = True) -> str:
    """A setting in words, e.g. `common track · evm (consensus poa) · cohort engine · no faults`."""
    spec = record.specification
    attack = [describe_attack(record)] if attacked and spec.attack else []
    task = [_words(spec.task_params)] if spec.task_params else []
    speeds = [f"speeds: {_words(spec.speeds)}"] if spec.speeds else []
    faults = f"faults: {_words(spec.faults)}" if spec.faults else "no faults"
    ledger = f"{spec.ledger} ({_words(spec.ledger_params)})" if spec.ledger_params else spec.ledger
    return " · ".join([*task, f"{spec.track} track", ledger, f"{spec.engine} engine", *speeds, faults, *attack])


def _precedence(record: Record, setting: str, settings: Sequence[str]) -> tuple[Any, ...]:
    spec = record.specification
    disturbed = bool(spec.faults) + 2 * bool(spec.attack)
    return (spec.task, spec.track != "common", disturbed, -settings.count(setting), setting)


def _labels(members: Sequence[Sequence[Record]], settings: Sequence[str]) -> list[str]:
    """The strategy's name, and what was set where one strategy has several rows in one setting that differ in it."""
    facts = [_facts(trials[0]) for trials in members]
    labels = []
    for mine, setting in zip(facts, settings, strict=True):
        same = zip(facts, settings, strict=True)
        rivals = [other for other, theirs in same if theirs == setting and other["strategy"] == mine["strategy"]]
        names = sorted({name for other in rivals for name in other})
        differing = [name for name in names if len({other.get(name) for other in rivals}) > 1]
        words = ", ".join(f"{name} {mine[name]}" for name in differing if name in mine)
        labels.append(f"{mine['strategy']} ({words})" if words else mine["strategy"])
    return labels


def _facts(record: Record) -> dict[str, str]:
    variant = _variant(record)
    parameters = {name: plain(value) for name, value in variant["params"].items()}
    code = record.digests.code[:8]
    return {**parameters, "rounds": plain(variant["rounds"]), "code": code, "strategy": str(variant["strategy"])}


def _variant(record: Record) -> dict[str, Any]:
    return {name: getattr(record.specification, name) for name in VARIANT}


def _setting(record: Record) -> dict[str, Any]:
    return {name: value for name, value in fields(record.specification).items() if name not in (*VARIANT, "seed")}


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain(values[name])}" for name in sorted(values))


def plain(value: Any) -> str:
    """A parameter as a reader would write it: text bare, anything else as JSON."""
    return value if isinstance(value, str) else canonical(value)


def canonical(value: Any) -> str:
    """JSON with sorted keys, equal for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
