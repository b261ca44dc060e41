"""Reading a plan from its file, and refusing what cannot be run before anything is."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainward import engines, ledgers, tasks
from chainward.errors import ChainwardError
from chainward.ledgers import LEDGERS
from chainward.plans import claims
from chainward.plans.fields import LedgerPlan
from chainward.plans.plan import Plan
from chainward.strategy import discovery


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
    return _checked(str(path), {"name": path.stem, **document}, overrides)


def of_claims(papers: Sequence[str], overrides: Mapping[str, Any]) -> Plan:
    """Return the plan of the trials that these papers' claims ask for, all papers' where none is named, and check it.

    Raises:
        ChainwardError: as `read`, and a claim is wrong.
    """
    return _checked("claims", claims.document(papers), overrides)


def _checked(where: str, document: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plan:
    try:
        plan = Plan.model_validate(_merged(claims.expanded(document), overrides))
    except ValidationError as error:
        raise ChainwardError(f"{where}: {_first_mistake(error)}") from None
    except ChainwardError as error:
        raise ChainwardError(f"{where}: {error}") from None
    try:
        _check(plan)
    except (ChainwardError, ValueError) as error:
        raise ChainwardError(f"{where}: {error}") from None
    return plan


def _first_mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    where = "".join(f"{part}." for part in first["loc"]).rstrip(".")
    if first["type"] == "value_error":  # our own words, which say what was given
        return ": ".join(filter(None, (where, str(first["ctx"]["error"]))))
    return f"{where}: {first['msg']} (got {str(first['input'])[:60]!r})"


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
        if part.missing:
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
            names = [hospital.name for hospital in task.dataset(0).hospitals]
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
