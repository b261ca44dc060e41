"""Reading a plan from its file, and refusing what cannot be run before anything is."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chainward import engines, ledgers, tasks
from chainward.codec import fields
from chainward.errors import ChainwardError, DataMissing
from chainward.ledgers import LEDGERS
from chainward.names import quoted
from chainward.plans import claims, effects, parameters, shipped, values
from chainward.plans.fields import LedgerPlan, Named
from chainward.plans.mistakes import first_mistake
from chainward.plans.plan import Plan
from chainward.plans.resolve import published
from chainward.strategy import Strategy, discovery
from chainward.tasks.base import Task
from chainward.tasks.division import Division, Partition
from chainward.tasks.leaks import Suspect, overlap, suspects

LARGEST_BYTES = 1_000_000


def read(path: Path, overrides: Mapping[str, Any]) -> Plan:
    """Read a plan, put `overrides` over its fields and check every name and parameter in it.

    Of the overrides, `params` are parameters of strategies: strategy -> parameter -> value.

    Raises:
        ChainwardError: the file is missing, is no TOML, or a field is wrong; the message names file, field and fix.
    """
    try:
        document = tomllib.loads(_text(path))
    except RecursionError:
        raise ChainwardError(f"{path}: tables and lists may be {values.DEEPEST} deep, not deeper") from None
    except ValueError as error:  # also an integer of more digits than Python reads
        raise ChainwardError(f"{path}: not valid TOML: {error}") from None
    return _checked(str(path), {"name": named_after(path.stem), **document}, overrides)


def named_after(text: str) -> str:
    """Return a plan's name for a file of any name: what a folder cannot be called becomes hyphens.

    Examples:
        >>> named_after("my plan (2)")
        'my-plan-2'
    """
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:100] or "plan"


def of_claims(papers: Sequence[str], overrides: Mapping[str, Any]) -> Plan:
    """Return the plan of the trials that these papers' claims ask for, all papers' where none is named, and check it.

    Raises:
        ChainwardError: as `read`, and a claim is wrong.
    """
    return _checked("claims", claims.document(papers), overrides)


def of_options(name: str, overrides: Mapping[str, Any]) -> Plan:
    """Return the plan that options alone make: the tasks they name, and all strategies unless they name some.

    Raises:
        ChainwardError: as `read`.
    """
    return _checked("options", {"name": name, "strategies": list(discovery.keys())}, overrides)


def of_document(where: str, document: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plan:
    """Return the plan that a document holds, with `overrides` put over its fields, and check it; `where` it stands.

    Raises:
        ChainwardError: as `read`.
    """
    return _checked(where, document, overrides)


def _checked(where: str, document: Mapping[str, Any], overrides: Mapping[str, Any]) -> Plan:
    try:
        values.check(document)
        values.check(overrides)
        given = {name: value for name, value in overrides.items() if name != "params"}
        merged = _merged(claims.expanded(document), given)
        plan = Plan.model_validate(parameters.put(merged, overrides.get("params", {})))
        seen = Seen()
        _check(plan, seen)
        discovery.refuse_clashes(strategy.key for leaf in plan.leaves for strategy in leaf.strategies)
        tasks.refuse_clashes(task.key for leaf in plan.leaves for task in leaf.tasks)
        effects.check(plan, [one for found in seen.suspects.values() for one in found])
    except ValidationError as error:
        raise ChainwardError(f"{where}: {first_mistake(error)}") from None
    except (ChainwardError, ValueError) as error:
        raise ChainwardError(f"{where}: {error}") from None
    return plan


def _text(path: Path) -> str:
    """Read a plan's file, which is a file and no endless stream."""
    try:
        if path.exists() and not path.is_file():
            raise ChainwardError(f"{path}: cannot be read (it is no file); give a readable TOML file")
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            raise ChainwardError(f"{path}: a plan has at most {LARGEST_BYTES:,} bytes; make several of it")
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ChainwardError(f"{path}: is UTF-16; save it as UTF-8")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise shipped.unknown(str(path)) from None
    except (OSError, ValueError) as error:
        raise ChainwardError(f"{path}: cannot be read ({error}); give a readable TOML file") from None


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


@dataclass
class Seen:
    """What is known of tasks by now, since their patients are read once: suspected columns; hospitals and features."""

    suspects: dict[Task, tuple[Suspect, ...]] = field(default_factory=dict)
    sizes: dict[tuple[Task, Division], tuple[int, int]] = field(default_factory=dict)


def _check(plan: Plan, seen: Seen) -> None:
    """Refuse names, parameters and hospitals that do not exist, settings without effect, strategies that cannot run and
    columns that give outcomes away, before anything runs."""
    for number, part in enumerate(plan.parts):
        if part.missing:
            continue
        try:
            _check(part, seen)
        except (ChainwardError, ValueError) as error:
            raise ChainwardError(f"parts.{number}: {error}") from None
    try:
        engines.load(plan.engine)
    except ChainwardError as error:
        raise ChainwardError(f"engine: {error}") from None
    if plan.ledger.name not in LEDGERS:
        raise ChainwardError(
            f"ledger.name: no ledger is called {quoted(plan.ledger.name)}; there is {', '.join(LEDGERS)}"
        )
    _check_ledger(plan.ledger)
    _check_device(plan.device)
    built = [_built(strategy, plan.track) for strategy in plan.strategies]
    division = Division(plan.split, Partition(**plan.partition.document), plan.preparation)
    for entry in plan.tasks:
        task = tasks.load(entry.key, **entry.params)
        missing = task.refuses(division) or task.requires()
        if missing:
            raise ChainwardError(f"task {entry.key}: {missing}")
        with suppress(DataMissing):  # the trials will say so
            if task not in seen.suspects:
                seen.suspects[task] = suspects(task.cohort())
            _check_leaks(plan, task, seen.suspects[task])
            _check_patients(plan, task, division)
            if not plan.parts:
                _check_needs(built, task, division, seen)


def _built(entry: Named, track: str) -> Strategy[Any]:
    """A strategy of a plan as its trials have it."""
    beside = published(discovery.load(entry.key), track).get("params", {})
    discovery.build(entry.key, entry.params)
    return discovery.build(entry.key, {**beside, **entry.params})


def _check_needs(built: Sequence[Strategy[Any]], task: Task, division: Division, seen: Seen) -> None:
    """Refuse strategies that cannot run with the hospitals or the features of a task."""
    if not any(strategy.card.needs for strategy in built):
        return
    if (task, division) not in seen.sizes:
        hospitals = task.dataset(0, division).hospitals
        seen.sizes[task, division] = len(hospitals), hospitals[0].train.features.shape[1]
    for strategy in built:
        if told := effects.unmet(strategy, *seen.sizes[task, division]):
            raise ChainwardError(
                f"strategy {strategy.card.key}: cannot run on task {task.key}: {told}; take another task or another "
                "strategy, or give it other parameters"
            )


def _check_patients(plan: Plan, task: Task, division: Division) -> None:
    """Refuse faults of hospitals that do not exist, and a task of somebody else's that has a patient in two parts."""
    faulty = {*plan.faults.absent, *plan.faults.delay}
    if not faulty and type(task).__module__.startswith("chainward."):
        return
    dataset = task.dataset(0, division)
    if both := overlap(dataset, shared_validation=bool(task.shared_validation)):
        raise ChainwardError(f"task {task.key}: {both}; have each in one, or say why in its shared_validation")
    names = [hospital.name for hospital in dataset.everyone]
    unknown = sorted(faulty - set(names))
    if unknown:
        raise ChainwardError(f"faults: {task.key} has no hospital {quoted(unknown[0])}; it has {_some(names)}")


def _check_leaks(plan: Plan, task: Task, found: Sequence[Suspect]) -> None:
    """Refuse a task of which a single column separates the outcomes almost perfectly, unless the plan says why."""
    leak = next((one for one in found if one.column not in plan.leaks), None)
    if leak is not None:
        drop = f"drop it (--drop {leak.column})" if "drop" in fields(task) else "leave it out"
        raise ChainwardError(
            f"task {task.key}: column {quoted(leak.column)} alone ({leak.of}) reaches AUROC {leak.auroc:.3f}, as what "
            f"is written down after the outcome does; {drop}, or say why it may: --leak {leak.column}=REASON"
        )


def _some(names: Sequence[str]) -> str:
    """The names where they are few, else the first and the last."""
    return ", ".join(names) if len(names) <= 20 else f"{names[0]} to {names[-1]}"


def _check_ledger(ledger: LedgerPlan) -> None:
    try:
        ledgers.build(ledger.name, ledger.params, 0, ())
    except (ChainwardError, ValueError, TypeError, ArithmeticError) as error:
        raise ChainwardError(f"ledger: {error}") from None


def _check_device(device: str) -> None:
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ChainwardError("device: no cuda here; use auto or cpu")
