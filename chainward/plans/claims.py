"""The trials that papers' claims ask for, as parts of a plan: rule and plan come from one entry of a paper's TOML."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.plans.plan import Plan
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.strategy.claims import Claim
from chainward.strategy.paper import mistake

SETTING = ("tasks", "strategies", "attacks", "rounds", "track", "seeds")
"""What each part of a claim's trials says itself, since its rule holds for just that."""

SIZES = ("hospitals", "patients")
"""Parameters that are part of a setting even where they have their defaults, if a task has them."""

_NAMED: Mapping[str, Any] = {"name": "claims", "title": "Do they do what their papers say?"}


def document(papers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the plan of just these papers' claims, of all papers' where none is named.

    Raises:
        ChainwardError: a paper is unknown, claims nothing, or asks for a trial that does not exist.
    """
    return {**_NAMED, "parts": _parts(papers or discovery.keys(), needed=bool(papers))}


def expanded(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plan's document with the trials of claims as its first parts, where it says `claims`.

    `claims = true` stands for all papers, a list of strategies for theirs.

    Raises:
        ChainwardError: `claims` is neither, or what `document` raises.
    """
    told = {name: value for name, value in plan.items() if name != "claims"}
    wanted = plan.get("claims", [])
    if wanted is not True and not (isinstance(wanted, list) and all(isinstance(key, str) for key in wanted)):
        raise ChainwardError("claims: write true, or a list of strategies")
    if not wanted:
        return told
    keys = discovery.keys() if wanted is True else wanted
    return {**told, "parts": [*_parts(keys, needed=wanted is not True), *told.get("parts", [])]}


def lacking(claim: Claim) -> tuple[str, ...]:
    """Return the tasks that a claim awaits and that are not here."""
    return tuple(key for key in claim.awaits if key not in tasks.names())


def place(key: str, claim: Claim) -> str:
    """Return how a message says where the claim of a strategy stands."""
    return f"{key}.toml: claim {claim.key!r}"


def plans_of(claim: Claim, where: str) -> tuple[Plan, ...]:
    """Return each part of the trials that a claim asks for as a plan of its own, without tasks that are lacking.

    Raises:
        ChainwardError: one is no plan, or does not name its full setting; the message is `where`, part and field.
    """
    parts = ((f"{where}: trials.{number}", part) for number, part in enumerate(claim.trials))
    return tuple(_plan(told, here) for told, part in parts if (here := _here(claim, told, part)))


def specifications_of(kind: type[Strategy[Any]], claim: Claim) -> Iterator[Specification]:
    """Yield every trial that a claim asks for and whose task is here, each of which can be run.

    Raises:
        ChainwardError: one names what does not exist; the message names file, claim and field.
    """
    where = place(kind.card.key, claim)
    for number, plan in enumerate(plans_of(claim, where)):
        try:
            for specification in plan.model_copy(update={"seeds": plan.seeds[:1]}).specifications():
                resolve(specification)
        except (ChainwardError, ValueError) as error:
            raise ChainwardError(f"{where}: trials.{number}: {error}") from None
        yield from plan.specifications()


def _parts(keys: Sequence[str], needed: bool) -> list[dict[str, Any]]:
    parts = []
    for kind in map(discovery.load, keys):
        claims, key = discovery.claims(kind), kind.card.key
        if needed and not any(claim.trials for claim in claims):
            raise ChainwardError(f"{key} claims nothing that trials decide; see `chainward show {key}`")
        for claim in claims:
            list(specifications_of(kind, claim))
            where = place(key, claim)
            parts += [here for part in claim.trials if (here := _here(claim, where, part))]
    return parts


def _here(claim: Claim, where: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """A part without the tasks that are lacking, nothing where no task is left; its setting must be whole."""
    for name in SETTING:
        if name not in part:
            raise ChainwardError(f"{where}.{name}: missing; a rule holds for the setting that its trials name")
    if "parts" in part:
        raise ChainwardError(f"{where}.parts: write each as a table [[claim.trials]] of its own")
    missing, entries = lacking(claim), part["tasks"]
    if not missing or not isinstance(entries, list | tuple):
        return dict(part)
    here = [entry for entry in entries if _key(entry) not in missing]
    return {**part, "tasks": here} if here else {}


def _key(entry: Any) -> Any:
    return entry.get("key") if isinstance(entry, Mapping) else entry


def _plan(where: str, part: Mapping[str, Any]) -> Plan:
    try:
        plan = Plan.model_validate({**_NAMED, **part})
    except ValidationError as error:
        raise ChainwardError(f"{where}: {mistake(error)}") from None
    for number, entry in enumerate(plan.tasks):
        try:
            known = {field.name for field in dataclasses.fields(tasks.load(entry.key, **entry.params))}
        except ValueError as error:
            raise ChainwardError(f"{where}: {error}") from None
        for size in SIZES:
            if size in known and size not in entry.params:
                raise ChainwardError(f"{where}.tasks.{number}.{size}: missing; say how many {entry.key} has here")
    return plan
