"""Plans: TOML files that say which strategies meet which tasks, and under what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from chainward import tasks
from chainward.plans.canonical import canonical
from chainward.plans.fields import (
    MOST_ROUNDS,
    MOST_TRIALS,
    AttackEntry,
    AttackPlan,
    Entry,
    FaultPlan,
    FlowerPlan,
    LedgerPlan,
    PartitionEntry,
    PartitionPlan,
    Seeds,
    ShortText,
    SpeedPlan,
    Strict,
    TrainingPlan,
)
from chainward.plans.specification import Specification

Entries = Annotated[tuple[Entry, ...], Field(max_length=1000)]


class Plan(Strict):
    """A plan. `seeds` are values, or how many from 0; `rounds` overrides the tasks' own.

    Strategies and tasks are names or tables. Every strategy meets every task under every attack, once also where it is
    named twice. `parts` are plans of their own that differ from this one in the fields they give: then only they are
    run. An `optional` part is left out where a task's data are not at hand. `leaks` say of columns that give the
    outcome away why they may.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)]
    title: ShortText = ""
    tasks: Entries = ()
    strategies: Entries = ()
    attacks: Annotated[tuple[AttackEntry, ...], Field(min_length=1, max_length=1000)] = (AttackPlan(),)
    seeds: Seeds = (0, 1, 2, 3, 4)
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] | None = None
    split: Literal["by-patient", "leave-one-hospital-out", "by-time"] = "by-patient"
    partition: PartitionEntry = PartitionPlan()
    preparation: Literal["federated", "per-hospital"] = "federated"
    track: Literal["common", "tuned", "published"] = "common"
    training: TrainingPlan = TrainingPlan()
    leaks: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=1000)
    engine: ShortText = "cohort"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ledger: LedgerPlan = LedgerPlan()
    faults: FaultPlan = FaultPlan()
    speeds: SpeedPlan = SpeedPlan()
    flower: FlowerPlan = FlowerPlan()
    optional: bool = False
    parts: Annotated[tuple[Plan, ...], Field(max_length=1000)] = ()

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, document: Any) -> Any:
        """Give each part what the plan says and the part does not."""
        if not isinstance(document, Mapping) or not isinstance(document.get("parts"), list):
            return document
        shared = {name: value for name, value in document.items() if name != "parts"}
        parts = [{**shared, **part} if isinstance(part, Mapping) else part for part in document["parts"]]
        return {**document, "parts": parts}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name, named in {} if self.parts else {"tasks": self.tasks, "strategies": self.strategies}.items():
            if not named:
                raise ValueError(f"{name}: name at least 1")
        if self.trials > MOST_TRIALS:
            raise ValueError(f"{self._product} are {self.trials:,} trials; a plan has at most {MOST_TRIALS:,}")
        return self

    @property
    def trials(self) -> int:
        """How many trials this is at most: all parts, each thing that is named twice counted twice."""
        if self.parts:
            return sum(part.trials for part in self.parts)
        return len(self.strategies) * len(self.tasks) * len(self.attacks) * len(self.seeds)

    @property
    def _product(self) -> str:
        if self.parts:
            return f"{len(self.parts)} parts"
        counts = {"strategies": self.strategies, "tasks": self.tasks, "attacks": self.attacks}
        return " × ".join([*(f"{len(named)} {name}" for name, named in counts.items()), f"{len(self.seeds)} seeds"])

    @property
    def leaves(self) -> tuple[Plan, ...]:
        """The parts, or the plan itself where it has none."""
        if not self.parts:
            return (self,)
        return tuple(leaf for part in self.parts if not part.missing for leaf in part.leaves)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is missing for each optional part that cannot be run here."""
        return tuple(dict.fromkeys(missing for part in self.parts if (missing := part.missing)))

    @property
    def missing(self) -> str:
        """What an optional plan's data need; empty where all are at hand."""
        found = (tasks.load(task.key, **task.params).requires() for task in self.tasks if self.optional)
        return "; ".join(dict.fromkeys(missing for missing in found if missing))

    def specifications(self) -> Iterator[Specification]:
        """Yield every trial, seeds of one strategy on one task side by side."""
        for leaf in self.leaves:
            yield from leaf._own_specifications()

    def _own_specifications(self) -> Iterator[Specification]:
        for task, attack, strategy in product(self.tasks, self.attacks, self.strategies):
            first = Specification(
                strategy=strategy.key,
                params=strategy.params,
                task=task.key,
                task_params=task.params,
                seed=0,
                rounds=self.rounds or tasks.load(task.key, **task.params).rounds,
                split=self.split,
                partition=self.partition.document,
                preparation=self.preparation,
                track=self.track,
                training=self.training.model_dump(exclude_none=True),
                engine=self.engine,
                engine_params=self.flower.model_dump(exclude_defaults=True),
                ledger=self.ledger.name,
                ledger_params=self.ledger.params,
                faults=self.faults.model_dump(exclude_defaults=True),
                attack=attack.document,
                speeds=self.speeds.model_dump(exclude_none=True),
            )
            one = canonical(first)
            yield from (replace(one, seed=seed) for seed in self.seeds)
