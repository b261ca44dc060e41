"""Plans: TOML files that say which strategies meet which tasks, and under what."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from chainward import discovery, engines, ledgers, tasks
from chainward.errors import ChainwardError
from chainward.ledgers import LEDGERS
from chainward.trials.plan_fields import (
    AttackEntry,
    AttackPlan,
    Entry,
    FaultPlan,
    FlowerPlan,
    LedgerPlan,
    SpeedPlan,
    Strict,
)
from chainward.trials.specification import Specification


class Plan(Strict):
    """A plan. `seeds` counts from 0; `rounds` overrides the tasks' own; strategies and tasks are names or tables.

    Every strategy meets every task under every attack. `parts` are plans of their own that differ from this one in the
    fields they give: then only they are run. An `optional` part is left out where a task's data are not at hand.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: str = ""
    tasks: tuple[Entry, ...] = ()
    strategies: tuple[Entry, ...] = ()
    attacks: Annotated[tuple[AttackEntry, ...], Field(min_length=1)] = (AttackPlan(),)
    seeds: Annotated[int, Field(ge=1)] = 5
    rounds: Annotated[int, Field(ge=1)] | None = None
    track: Literal["common", "published"] = "common"
    engine: str = "cohort"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ledger: LedgerPlan = LedgerPlan()
    faults: FaultPlan = FaultPlan()
    speeds: SpeedPlan = SpeedPlan()
    flower: FlowerPlan = FlowerPlan()
    optional: bool = False
    parts: tuple[Plan, ...] = ()

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
        return self

    @property
    def leaves(self) -> tuple[Plan, ...]:
        """The parts, or the plan itself where it has none."""
        if not self.parts:
            return (self,)
        return tuple(leaf for part in self.parts if not part._missing() for leaf in part.leaves)

    @property
    def left_out(self) -> tuple[str, ...]:
        """What is missing for each optional part that cannot be run here."""
        return tuple(missing for part in self.parts if (missing := part._missing()))

    def _missing(self) -> str:
        """What an optional plan's data need; empty where all are at hand."""
        found = (tasks.load(task.key, **task.params).requires() for task in self.tasks if self.optional)
        return "; ".join(dict.fromkeys(missing for missing in found if missing))

    def specifications(self) -> Iterator[Specification]:
        """Yield every trial, seeds of one strategy on one task side by side."""
        for leaf in self.leaves:
            yield from leaf._own_specifications()

    def _own_specifications(self) -> Iterator[Specification]:
        for task, attack in product(self.tasks, self.attacks):
            rounds = self.rounds or tasks.load(task.key, **task.params).rounds
            for strategy in self.strategies:
                for seed in range(self.seeds):
                    yield Specification(
                        strategy=strategy.key,
                        params=strategy.params,
                        task=task.key,
                        task_params=task.params,
                        seed=seed,
                        rounds=rounds,
                        track=self.track,
                        engine=self.engine,
                        engine_params=self.flower.model_dump(exclude_defaults=True),
                        ledger=self.ledger.name,
                        ledger_params=self.ledger.params,
                        faults=self.faults.model_dump(exclude_defaults=True),
                        attack=attack.document,
                        speeds=self.speeds.model_dump(exclude_none=True),
                    )


def read(path: Path, overrides: Mapping[str, Any]) -> Plan:
    """Read a plan, put `overrides` over its fields and check every name and parameter in it.

    Raises:
        ChainwardError: the file is missing, is no TOML, or a field is wrong; the message names file, field and fix.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ChainwardError(f"{path}: no such plan; see benchmarks/*.toml for examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ChainwardError(f"{path}: cannot be read ({error}); give a readable TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise ChainwardError(f"{path}: not valid TOML: {error}") from None
    try:
        plan = Plan.model_validate(_merged({"name": path.stem, **document}, overrides))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ChainwardError(f"{path}: {where}: {first['msg']} (got {str(first['input'])[:60]!r})") from None
    try:
        _check(plan)
    except (ChainwardError, ValueError) as error:
        raise ChainwardError(f"{path}: {error}") from None
    return plan


def _merged(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(document)
    if isinstance(document.get("parts"), list):
        merged["parts"] = [_merged_part(part, overrides) for part in document["parts"]]
    for name, value in overrides.items():
        under = merged.get(name, {})
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[name] = {**under, **value}
        elif not isinstance(value, Mapping):
            merged[name] = value
    return merged


def _merged_part(part: Any, overrides: Mapping[str, Any]) -> Any:
    """Put overrides over what a part gives itself; the rest it inherits."""
    own = part if isinstance(part, Mapping) else {}
    return _merged(own, {name: value for name, value in overrides.items() if name in own}) or part


def _infinite(value: Any, where: str = "") -> Iterator[str]:
    """Yield the place of every number that is infinite or none: no record could hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where.removeprefix(".")
    elif isinstance(value, Mapping | list):
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _infinite(item, f"{where}.{name}")


def _check(plan: Plan) -> None:
    """Refuse names, parameters and hospitals that do not exist before anything runs."""
    for number, part in enumerate(plan.parts):
        if part._missing():
            continue
        try:
            _check(part)
        except (ChainwardError, ValueError) as error:
            raise ChainwardError(f"parts.{number}: {error}") from None
    try:
        engines.load(plan.engine)
    except ChainwardError as error:
        raise ChainwardError(f"engine: {error}") from None
    if plan.ledger.name not in LEDGERS:
        raise ChainwardError(f"ledger.name: no ledger is called {plan.ledger.name!r}; there is {', '.join(LEDGERS)}")
    for where in _infinite(plan.model_dump()):
        raise ChainwardError(f"{where}: must be a finite number")
    _check_ledger(plan.ledger)
    _check_device(plan.device)
    for strategy in plan.strategies:
        discovery.build(strategy.key, strategy.params)
    for entry in plan.tasks:
        task = tasks.load(entry.key, **entry.params)
        missing = task.requires()
        if missing:
            raise ChainwardError(f"task {entry.key}: {missing}")
        faulty = {*plan.faults.absent, *plan.faults.delay}
        if faulty:
            names = [hospital.name for hospital in task.cohort(0).hospitals]
            unknown = sorted(faulty - set(names))
            if unknown:
                raise ChainwardError(f"faults: {entry.key} has no hospital {unknown[0]!r}; it has {', '.join(names)}")


def _check_ledger(ledger: LedgerPlan) -> None:
    try:
        ledgers.build(ledger.name, ledger.params, 0, ())
    except (ChainwardError, ValueError, TypeError) as error:
        raise ChainwardError(f"ledger: {error}") from None


def _check_device(device: str) -> None:
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ChainwardError("device: no cuda here; use auto or cpu")
