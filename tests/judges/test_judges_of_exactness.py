"""Judges of figures and models that must come out just so: each rule is broken once on each side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from judged import CHANCE, ONE_SWAPPED, PERFECT, claim_of, facts, judged, part

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED
from chainward.plans.specification import Specification
from chainward.results.record import Facts

FIGURES = claim_of(
    {
        "name": "figures_by_task",
        "statistic": "mean_hospital_auroc",
        "quoted": {"heart": 1.0, "synthetic": 0.5},
        "within": 1e-6,
        "rounds": {"heart": 2, "synthetic": 2},
    },
    part("fedavg", tasks=["heart", {"key": "synthetic", "hospitals": 6, "patients": 20}]),
)


@pytest.mark.parametrize(
    ("on_heart", "on_synthetic", "rounds", "expected"),
    [
        (PERFECT, CHANCE, 2, REPRODUCED),
        (ONE_SWAPPED, CHANCE, 2, NOT_REPRODUCED),
        (PERFECT, PERFECT, 2, NOT_REPRODUCED),  # the figure of the other task
        (PERFECT, CHANCE, 3, NOT_REPRODUCED),
    ],
)
def test_figures_by_task(on_heart: Any, on_synthetic: Any, rounds: int, expected: str) -> None:
    def figures(one: Specification) -> Mapping[str, Any]:
        seen = facts(attacked=False)
        used = rounds if one.task == "synthetic" else 2
        told = Facts(seen.sees_individual_updates, 0, True, ended_by_itself=True, rounds_used=used, spoiled=0)
        return {"probabilities": on_heart if one.task == "heart" else on_synthetic, "facts": told}

    found = judged("fedavg", FIGURES, figures)
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 2
    if expected == REPRODUCED:
        assert found["found"] == (
            "heart: 1.000000 in 2 against 1.000000 in 2; synthetic: 0.500000 in 2 against 0.500000 in 2"
        )


DEALT = {"kind": "iid", "hospitals": 3}
SAME = claim_of(
    {"name": "same_coefficients", "other": "pooled", "within": 1e-6},
    part("fedavg", "pooled", seeds=2),
    part("fedavg", "pooled", partition=DEALT),
)


def learned(gap: float, on: Any = None, seed: int = 0, **others: Any) -> Any:
    """Models that differ by a gap in one setting and seed; `others` are outcomes of the other's."""

    def figures(one: Specification) -> Mapping[str, Any]:
        off = gap if (one.strategy, dict(one.partition), one.seed) == ("fedavg", on or {}, seed) else 0.0
        mine: dict[str, Any] = {"coefficients": {"bias": 0.5, "x1": -2.0 + off}, "learning": {"converged": 0.0}}
        theirs = {**mine, "learning": {"converged": 1.0}, **others}
        return {"outcomes": mine if one.strategy == "fedavg" else theirs}

    return figures


@pytest.mark.parametrize(
    ("gap", "on", "seed", "expected"),
    [
        (0.0, {}, 0, REPRODUCED),
        (9e-7, {}, 0, REPRODUCED),
        (2e-6, {}, 0, NOT_REPRODUCED),
        (-2e-6, {}, 1, NOT_REPRODUCED),
        (2e-6, DEALT, 0, NOT_REPRODUCED),
    ],
)
def test_same_coefficients(gap: float, on: Any, seed: int, expected: str) -> None:
    found = judged("fedavg", SAME, learned(gap, on, seed))
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 6
    assert "dealt by kind iid, hospitals 3: " in found["found"]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"learning": {"converged": 0.0}}, "pooled on heart, seed 0, found no maximum to equal"),
        ({"learning": {}}, "pooled on heart, seed 0, found no maximum to equal"),
        ({"coefficients": {"bias": 0.5}}, "fedavg and pooled learn other coefficients"),
        ({"coefficients": {}}, "fedavg and pooled learn other coefficients"),
    ],
)
def test_without_a_maximum_there_is_nothing_to_equal(others: Mapping[str, Any], why: str) -> None:
    found = judged("fedavg", SAME, learned(0.0, **others))
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, why)
