"""What a plan says that would change nothing, or that no strategy of it could run with: refused when it is read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.names import quoted
from chainward.plans.fields import MOST_ROUNDS
from chainward.plans.plan import Plan
from chainward.strategy import Strategy
from chainward.tasks.leaks import Suspect

DEPLOYMENT, FLOWER = "flower-deployment", "flower-"
"""One of Flower's engines, and how the names of all begin: their hospitals train on the CPU whatever a plan says."""


def check(plan: Plan, suspected: Iterable[Suspect]) -> None:
    """Refuse settings that none of a plan's parts makes use of, given the suspected columns of all its tasks.

    Raises:
        ChainwardError: the message names the field, why it changes nothing and what to do.
    """
    leaves = plan.leaves
    if any(leaf.training.network == "logistic" and leaf.training.hidden is not None for leaf in leaves):
        raise ChainwardError("training.hidden: a logistic regression has no hidden units; leave it out")
    if leaves and all(leaf.engine.startswith(FLOWER) and leaf.device == "cuda" for leaf in leaves):
        raise ChainwardError(f"device: hospitals of {leaves[0].engine} train on the CPU; leave it out")
    if any(leaf.flower.insecure for leaf in leaves) and all(leaf.engine != DEPLOYMENT for leaf in leaves):
        raise ChainwardError(f"flower.insecure: is said of --engine {DEPLOYMENT} (--insecure); leave it out")
    if any(leaf.flower.timeout_s for leaf in leaves) and not any(leaf.engine.startswith(FLOWER) for leaf in leaves):
        raise ChainwardError("flower.timeout_s: is said of an engine of Flower's; leave it out")
    _check_absences(leaves)
    if not plan.left_out:  # a column of a task that is not here may be one
        _check_reasons(leaves, {one.column for one in suspected})


def _check_absences(leaves: Sequence[Plan]) -> None:
    """Refuse rounds that no task comes to; on the track "tuned" the rounds are not known yet."""
    last: dict[str, int] = {}
    for leaf in leaves:
        most = max((leaf.rounds or tasks.load(one.key, **one.params).rounds for one in leaf.tasks), default=0)
        for hospital in leaf.faults.absent:
            last[hospital] = max(last.get(hospital, 0), MOST_ROUNDS if leaf.track == "tuned" else most)
    for hospital, rounds in (item for leaf in leaves for item in leaf.faults.absent.items()):
        if beyond := [number for number in rounds if number > last[hospital]]:
            raise ChainwardError(
                f"faults.absent.{hospital}: round {beyond[0]} is beyond the last, which is {last[hospital]}; leave it "
                f"out, or give --rounds {beyond[0]}"
            )


def _check_reasons(leaves: Sequence[Plan], suspected: Collection[str]) -> None:
    """Refuse reasons for columns that are not suspected of giving outcomes away."""
    said = next((column for leaf in leaves for column in leaf.leaks if column not in suspected), None)
    if said is not None:
        told = f"those suspected are {', '.join(sorted(suspected))}" if suspected else "none is suspected"
        raise ChainwardError(f"leaks: column {quoted(said)} gives no outcome away; {told}; leave it out (--leak)")


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
