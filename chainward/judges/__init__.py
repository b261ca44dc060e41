"""Judges: each decides one kind of claim from records, by the rule its paper's TOML fixed before any run."""

from __future__ import annotations

from typing import Any

from chainward.errors import ChainwardError
from chainward.judges.evidence import (
    NOT_REPRODUCED,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    STATISTICS,
    Evidence,
    Finding,
    Unjudgeable,
    setting,
)
from chainward.judges.rules import JUDGES, checked_claims
from chainward.plans.claims import asked_for
from chainward.results.collection import Results
from chainward.strategy.claims import Claim

__all__ = [
    "JUDGES",
    "NOT_REPRODUCED",
    "NOT_TESTABLE",
    "PARTLY",
    "REPRODUCED",
    "STATISTICS",
    "Evidence",
    "Finding",
    "checked_claims",
    "verdicts",
]


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Return a verdict for every claim of every strategy in the records, in the order of the papers' files."""
    return [
        _verdict(claim, Evidence(results, strategy, _settings(claim)))
        for strategy in results.strategies
        if strategy in results.papers
        for claim in results.papers[strategy].claims
    ]


def _settings(claim: Claim) -> frozenset[str]:
    """The settings of the trials that a claim asks for; none where one names what is not here any more."""
    try:
        return frozenset(setting(one) for one in asked_for(claim))
    except (ChainwardError, ValueError):
        return frozenset()


def _verdict(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    finding, why = _finding(claim, evidence)
    return {
        "strategy": evidence.strategy,
        "key": claim.key,
        "claim": claim.claim,
        "tier": claim.tier,
        "quoted": claim.quoted,
        "rule": claim.rule,
        "rule_digest": claim.rule_digest,
        "verdict": finding.verdict,
        "found": finding.found,
        "records": list(finding.records),
        "why": why,
    }


def _finding(claim: Claim, evidence: Evidence) -> tuple[Finding, str]:
    """What the claim's judge found, or why nothing."""
    nothing = Finding(NOT_TESTABLE, "")
    if not claim.judge:
        return nothing, "nothing here gathers what its rule needs"
    if claim.judge not in JUDGES:
        return nothing, f"no judge is called {claim.judge!r} here"
    try:
        return JUDGES[claim.judge](evidence, **claim.arguments), ""
    except Unjudgeable as reason:
        return nothing, f"{reason}; `chainward run --claims {evidence.strategy}` gathers what is missing"
