"""Which judges there are, and whether a claim's rule names one of them and gives it what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chainward import plugins
from chainward.errors import ChainwardError
from chainward.judges.accuracy import (
    better_than,
    close_to,
    equals,
    like,
    paired_within,
    same_predictions,
    spread_within,
)
from chainward.judges.attacks import attackers_earn_less, attackers_score_lower, robust_to_attack, withstands_all
from chainward.judges.balances import honest_have_more
from chainward.judges.batches import larger_batches, proof_cost
from chainward.judges.calls import better_when_on
from chainward.judges.costs import gas_an_agent, less_gas_than, setup_gas_line
from chainward.judges.directions import directions
from chainward.judges.exact import figures_by_task, same_coefficients
from chainward.judges.finding import Finding
from chainward.judges.parts import dearest_part, dearest_parts
from chainward.judges.rates import best_rate, recalled_rate
from chainward.judges.samples import pays_alike, sampling_error
from chainward.judges.shares import size_and_score, size_and_share, size_and_share_by_seed
from chainward.judges.sites import better_than_floors, better_than_sites
from chainward.names import quoted
from chainward.plans.claims import place, plans_of
from chainward.strategy import Strategy, discovery
from chainward.strategy.claims import Claim
from chainward.strategy.paper import mistake

GROUP = "chainward.judges"
Judge = Callable[..., Finding]

_ALL = (
    attackers_earn_less,
    attackers_score_lower,
    best_rate,
    better_than,
    better_than_floors,
    better_than_sites,
    better_when_on,
    close_to,
    dearest_part,
    dearest_parts,
    directions,
    equals,
    figures_by_task,
    gas_an_agent,
    honest_have_more,
    larger_batches,
    less_gas_than,
    like,
    paired_within,
    pays_alike,
    proof_cost,
    recalled_rate,
    robust_to_attack,
    same_coefficients,
    same_predictions,
    sampling_error,
    setup_gas_line,
    size_and_score,
    size_and_share,
    size_and_share_by_seed,
    spread_within,
    withstands_all,
)
JUDGES: Mapping[str, Judge] = {judge.__name__: judge for judge in _ALL}


def names() -> tuple[str, ...]:
    """Return the names of all judges, ours, then installed ones (`chainward.judges`)."""
    return (*JUDGES, *sorted(plugins.keys(GROUP) - set(JUDGES)))


def load(name: str) -> Judge:
    """Return a judge by its name, by `package:name` for one that is installed.

    Raises:
        ChainwardError: there is none of this name, there are two, or it cannot be imported.
    """
    package, _, key = name.rpartition(":")
    if package in ("", plugins.OURS) and key in JUDGES:
        return JUDGES[key]
    if not (found := plugins.entries(GROUP, key, package)):
        raise ChainwardError(f"no judge is called {quoted(name)}; there is {', '.join(names())}")
    judge: Judge = plugins.load(found, "judge")
    if not callable(judge):
        raise ChainwardError(f"judge {name!r} is no function of evidence")
    return judge


def checked_claims(kind: type[Strategy[Any]]) -> tuple[Claim, ...]:
    """Return the claims of a strategy's paper, each with a judge that takes its arguments and trials in full settings.

    Raises:
        ChainwardError: a claim is wrong; the message names file, claim and field.
    """
    claims = discovery.claims(kind)
    for claim in claims:
        where = place(kind.card.key, claim)
        _check(claim, f"{where}: judge", ours=kind.__module__.startswith("reimplementations."))
        plans_of(claim, where)
    return claims


def _check(claim: Claim, where: str, ours: bool) -> None:
    if not claim.judge:
        return
    try:
        if not ours and claim.judge in JUDGES:  # a claim of ours means a judge of ours
            plugins.refuse_clash(GROUP, claim.judge, "judge")
        judge = load(claim.judge)
        _, *parameters = inspect.signature(judge, eval_str=True).parameters.values()
    except ChainwardError as error:
        raise ChainwardError(f"{where}.name: {error}") from None
    except Exception as error:  # a judge of another package may be anything that can be called
        raise ChainwardError(f"{where}.name: {claim.judge} has no readable signature: {error}") from None
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in claim.arguments.items():
        if name not in known:
            raise ChainwardError(f"{where}: {claim.judge} takes no {name!r}; it takes {', '.join(known)}")
        try:
            TypeAdapter(known[name].annotation).validate_python(value, strict=True)
        except ValidationError as error:
            raise ChainwardError(f"{where}.{name}{mistake(error)}") from None
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in claim.arguments:
            raise ChainwardError(f"{where}: {claim.judge} needs {name!r}")
