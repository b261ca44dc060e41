"""The trials that papers' claims ask for, as parts of a plan: rule and plan come from one entry of a paper's TOML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from chainward.errors import ChainwardError
from chainward.plans.plan import Plan
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.strategy.claims import Claim
from chainward.strategy.paper import mistake

_DEFAULTS: Mapping[str, Any] = {"name": "claims", "title": "Do they do what their papers say?", "seeds": 5}


def document(papers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the plan of just these papers' claims, of all papers' where none is named.

    Raises:
        ChainwardError: a paper is unknown, claims nothing, or asks for a trial that does not exist.
    """
    return {**_DEFAULTS, "parts": _parts(papers or discovery.keys(), needed=bool(papers))}


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


def asked_for(claim: Claim) -> Iterator[Specification]:
    """Yield every trial that a claim asks for, whether or not what it names exists.

    Raises:
        ChainwardError, ValueError: a part is no plan, or its task does not exist.
    """
    for part in claim.trials:
        yield from Plan.model_validate({**_DEFAULTS, **part}).specifications()


def specifications_of(kind: type[Strategy[Any]], claim: Claim) -> Iterator[Specification]:
    """Yield every trial that a claim asks for, each of which can be run.

    Raises:
        ChainwardError: one names what does not exist; the message names file, claim and field.
    """
    for number, part in enumerate(claim.trials):
        yield from _plan(f"{kind.card.key}.toml: claim {claim.key!r}: trials.{number}", part).specifications()


def _parts(keys: Sequence[str], needed: bool) -> list[dict[str, Any]]:
    parts = []
    for kind in map(discovery.load, keys):
        claims, key = discovery.claims(kind), kind.card.key
        if needed and not any(claim.trials for claim in claims):
            raise ChainwardError(f"{key} claims nothing that trials decide; see `chainward show {key}`")
        for claim in claims:
            list(specifications_of(kind, claim))
            parts += [dict(part) for part in claim.trials]
    return parts


def _plan(where: str, part: Mapping[str, Any]) -> Plan:
    """A part as a plan of its own, all of whose names exist."""
    try:
        plan = Plan.model_validate({**_DEFAULTS, **part})
    except ValidationError as error:
        raise ChainwardError(f"{where}: {mistake(error)}") from None
    try:
        for specification in plan.model_copy(update={"seeds": 1}).specifications():
            resolve(specification)
    except (ChainwardError, ValueError) as error:
        raise ChainwardError(f"{where}: {error}") from None
    return plan
