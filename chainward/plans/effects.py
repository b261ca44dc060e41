"""What a plan says that would change nothing, or that no strategy of it could run with: refused when it is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.names import quoted
from chainward.plans.plan import Plan
from chainward.strategy import Strategy
from chainward.tasks.leaks import Suspect

DEPLOYMENT, FLOWER = "flower-deployment", "flower-"
ON_CPU = (FLOWER,)
"""Engines, by how their names begin, whose hospitals train on the CPU whatever the plan says."""


def check(plan: Plan) -> None:
    """Refuse settings of one plan, not of its parts, that have no effect.

    Raises:
        ChainwardError: the message names the field, why it changes nothing and what to do.
    """
    if plan.training.network == "logistic" and plan.training.hidden is not None:
        raise ChainwardError("training.hidden: a logistic regression has no hidden units; leave it out")
    if plan.device == "cuda" and plan.engine.startswith(ON_CPU):
        raise ChainwardError(f"device: hospitals of {plan.engine} train on the CPU; leave it out")
    _check_absences(plan)


def check_whole(plan: Plan, suspected: Iterable[Suspect]) -> None:
    """Refuse what none of a plan's parts makes use of, given the suspected columns of all its tasks.

    Raises:
        ChainwardError: as `check`.
    """
    engines = {leaf.engine for leaf in plan.leaves}
    if any(leaf.flower.insecure for leaf in plan.leaves) and DEPLOYMENT not in engines:
        raise ChainwardError(f"flower.insecure: is said of --engine {DEPLOYMENT} (--insecure); leave it out")
    if any(leaf.flower.timeout_s for leaf in plan.leaves) and not any(one.startswith(FLOWER) for one in engines):
        raise ChainwardError("flower.timeout_s: is said of an engine of Flower's; leave it out")
    columns = {one.column for one in suspected}
    said = next((column for leaf in plan.leaves for column in leaf.leaks if column not in columns), None)
    if said is not None:
        told = f"those suspected are {', '.join(sorted(columns))}" if columns else "none is suspected"
        raise ChainwardError(f"leaks: column {quoted(said)} gives no outcome away; {told}; leave it out (--leak)")


def _check_absences(plan: Plan) -> None:
    """Refuse rounds that no task of the plan comes to; on the track "tuned" the rounds are not known yet."""
    last = max((plan.rounds or tasks.load(one.key, **one.params).rounds for one in plan.tasks), default=0)
    for hospital, rounds in plan.faults.absent.items():
        beyond = next((number for number in rounds if number > last), None)
        if beyond is not None and plan.track != "tuned":
            raise ChainwardError(
                f"faults.absent.{hospital}: round {beyond} is beyond the last, which is {last}; leave it out, or give "
                f"--rounds {beyond}"
            )


def unmet(strategy: Strategy[Any], hospitals: int, features: int) -> str:
    """Return why a strategy cannot run with so many hospitals and features, by the needs on its card; empty if it can.

    A need is two sums with <= between them, of whole numbers, the strategy's own parameters and `numbers`, `hospitals`
    and `features`.
    """
    own = {name: value for name, value in vars(strategy).items() if isinstance(value, int)}
    if not strategy.card.needs:
        return ""
    try:
        counts = {**own, **strategy.numbers(hospitals), "hospitals": hospitals, "features": features}
    except Exception as error:  # a paper's own rule, which so few may surprise
        return f"with {hospitals} hospitals it has no counts: {error}"
    for need in strategy.card.needs:
        less, _, more = need.partition("<=")
        if _sum(less, counts) > _sum(more, counts):
            named = dict.fromkeys(name for name in re.findall(r"[a-z_]+", need))
            return f"it needs {need}, and here {', '.join(f'{name} is {counts[name]:g}' for name in named)}"
    return ""


def _sum(text: str, counts: Mapping[str, float]) -> float:
    terms = [term.strip() for term in text.split("+")]
    return sum(float(term) if term.isdecimal() else counts[term] for term in terms)
