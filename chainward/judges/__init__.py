"""Judges: each decides one kind of claim from records, by the rule its paper's TOML fixed before any run.

A judge is a function of `Evidence` and of keyword arguments with types, which returns a `Finding`. It is found by its
name, or by an entry point of the group `chainward.judges` where another package brings it.
"""

from __future__ import annotations

from typing import Any

from chainward.errors import ChainwardError
from chainward.judges import rules
from chainward.judges.evidence import Evidence, Recorded, Trials
from chainward.judges.figures import STATISTICS
from chainward.judges.finding import (
    NOT_IMPLEMENTED,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    Finding,
    Unjudgeable,
    decided,
)
from chainward.judges.rules import JUDGES, checked_claims
from chainward.results.collection import Results
from chainward.strategy.claims import Claim

__all__ = [
    "JUDGES",
    "NOT_IMPLEMENTED",
    "NOT_REPRODUCED",
    "NOT_TESTABLE",
    "PARTLY",
    "REPRODUCED",
    "STATISTICS",
    "Evidence",
    "Finding",
    "Trials",
    "Unjudgeable",
    "checked_claims",
    "decided",
    "verdicts",
]


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Return a verdict for every claim of every strategy in the records, in the order of the papers' files."""
    recorded = Recorded.of(results)
    return [
        _verdict(recorded, strategy, claim)
        for strategy in results.strategies
        if strategy in results.papers
        for claim in results.papers[strategy].claims
    ]


def _verdict(recorded: Recorded, strategy: str, claim: Claim) -> dict[str, Any]:
    finding, why = _finding(recorded, strategy, claim)
    return {
        "strategy": strategy,
        "key": claim.key,
        "claim": claim.claim,
        "tier": claim.tier,
        "quoted": claim.quoted,
        "rule": claim.rule,
        "rule_digest": claim.rule_digest,
        "first_rule": claim.first_rule,
        "identity": finding.identity or claim.identity,
        "verdict": finding.verdict,
        "found": finding.found,
        "records": list(finding.records),
        "why": why,
    }


def _finding(recorded: Recorded, strategy: str, claim: Claim) -> tuple[Finding, str]:
    """What the claim's judge found, or why nothing."""
    nothing = Finding(NOT_TESTABLE, "")
    if claim.published_code:
        return Finding(NOT_IMPLEMENTED, ""), claim.published_code
    if not claim.judge:
        return nothing, "nothing here gathers what its rule needs"
    try:
        judge = rules.load(claim.judge)
    except ChainwardError as error:
        return nothing, str(error)
    try:
        return judge(Evidence.of(recorded, strategy, claim), **claim.arguments), ""
    except Unjudgeable as reason:
        return nothing, str(reason)
    except Exception as error:  # a judge of another package, or predictions that cannot be judged
        return nothing, f"{claim.judge} failed: {type(error).__name__}: {error}"
