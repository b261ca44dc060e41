"""The papers' files say what was registered, claim for claim: the same tier, and every number of the rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chainward.folders import CHECKOUT
from chainward.strategy import discovery

PAGE = CHECKOUT / "docs" / "claims-registered.md"
TO_COME = """\
vbfl withstands-noise
flchain accuracy-a-second
quorum_chain keeps-its-quality
"""
NOT_BUILT: Mapping[tuple[str, ...], str] = dict.fromkeys(
    (tuple(line.split()) for line in TO_COME.splitlines()), "its paper is not built yet"
)


@dataclass(frozen=True)
class Registered:
    """A row of the registration, in the words it was registered in."""

    number: int
    claim: str
    tier: str
    rule: str

    @property
    def reproduced(self) -> str:
        return self.rule.split("P: ")[0]

    @property
    def partly(self) -> str:
        return self.rule.partition("P: ")[2]


def registered() -> Iterator[tuple[tuple[str, str], Registered]]:
    number = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        number += line.startswith("## ")
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if number and len(cells) == 5 and cells[0] != "paper":
            paper, key, claim, tier, rule = cells
            yield (paper, key), Registered(number, claim, tier, rule)


ROWS = dict(registered())
KEYS = discovery.keys()
CLAIMS = {(key, claim.key): claim for key in KEYS for claim in discovery.claims(discovery.load(key))}
BUILT = sorted(CLAIMS.keys() & ROWS.keys())


def numbers(*told: Any) -> set[float]:
    """All numbers in texts and tables; one in per cent is also its share."""
    found = set()
    for text in map(str, told):
        for number, percent in re.findall(r"(-?\d(?:[\d,]*\d)?(?:\.\d+)?(?:e-?\d+)?)( %)?", text):
            value = float(number.replace(",", ""))
            found |= {value, value / 100} if percent else {value}
    return found


def test_every_registered_claim_is_built_or_named_with_the_reason_why_not() -> None:
    assert len(ROWS) == 43
    assert not CLAIMS.keys() & NOT_BUILT.keys()
    assert CLAIMS.keys() | NOT_BUILT.keys() == ROWS.keys()


@pytest.mark.parametrize("name", BUILT, ids=map(" ".join, BUILT))
def test_a_claim_is_as_registered(name: tuple[str, str]) -> None:
    claim, row = CLAIMS[name], ROWS[name]
    assert claim.tier == row.tier
    for words, told in ((row.reproduced, claim.reproduced), (row.partly, claim.partly)):
        here = numbers(told, claim.claim, claim.quoted, dict(claim.arguments), *map(dict, claim.trials))
        assert {value for value in numbers(words) if not here & {value, value / 100, value * 100}} == set(), words
    for field, words in (("reproduced", row.reproduced), ("partly", row.partly)):
        assert claim.arguments.get(field) is None or claim.arguments[field] in numbers(words)
    assert bool(claim.partly) == bool(row.partly) or name == ("blockfl", "accuracy-like-vanilla")
    thresholds = {value for value in claim.arguments.values() if isinstance(value, float)}
    assert thresholds <= numbers(row.claim, row.rule), "a threshold that was never registered"
    words = [text.replace("half", "0.5") for text in (claim.claim, claim.quoted, claim.reproduced, claim.partly)]
    assert thresholds <= numbers(*words), "words and judge say different things"


@pytest.mark.parametrize("name", BUILT, ids=map(" ".join, BUILT))
def test_a_claim_with_a_second_rule_says_why(name: tuple[str, str]) -> None:
    second = (name[0], f"{name[1]}-2")
    assert bool(CLAIMS[name].first_rule) == (second in CLAIMS)
    if second in CLAIMS:
        assert (ROWS[name].number, ROWS[second].number) == (1, 2)
        assert CLAIMS[name].claim == CLAIMS[second].claim


def test_numbers_are_found_wherever_they_are_told() -> None:
    assert numbers("31,913 N, r² 0.99, within 25 %", {"a": [5e-7, -1]}) == {31_913, 0.99, 25, 0.25, 5e-7, -1}
