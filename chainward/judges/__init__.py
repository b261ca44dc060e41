"""Judges: each decides one kind of claim from records, by the rule its paper's TOML fixed before any run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    Record,
    Unjudgeable,
    predictions,
    setting,
)
from chainward.judges.rules import JUDGES, checked_claims
from chainward.plans.claims import asked_for
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
    "Record",
    "checked_claims",
    "predictions",
    "verdicts",
]


def verdicts(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return a verdict for every claim of every strategy in the records, in the order of the papers' files."""
    everything = list(records)
    completed = [record for record in everything if record["status"] == "completed"]
    return [
        _verdict(claim, Evidence(completed, strategy, _settings(claim)))
        for strategy, claims in _claims(everything).items()
        for claim in claims
    ]


def _claims(records: Sequence[Record]) -> dict[str, tuple[Claim, ...]]:
    """The claims of each strategy that has a trial, as its latest record carries them."""
    latest = {record["specification"]["strategy"]: record for record in records}
    return {
        strategy: tuple(Claim.of(table, f"record {record['id']}: claims") for table in record["claims"])
        for strategy, record in sorted(latest.items())
    }


def _settings(claim: Claim) -> frozenset[str]:
    """The settings of the trials that a claim asks for; none where one names what is not here any more."""
    try:
        return frozenset(setting({"specification": one.document()}) for one in asked_for(claim))
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
    try:
        return JUDGES[claim.judge](evidence, **claim.arguments), ""
    except Unjudgeable as reason:
        return nothing, f"{reason}; `chainward run --claims {evidence.strategy}` gathers what is missing"
