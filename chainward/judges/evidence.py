"""What a judge looks at: just the trials that a claim asks for, and all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, product
from typing import Any

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.judges.finding import Unjudgeable
from chainward.plans import claims
from chainward.plans.resolve import published
from chainward.plans.specification import Specification
from chainward.results.collection import Opener, Results
from chainward.results.record import Completed
from chainward.strategy import discovery
from chainward.strategy.claims import Claim


class _Missing(Unjudgeable):
    """A trial that can be run is not among the records."""


@dataclass(frozen=True)
class Recorded:
    """The trials of a report that ran to their end, by what exactly they are, and what is there `twice`."""

    trials: Mapping[str, Completed]
    twice: frozenset[str]
    opener: Opener

    @classmethod
    def of(cls, results: Results) -> Recorded:
        """Return those of all results; two records of one specification, of other code or patients, decide nothing."""
        names = [_canonical(record.specification) for record in results.completed]
        counts = Counter(names)
        twice = frozenset(name for name, count in counts.items() if count > 1)
        return cls(dict(zip(names, results.completed, strict=True)), twice, results.opener)


@dataclass(frozen=True)
class Trials:
    """Trials that differ in the seed alone, by seed; `specification` is that of the first.

    `part` says which of the claim's tables of trials asks for them.
    """

    part: int
    specification: Specification
    records: tuple[Completed, ...]

    @property
    def strategy(self) -> str:
        """Whose trials they are."""
        return self.specification.strategy

    @property
    def hospitals(self) -> int:
        """How many take part."""
        return len(self.records[0].hospitals)

    @cached_property
    def built(self) -> Any:
        """The strategy as it was run: its hyper-parameters, whether or not the plan gave them."""
        beside = published(discovery.load(self.strategy), self.specification.track).get("params", {})
        return discovery.build(self.strategy, {**beside, **self.specification.params})

    def has(self, params: Mapping[str, Any]) -> bool:
        """Whether the strategy was run with these hyper-parameters."""
        return all(getattr(self.built, name) == value for name, value in params.items())

    @property
    def setting(self) -> str:
        """All but strategy, hyper-parameters, attack and seed; equal for trials that may be compared."""
        return _canonical(replace(self.specification, strategy="", params={}, attack={}, seed=0))


@dataclass(frozen=True)
class Evidence:
    """What decides a claim of a strategy's paper: all the trials it asks for, no others, and what opens predictions."""

    strategy: str
    trials: tuple[Trials, ...]
    opener: Opener

    @classmethod
    def of(cls, recorded: Recorded, strategy: str, claim: Claim) -> Evidence:
        """Return the trials that a claim asks for: those whose specification is one of its own, all else is none.

        Raises:
            Unjudgeable: one is missing, or what the claim names is not here.
        """
        try:
            trials = tuple(_trials(*asked, recorded) for asked in _asked_for(strategy, claim))
        except _Missing as missing:
            raise Unjudgeable(f"{missing}; `chainward run --claims {strategy}` gathers what is missing") from None
        return cls(strategy, trials, recorded.opener)

    @property
    def records(self) -> tuple[Completed, ...]:
        """All of them, each once."""
        return tuple({record.id: record for trials in self.trials for record in trials.records}.values())

    def of_strategy(self, strategy: str) -> tuple[Trials, ...]:
        """Return the trials of one strategy.

        Raises:
            Unjudgeable: the claim asks for none.
        """
        found = tuple(trials for trials in self.trials if trials.strategy == strategy)
        if not found:
            raise Unjudgeable(f"its rule compares with {strategy}, of which it asks for no trial")
        return found

    @property
    def ours(self) -> tuple[Trials, ...]:
        """The trials of the paper itself."""
        return self.of_strategy(self.strategy)

    def beside(self, other: str) -> list[tuple[Trials, Trials]]:
        """Return the paper's trials and another strategy's, all in the same part, setting and attack.

        Raises:
            Unjudgeable: the claim asks for no such pair, or two trials of a seed have other patients.
        """
        found = [
            (ours, theirs)
            for ours, theirs in product(self.ours, self.of_strategy(other))
            if (ours.part, ours.setting) == (theirs.part, theirs.setting)
            and ours.specification.attack == theirs.specification.attack
        ]
        if not found:
            raise Unjudgeable(f"its rule asks for no trials of {self.strategy} and {other} beside each other")
        for ours, theirs in found:
            need_same_patients(ours, theirs)
        return found


def only(found: Iterable[Trials], what: str) -> Trials:
    """Return the only one of these trials.

    Raises:
        Unjudgeable: there are none, or several.
    """
    all_of_them = list(found)
    if len(all_of_them) != 1:
        raise Unjudgeable(f"its rule needs {what} in just one setting, and asks for {len(all_of_them) or 'none'}")
    return all_of_them[0]


def need_same_patients(first: Trials, second: Trials) -> None:
    """See that trials of the same seeds had the same patients, split alike.

    Raises:
        Unjudgeable: they had not.
    """
    ours, theirs = ([(seed_of(one), one.digests.data) for one in side.records] for side in (first, second))
    if ours != theirs:
        raise Unjudgeable(f"{first.strategy} and {second.strategy} were run on different patients")


def seed_of(record: Completed) -> int:
    """Return a trial's seed."""
    return record.specification.seed


def task_of(trials: Trials) -> str:
    """Return a task with its sizes and parameters, in words."""
    return _task(trials.specification)


def named(key: str, params: Any) -> str:
    """Return a key with its parameters, in words."""
    told = ", ".join(f"{name} {value}" for name, value in params.items())
    return f"{key} ({told})" if told else key


def attack_of(trials: Trials) -> str:
    """Return who attacks how, in words; nothing where nobody does."""
    return _attack(trials.specification)


def _asked_for(strategy: str, claim: Claim) -> Iterator[tuple[int, bool, list[Specification]]]:
    """The trials of each part of a claim, those that differ in the seed alone together; is the part optional?"""
    if missing := claims.lacking(claim):
        raise Unjudgeable(f"needs the task {' and '.join(missing)}, not here yet")
    try:
        plans = claims.plans_of(claim, claims.place(strategy, claim))
        parts = [(plan.optional, list(plan.specifications())) for plan in plans]
    except (ChainwardError, ValueError) as error:
        raise Unjudgeable(f"what it asks for is not here: {error}") from None
    for part, (optional, wanted) in enumerate(parts):
        for _, alike in groupby(wanted, key=lambda one: _canonical(replace(one, seed=0))):
            yield part, optional, list(alike)


def _trials(part: int, optional: bool, wanted: Sequence[Specification], recorded: Recorded) -> Trials:
    names = [_canonical(one) for one in wanted]
    if recorded.twice.intersection(names):
        raise Unjudgeable(f"this report holds two records of one trial, of other code, of {_described(wanted[0])}")
    found = [recorded.trials[name] for name in names if name in recorded.trials]
    if len(found) < len(wanted):
        told = f"this report holds {len(found)} of {len(wanted)} seeds of {_described(wanted[0])}"
        raise _Missing(f"{told}{_needed(wanted[0].task) if optional else ''}")
    return Trials(part, wanted[0], tuple(found))


def _needed(task: str) -> str:
    """How one comes to a task's data, said alike wherever a report is made: whether they are here is no finding."""
    return f", whose data `chainward data get {task}` gets" if tasks.kind(task).source else ""


def _described(wanted: Specification) -> str:
    attack = f", {_attack(wanted)}" if wanted.attack else ""
    what = f"{named(wanted.strategy, wanted.params)} on {_task(wanted)}"
    return f"{what}, {wanted.rounds} rounds, track {wanted.track}{attack}"


def _attack(wanted: Specification) -> str:
    """In words; what attackers do besides makes another attack."""
    if not wanted.attack:
        return ""
    told = f"{wanted.attack['kind']} {wanted.attack['strength']:g} by {wanted.attack['share']:.0%}"
    return " and ".join([told, *wanted.attack.get("also", ())])


def _task(wanted: Specification) -> str:
    task = tasks.load(wanted.task, **wanted.task_params)
    sizes = {size: getattr(task, size) for size in claims.SIZES if hasattr(task, size)}
    return named(wanted.task, {**sizes, **wanted.task_params})


def _canonical(specification: Specification) -> str:
    return json.dumps(specification.document(), sort_keys=True)
