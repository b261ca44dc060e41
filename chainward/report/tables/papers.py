"""Results -> what the papers say and what was asked of them: cards, claims with verdicts, numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from chainward.report.tables.groups import Group, Row
from chainward.report.tables.words import plain
from chainward.results.collection import Results
from chainward.strategy.claims import Claim

Verdict = Mapping[str, Any]


def card_rows(results: Results) -> list[Row]:
    """The cards, one a strategy."""
    cards = {name: card for name in results.strategies if (card := results.card(name))}
    tried = {name: [asdict(threat) for threat in results.papers[name].threats] for name in cards}
    return [{"strategy": name, **asdict(card), "threats": tried[name]} for name, card in cards.items()]


def claim_rows(results: Results, verdicts: Iterable[Verdict]) -> list[Row]:
    """Every claim of a paper with its verdict; a claim that nobody judged says so."""
    judged = {(verdict["strategy"], verdict["key"]): dict(verdict) for verdict in verdicts}
    unjudged = {"verdict": "not judged", "found": "", "records": [], "why": "no plan in these records decides it"}
    known: dict[tuple[str, str], Row] = {
        (strategy, claim.key): {"strategy": strategy, **_told(claim), **unjudged}
        for strategy in results.strategies
        if strategy in results.papers
        for claim in results.papers[strategy].claims
    }
    return [known.get(key, {}) | judged.get(key, {}) for key in sorted(known.keys() | judged.keys())]


def _told(claim: Claim) -> Row:
    told = {"key": claim.key, "claim": claim.claim, "tier": claim.tier, "quoted": claim.quoted}
    rule = {"rule": claim.rule, "rule_digest": claim.rule_digest}
    return {**told, **rule, "first_rule": claim.first_rule, "identity": claim.identity}


def number_rows(groups: Sequence[Group]) -> list[Row]:
    """Hyper-parameters asked for and counts actually used (a committee scaled to the federation, say)."""
    rows = []
    for one in groups:
        asked = {name: [value] for name, value in one.records[0].specification.params.items()}
        used: dict[str, list[Any]] = {}
        for trial in one.completed:
            for name, value in trial.numbers.items():
                used.setdefault(name, []).append(value)
        for kind, values in (("parameter", asked), ("number used", used)):
            rows += [
                {**one.identity, "kind": kind, "name": name, "value": ", ".join(sorted(set(map(plain, values[name]))))}
                for name in sorted(values)
            ]
    return rows
