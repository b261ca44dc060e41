"""The plan behind reports/reference: everybody is in it, undisturbed and under attack, and every part can be read."""

from __future__ import annotations

import tomllib
from typing import Any

from chainward.folders import CHECKOUT
from chainward.plans import claims
from chainward.plans.plan import Plan
from chainward.strategy import discovery

DOCUMENT = tomllib.loads((CHECKOUT / "benchmarks" / "reference.toml").read_text(encoding="utf-8"))


def strategies(part: dict[str, Any]) -> set[str]:
    return {entry if isinstance(entry, str) else entry["key"] for entry in part["strategies"]}


def test_everybody_is_in_it_undisturbed() -> None:
    undisturbed = [part for part in DOCUMENT["parts"] if "attacks" not in part]
    assert set().union(*map(strategies, undisturbed)) == set(discovery.keys())
    assert DOCUMENT["seeds"] == 5


def test_every_paper_is_attacked_beside_its_own_undisturbed_trials() -> None:
    attacked = [part for part in DOCUMENT["parts"] if "attacks" in part]
    papers = {key for key in sorted(discovery.keys()) if not discovery.load(key).card.reference}
    found = [key for part in attacked for key in strategies(part)]
    assert sorted(found) == sorted({*papers, "fedavg"})
    assert {tuple(part["tasks"][0].items()) for part in DOCUMENT["parts"]} == {(("key", "stroke"), ("hospitals", 20))}
    assert {str(attack) for part in attacked for attack in part["attacks"]} == {
        "{'kind': 'sign_flip', 'share': 0.3, 'strength': 4.0}"
    }


def test_its_claims_can_be_read() -> None:
    whole = claims.expanded(DOCUMENT)
    assert len(whole["parts"]) > len(DOCUMENT["parts"])
    assert Plan.model_validate(whole).parts
