"""Which trials may be averaged: those whose specifications differ in the seed alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from chainward.codec import fields
from chainward.plans.specification import Specification
from chainward.report.tables.scenarios import Scenario, scenario
from chainward.report.tables.words import (
    COMMON,
    TUNED,
    canonical,
    describe_attack,
    describe_setting,
    plain,
    setting_of,
    words_of,
)
from chainward.results.collection import Results
from chainward.results.record import Completed, Failed, Record
from chainward.strategy import Card

Row = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """The trials of one leaderboard row, by seed, and the card of their strategy, where its paper is at hand.

    `setting` says in words what every row of the same table shares, `label` names the row: the strategy and what sets
    this row apart from the strategy's other rows in the same setting. `key` is the whole setting and variant.
    """

    records: tuple[Record, ...]
    key: str
    setting: str
    label: str
    card: Card | None

    @cached_property
    def completed(self) -> tuple[Completed, ...]:
        """The trials that ran to their end."""
        return tuple(record for record in self.records if record.status == "completed")

    @cached_property
    def failed(self) -> tuple[Failed, ...]:
        """The trials that did not."""
        return tuple(record for record in self.records if record.status == "failed")

    @property
    def specification(self) -> Specification:
        """What its trials share; the seed is that of the first."""
        return self.records[0].specification

    @cached_property
    def identity(self) -> Row:
        """The columns that name this group in every table."""
        specification = self.specification
        names = {"task": specification.task, "strategy": specification.strategy, "track": specification.track}
        attack = describe_attack(specification)
        return {**names, "label": self.label, "setting": self.setting, "attack": attack}

    @cached_property
    def calm_key(self) -> str:
        """The key of the same trials, were nobody to attack."""
        return _key(replace(self.specification, attack={}), self.records[0].digests.code)

    @property
    def calm(self) -> str:
        """The setting in words, were nobody to attack."""
        return describe_setting(replace(self.specification, attack={}))

    @property
    def scenario(self) -> Scenario:
        """The chain of its setting: how often it makes blocks and what its gas costs."""
        return scenario(self.specification)


def group(results: Results) -> tuple[Group, ...]:
    """Group trials so that different settings are never mixed.

    Ordered by task, those on which more strategies ran before others; within one, the common track without faults or
    attacks first, then settings with more strategies.
    """
    by_key: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(results.records, key=lambda one: (one.specification.seed, one.id)):
        by_key[_key(record.specification, record.digests.code)].append(record)
    keys = sorted(by_key)
    firsts = [by_key[key][0] for key in keys]
    settings = [canonical(setting_of(first.specification)) for first in firsts]
    sizes = Counter(settings)
    line_ups = Counter(task for task, _ in {(one.specification.task, one.specification.strategy) for one in firsts})
    labels, words = _labels(firsts, settings), words_of([first.specification for first in firsts], settings)
    order = sorted(range(len(keys)), key=lambda i: _precedence(firsts[i].specification, settings[i], sizes, line_ups))
    return tuple(
        Group(
            tuple(by_key[keys[i]]),
            keys[i],
            words[settings[i]],
            labels[i],
            results.card(firsts[i].specification.strategy),
        )
        for i in order
    )


def _precedence(
    specification: Specification, setting: str, sizes: Mapping[str, int], line_ups: Mapping[str, int]
) -> tuple[Any, ...]:
    disturbed = bool(specification.faults) + 2 * bool(specification.attack)
    track = setting_of(specification)["track"]
    task = specification.task
    return (-line_ups[task], task, track != COMMON, disturbed, -sizes[setting], setting)


def _labels(firsts: Sequence[Record], settings: Sequence[str]) -> list[str]:
    """The strategy's name, and what was set where one strategy has several rows in one setting that differ in it."""
    facts = [_facts(record) for record in firsts]
    rivals: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, (mine, setting) in enumerate(zip(facts, settings, strict=True)):
        rivals[mine["strategy"], f"{mine.get('track')} {setting}"].append(i)
    labels = [""] * len(facts)
    for (strategy, _), members in rivals.items():
        names = sorted({name for i in members for name in facts[i]})
        differing = [name for name in names if name == "track" or len({facts[i].get(name) for i in members}) > 1]
        for i in members:
            words = ", ".join(_told(name, facts[i][name]) for name in differing if name in facts[i])
            labels[i] = f"{strategy} ({words})" if words else strategy
    return labels


def _told(name: str, value: str) -> str:
    return value if name == "track" else f"{name} {value}"


def _facts(record: Record) -> dict[str, str]:
    specification = record.specification
    parameters = {name: plain(value) for name, value in specification.params.items()}
    told = {"rounds": plain(specification.rounds), "code": record.digests.code[:8], "strategy": specification.strategy}
    tuned = {"track": TUNED} if specification.track == TUNED else {}
    return {**parameters, **told, **tuned}


def _key(specification: Specification, code: str) -> str:
    """All that tells one group from another: everything but the seed."""
    told = {name: value for name, value in fields(specification).items() if name != "seed"}
    return canonical([told, code])
