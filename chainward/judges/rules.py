"""Which judges there are, and whether a claim's rule names one of them and gives it what it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chainward.errors import ChainwardError
from chainward.judges.accuracy import (
    better_than_sites,
    close_to,
    equals,
    paired_within,
    same_predictions,
    spread_within,
)
from chainward.judges.attacks import attackers_earn_less, attackers_score_lower, robust_to_attack
from chainward.judges.costs import dearest_parts, gas_an_agent, less_gas_than, setup_gas_line
from chainward.judges.evidence import Finding
from chainward.judges.rates import best_rate
from chainward.judges.shares import pays_alike, size_and_score, size_and_share
from chainward.strategy import Strategy, discovery
from chainward.strategy.claims import Claim
from chainward.strategy.paper import mistake

_ALL = (
    attackers_earn_less,
    attackers_score_lower,
    best_rate,
    better_than_sites,
    close_to,
    dearest_parts,
    equals,
    gas_an_agent,
    less_gas_than,
    paired_within,
    pays_alike,
    robust_to_attack,
    same_predictions,
    setup_gas_line,
    size_and_score,
    size_and_share,
    spread_within,
)
JUDGES: Mapping[str, Callable[..., Finding]] = {judge.__name__: judge for judge in _ALL}


def checked_claims(kind: type[Strategy[Any]]) -> tuple[Claim, ...]:
    """Return the claims of a strategy's paper, each with a judge that exists and takes its arguments.

    Raises:
        ChainwardError: a claim is wrong; the message names file, claim and field.
    """
    claims = discovery.claims(kind)
    for claim in claims:
        _check(claim, f"{kind.card.key}.toml: claim {claim.key!r}: judge")
    return claims


def _check(claim: Claim, where: str) -> None:
    if not claim.judge:
        return
    if claim.judge not in JUDGES:
        raise ChainwardError(f"{where}.name: no judge is called {claim.judge!r}; there is {', '.join(JUDGES)}")
    _, *parameters = inspect.signature(JUDGES[claim.judge], eval_str=True).parameters.values()
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
