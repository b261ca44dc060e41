"""Trials made by hand for just what a claim asks for, and the verdict on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sample_records import ended, predicted

from chainward.judges import verdicts
from chainward.plans.claims import plans_of
from chainward.plans.specification import Specification
from chainward.results.collection import InMemory, Results
from chainward.results.papers import Paper
from chainward.results.record import Facts
from chainward.results.store import Ended
from chainward.strategy import discovery
from chainward.strategy.claims import Claim
from chainward.world import Audience

WORDS = {"key": "k", "claim": "It works.", "tier": "T1", "reproduced": "if so", "partly": ""}
SIX = {"key": "synthetic", "hospitals": 6, "patients": 20}

# Four patients of each class at two hospitals; what is predicted decides the AUROC.
HOSPITALS = ("north",) * 4 + ("south",) * 4
LABELS = (0, 0, 1, 1, 0, 0, 1, 1)
PERFECT = (0.1, 0.2, 0.8, 0.9, 0.1, 0.2, 0.8, 0.9)
CHANCE = (0.5,) * 8
REVERSED = tuple(1 - value for value in PERFECT)
ONE_SWAPPED = (0.1, 0.8, 0.2, 0.9, 0.1, 0.8, 0.2, 0.9)

Figures = Callable[[Specification], Mapping[str, Any]]


def part(*strategies: Any, **setting: Any) -> dict[str, Any]:
    """Trials of a claim in a full setting; what is not given is heart, one seed, two rounds, nobody attacking."""
    told = {"tasks": ["heart"], "seeds": 1, "rounds": 2, "track": "common", "attacks": ["none"]}
    return {**told, "strategies": list(strategies), **setting}


def claim_of(judge: Mapping[str, Any], *parts: Mapping[str, Any], **words: Any) -> Claim:
    return Claim.of({**WORDS, "judge": dict(judge), "trials": list(parts), **words}, "here")


def asked_for(claim: Claim) -> list[Specification]:
    """All trials of a claim, each once."""
    found = [one for plan in plans_of(claim, "here") for one in plan.specifications()]
    return [one for place, one in enumerate(found) if one not in found[:place]]


def trial(specification: Specification, figures: Figures = lambda _: {}) -> Ended:
    """A completed trial; what `figures` tells is its predictions or fields of its record."""
    told = dict(figures(specification))
    made = [told.pop(name, usual) for name, usual in (("probabilities", PERFECT), ("labels", LABELS))]
    predictions = predicted(made[0], made[1], HOSPITALS, told.pop("own_models", None))
    return ended(specification, predictions, **{"data": "fold", "facts": facts(bool(specification.attack)), **told})


def facts(attacked: bool) -> Facts:
    """What the meters saw; an attacker spoils something."""
    return Facts(Audience.EVERYONE, 0, spends_gas=True, ended_by_itself=False, rounds_used=2, spoiled=int(attacked))


def results(trials: Iterable[Ended], **claims: Sequence[Claim]) -> Results:
    """The results of a report on these trials, with the claims of each strategy's paper."""
    trials = list(trials)
    names = {one.record.specification.strategy for one in trials}
    papers = {name: Paper(discovery.load("fedavg").card, tuple(claims.get(name, ()))) for name in names}
    files = {one.record.id: one.predictions for one in trials if one.predictions is not None}
    return Results(tuple(one.record for one in trials), papers, InMemory(files))


def verdict(strategy: str, claim: Claim, trials: Iterable[Ended]) -> dict[str, Any]:
    """The verdict on the only claim of a strategy's paper."""
    (found,) = verdicts(results(trials, **{strategy: [claim]}))
    return found


def judged(strategy: str, claim: Claim, figures: Figures = lambda _: {}) -> dict[str, Any]:
    """The verdict on all trials that a claim asks for, with these figures."""
    return verdict(strategy, claim, [trial(one, figures) for one in asked_for(claim)])
