"""Plans: TOML files that say which strategies meet which tasks, and under what."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chainward import discovery, engines, ledgers, tasks
from chainward.errors import ChainwardError
from chainward.ledgers import LEDGERS
from chainward.trials.specification import Specification


class Strict(BaseModel):
    """Unknown fields are errors, and plans do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(BaseModel):
    """A strategy or task by `key`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    key: str

    @property
    def params(self) -> dict[str, Any]:
        """The parameters."""
        return dict(self.model_extra or {})


class LedgerPlan(BaseModel):
    """The ledger by `name`; every other field is a parameter of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = "evm"
    consensus: str = "poa"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, consensus among them."""
        return {"consensus": self.consensus, **(self.model_extra or {})}


class FaultPlan(Strict):
    """`absent`: rounds in which a hospital does not answer (empty: all). `delay`: seconds it answers late."""

    absent: dict[str, list[Annotated[int, Field(ge=0)]]] = {}
    delay: dict[str, Annotated[float, Field(ge=0)]] = {}


class SpeedPlan(Strict):
    """Assumptions of the time model; see `chainward.world.Speeds`."""

    flops_per_s: Annotated[float, Field(gt=0)] | None = None
    round_trip_s: Annotated[float, Field(ge=0)] | None = None
    bits_per_s: Annotated[float, Field(gt=0)] | None = None
    patience_s: Annotated[float, Field(gt=0)] | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | None = None


class FlowerPlan(Strict):
    """How a deployment on Flower runs: without TLS and authentication if `insecure`, so long for one exchange."""

    insecure: bool = False
    timeout_s: Annotated[float, Field(gt=0)] | None = None


def _table(value: Any) -> Any:
    return {"key": value} if isinstance(value, str) else value


Entry = Annotated[Named, BeforeValidator(_table)]


class Plan(Strict):
    """A plan. `seeds` counts from 0; `rounds` overrides the tasks' own; strategies and tasks are names or tables."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    title: str = ""
    tasks: Annotated[list[Entry], Field(min_length=1)]
    strategies: Annotated[list[Entry], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1)] = 5
    rounds: Annotated[int, Field(ge=1)] | None = None
    track: Literal["common", "published"] = "common"
    engine: str = "cohort"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ledger: LedgerPlan = LedgerPlan()
    faults: FaultPlan = FaultPlan()
    speeds: SpeedPlan = SpeedPlan()
    flower: FlowerPlan = FlowerPlan()

    def specifications(self) -> Iterator[Specification]:
        """Yield every trial, seeds of one strategy on one task side by side."""
        for task in self.tasks:
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
    for name, value in overrides.items():
        under = merged.get(name, {})
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[name] = {**under, **value}
        elif not isinstance(value, Mapping):
            merged[name] = value
    return merged


def _infinite(value: Any, where: str = "") -> Iterator[str]:
    """Yield the place of every number that is infinite or none: no record could hold it."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where.removeprefix(".")
    elif isinstance(value, Mapping | list):
        for name, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _infinite(item, f"{where}.{name}")


def _check(plan: Plan) -> None:
    """Refuse names, parameters and hospitals that do not exist before anything runs."""
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
