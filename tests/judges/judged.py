"""Trials made by hand, with the claim of their strategy's paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sample_records import ended

from chainward.judges import verdicts
from chainward.plans.specification import Specification
from chainward.results.collection import InMemory, Results
from chainward.results.papers import Paper
from chainward.results.predictions import Predicted
from chainward.results.record import Record
from chainward.results.store import Ended
from chainward.strategy import discovery
from chainward.strategy.claims import Claim

CARD = discovery.load("fedavg").card
CLAIM = {"key": "k", "claim": "It works.", "tier": "T1", "reproduced": "if so", "partly": ""}


@dataclass(frozen=True)
class Made:
    """A trial and the rule of its strategy's only claim; no rule, no claim."""

    ended: Ended
    judge: Mapping[str, Any] | None

    @property
    def record(self) -> Record:
        return self.ended.record

    def but(self, **changes: Any) -> Made:
        """The same with other fields of its record."""
        return replace(self, ended=replace(self.ended, record=replace(self.record, **changes)))


def make(specification: Specification, predicted: Predicted, judge: Mapping[str, Any] | None, **fields: Any) -> Made:
    """A completed trial, named by its specification so that a reader sees which is which."""
    name = f"{specification.strategy}-{specification.seed}-{dict(specification.params)}"
    return Made(ended(specification, predicted, **{"id": name, **fields}), judge)


def results(trials: Iterable[Made]) -> Results:
    trials = list(trials)
    papers = {
        one.record.specification.strategy: Paper(CARD, () if one.judge is None else (_claim(one.judge),))
        for one in trials
    }
    files = {one.record.id: one.ended.predictions for one in trials if one.ended.predictions is not None}
    return Results(tuple(one.record for one in trials), papers, InMemory(files))


def judged(trials: Iterable[Made]) -> list[dict[str, Any]]:
    """The verdicts on these trials."""
    return verdicts(results(trials))


def _claim(judge: Mapping[str, Any]) -> Claim:
    return Claim.of({**CLAIM, **({"judge": dict(judge)} if judge else {})}, "here")
