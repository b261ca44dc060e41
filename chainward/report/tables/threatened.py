"""Whether a paper withstands an attack: by trials under it, and by what tests tried against it, as its card says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chainward.report.tables.attacks import NO_UPDATE
from chainward.report.tables.evidence import Drop
from chainward.report.tables.needs import NOT_TRIED
from chainward.report.tables.standing import Judged, Standing, worst
from chainward.strategy.threats import Threat

MARGIN = 0.03
"""A drop of AUROC that claims call withstood."""

MEASURED = ("sign_flip", "scaled", "gaussian", "random_weights", "inverted")
"""Only trials tell: what a test tries of them is one number, not a drop of accuracy."""

_COPIES = r"\bcop(y|ies|ied)\b|another's (ciphertext|commitment|hash|update of)"

NAMED: Mapping[str, str] = {
    "label_flip": r"\b(flip|turn)\w*\b.*\blabels?\b|\blabels?\b.*\bturned\b",
    "free_rider": rf"{_COPIES}|names a model that it read|did not train",
    "copy": _COPIES,
    "false_score": r"\bscores?\b",
    "silent": r"\bsilent\b|\bsleeps?\b",
    "malformed": r"nobody serves|an?other form|cannot be read|garbage|no model\b|right form",
    "first_to_answer": r"\banswers? first\b|\bfirst\b.*\bothers\b",
    "false_size": r"times its (patients|samples)|\breports more samples\b",
    "collusion": r"\bcollu\w+|\baccomplices?\b|\btogether\b",
}
"""Words by which tests on a card are found; a test without them is none of the kind."""

KNOWN = (*MEASURED, *NAMED)


def threatened(kind: str, drops: Sequence[Drop], tried: Sequence[Threat]) -> Judged:
    """Hold a paper against one kind of attack; trials and tests together, the worst of both decides."""
    words = kind.replace("_", " ")
    measured = [_measured(drop) for drop in drops if words in _kinds(drop.attack)]
    tests = [threat for threat in tried if kind in NAMED and re.search(NAMED[kind], threat.attack)]
    parts = [*measured, *_tested(tests)]
    reason = "; ".join(why for _, why in parts) or NOT_TRIED
    standing = worst(one for one, _ in parts) if parts else Standing.UNKNOWN
    return Judged(f"withstands {words}", standing, reason)


def _kinds(attack: str) -> list[str]:
    """The kinds in an attack's words, such as `sign flip and first to answer, strength 4, by 30% of hospitals`."""
    names = attack.partition(", strength")[0]
    return [re.sub(r" \(.*\)$", "", name) for name in names.split(" and ")]


def _measured(one: Drop) -> tuple[Standing, str]:
    if one.note == NO_UPDATE:
        return Standing.SATISFIES, f"{one.attack}: it reaches nothing that is used, as the meter saw"
    if one.note or one.drop is None or one.drop_low is None or one.drop_high is None:
        return Standing.UNKNOWN, f"{one.attack}: {one.note or 'no drop'}"
    interval, seeds = f"[{one.drop_low:.3f}, {one.drop_high:.3f}]", f"{one.trials} seed{'' if one.trials == 1 else 's'}"
    told = f"AUROC drops by {one.drop:.3f} {interval}, measured over {seeds}; {MARGIN:g} is withstood"
    standing = Standing.SATISFIES if one.drop_high <= MARGIN else Standing.UNKNOWN
    return Standing.FALLS_OUT if one.drop_low > MARGIN else standing, f"{one.attack}: {told}"


def _tested(tests: Sequence[Threat]) -> list[tuple[Standing, str]]:
    """What succeeds is told first; where all held, how many."""
    succeeding = [test.attack for test in tests if test.outcome == "succeeds"]
    if succeeding:
        more = f" (and {len(succeeding) - 1} more)" if succeeding[1:] else ""
        return [(Standing.FALLS_OUT, f"a test on its card succeeds: {succeeding[0]}{more}")]
    count = len(tests)
    held = f"{count} test{'s' if count > 1 else ''} on its card held, the first: {tests[0].attack}" if tests else ""
    return [(Standing.SATISFIES, held)] if tests else []
