"""Judges: each decides one kind of claim from records, by the rule its paper's TOML fixed before any run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
from chainward.judges.evidence import (
    NOT_REPRODUCED,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    STATISTICS,
    Evidence,
    Finding,
    Unjudgeable,
)
from chainward.judges.rates import best_rate
from chainward.judges.shares import pays_alike, size_and_score, size_and_share
from chainward.results.collection import Results

__all__ = [
    "JUDGES",
    "NOT_REPRODUCED",
    "NOT_TESTABLE",
    "PARTLY",
    "REPRODUCED",
    "STATISTICS",
    "Evidence",
    "Finding",
    "verdicts",
]

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


def verdicts(results: Results) -> list[dict[str, Any]]:
    """Return a verdict for every claim of every strategy in the records, in the order of the papers' files."""
    return [
        _verdict(claim, Evidence(results, strategy))
        for strategy in results.strategies
        if strategy in results.papers
        for claim in results.papers[strategy].claims
    ]


def _verdict(claim: Mapping[str, Any], evidence: Evidence) -> dict[str, Any]:
    finding, why = _finding(claim, evidence)
    return {
        "strategy": evidence.strategy,
        "key": claim["key"],
        "claim": claim["claim"],
        "tier": claim["tier"],
        "quoted": claim.get("quoted", ""),
        "rule": {"reproduced": claim["reproduced"], "partly": claim.get("partly", "")},
        "verdict": finding.verdict,
        "found": finding.found,
        "records": list(finding.records),
        "why": why,
    }


def _finding(claim: Mapping[str, Any], evidence: Evidence) -> tuple[Finding, str]:
    """What the claim's judge found, or why nothing."""
    rule = dict(claim.get("judge", {}))
    nothing = Finding(NOT_TESTABLE, "")
    if not rule:
        return nothing, "nothing here gathers what its rule needs"
    try:
        return JUDGES[rule.pop("name")](evidence, **rule), ""
    except Unjudgeable as reason:
        return nothing, f"{reason}; see {claim['plan']}"
