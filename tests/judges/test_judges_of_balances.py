"""The judge of what hospitals have in the end: its rule is broken once on each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from judged import SIX, claim_of, judged, part

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.plans.specification import Specification
from chainward.results.record import HospitalSize

NAMES = tuple(f"hospital {number}" for number in range(1, 21))
FLIPPED = {"kind": "label_flip", "share": 0.3, "strength": 1.0}
RULE = {"name": "honest_have_more", "quantity": "net", "level": 0.01}
CLAIM = claim_of(RULE, part("decai", seeds=3, attacks=[FLIPPED]))


def having(*liars: float) -> Callable[[Specification], Mapping[str, Any]]:
    """The first six of twenty lie and have what is given for the seed; the honest have 1 to 14."""

    def figures(one: Specification) -> Mapping[str, Any]:
        net = {name: float(place) for place, name in enumerate(NAMES, -5)} | dict.fromkeys(NAMES[:6], liars[one.seed])
        sizes = tuple(HospitalSize(name, 1, 0, 0) for name in NAMES)
        return {"outcomes": {"net": {**net, "owner 1": 1e9}}, "attackers": NAMES[:6], "hospitals": sizes}

    return figures


@pytest.mark.parametrize(
    ("liars", "expected"),
    [
        ((-1.0, -1.0, 0.5), REPRODUCED),
        ((-1.0, -1.0, 6.5), PARTLY),
        ((6.5, 6.5, 6.5), PARTLY),
        ((-1.0, -1.0, 8.0), NOT_REPRODUCED),
        ((8.0, -99.0, -99.0), NOT_REPRODUCED),
    ],
)
def test_honest_have_more(liars: tuple[float, ...], expected: str) -> None:
    found = judged("decai", CLAIM, having(*liars))
    assert found["verdict"] == expected, found["found"]
    assert found["found"].count("seed ") == 3
    assert "seed 0 +7.5 against" in found["found"]


def test_every_setting_counts() -> None:
    parts = [part("decai", seeds=1, tasks=[task], attacks=[FLIPPED]) for task in ("heart", SIX)]
    figures = {"heart": having(-1.0), "synthetic": having(9.0)}
    found = judged("decai", claim_of(RULE, *parts), lambda one: figures[one.task](one))
    assert found["verdict"] == NOT_REPRODUCED


def test_without_attackers_nothing_is_decided() -> None:
    assert judged("decai", claim_of(RULE, part("decai")), having(0.0))["verdict"] == NOT_TESTABLE


def test_without_balances_nothing_is_decided() -> None:
    found = judged("decai", CLAIM, lambda _: {"attackers": NAMES[:6]})
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "decai decided no net")
