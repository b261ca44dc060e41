"""Judges of proofs by batch: each rule is broken once on each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from judged import CHANCE, ONE_SWAPPED, PERFECT, REVERSED, claim_of, judged, part
from sample_records import entry

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.plans.specification import Specification
from chainward.results.record import GasRow
from chainward.results.rounds import Latency, Rounds

KEY = "verifiable_fl"
SIZES = (10, 20, 30, 40)
QUOTED = {
    "batches": list(SIZES),
    "quoted_s": [52.0, 105.0, 186.0, 207.0],
    "quoted_ether": [0.0490, 0.0492, 0.0496, 0.0498],
    "quoted_features": 9,
}
COST = claim_of(
    {"name": "proof_cost", "r2": 0.98, "ratio": 1.02, "function": "update", **QUOTED},
    part(*({"key": KEY, "batch": size} for size in SIZES)),
)


def costs(seconds: Sequence[float], gas: Sequence[int]) -> Callable[[Specification], Mapping[str, Any]]:
    def figures(one: Specification) -> Mapping[str, Any]:
        place = SIZES.index(one.params["batch"])
        latency = Latency(seconds[place], 0.0, 0.0, 0.0, 0.0)
        rounds = Rounds.of([replace(entry(number), latency_s=latency) for number in (1, 2)])
        row = GasRow("VerifiableFL", "update", "round", 4, gas[place], gas[place], gas[place], 4 * gas[place], 0, 0)
        return {"rounds": rounds, "gas_functions": (row,)}

    return figures


FLAT = (500_000, 501_000, 500_500, 509_000)


@pytest.mark.parametrize(
    ("seconds", "gas", "expected"),
    [
        ((1.0, 2.0, 3.0, 4.0), FLAT, REPRODUCED),
        ((1.1, 2.0, 3.1, 3.9), FLAT, REPRODUCED),
        ((1.0, 2.0, 4.0, 4.0), FLAT, PARTLY),  # what fills up to a power of two
        ((1.0, 2.0, 3.0, 4.0), (500_000, 500_000, 500_000, 511_000), PARTLY),
        ((3.0, 3.1, 3.2, 3.3), (500_000, 600_000, 700_000, 800_000), NOT_REPRODUCED),
    ],
)
def test_proof_cost(seconds: Sequence[float], gas: Sequence[int], expected: str) -> None:
    found = judged(KEY, COST, costs(seconds, gas))
    assert found["verdict"] == expected
    assert "40: 207 s, r² 0.9586" in found["found"]


def test_nobody_proves_anything() -> None:
    assert judged(KEY, COST, lambda _: {"gas_functions": ()})["verdict"] == NOT_TESTABLE


LARGER = claim_of(
    {"name": "larger_batches"},
    part({"key": KEY, "batch": 10}, {"key": KEY, "batch": 20}, rounds=4),
    part({"key": KEY, "batch": 20}, rounds=2),
)


@pytest.mark.parametrize(
    ("small", "large", "short", "expected"),
    [
        (CHANCE, PERFECT, ONE_SWAPPED, REPRODUCED),
        (CHANCE, PERFECT, REVERSED, PARTLY),
        (CHANCE, PERFECT, CHANCE, PARTLY),  # equal is no rise
        (CHANCE, REVERSED, PERFECT, NOT_REPRODUCED),
    ],
)
def test_larger_batches(small: Any, large: Any, short: Any, expected: str) -> None:
    def figures(one: Specification) -> Mapping[str, Any]:
        if one.params["batch"] == 10:
            return {"probabilities": small}
        return {"probabilities": large if one.rounds == 4 else short}

    assert judged(KEY, LARGER, figures)["verdict"] == expected


def test_both_axes_are_needed() -> None:
    one = claim_of({"name": "larger_batches"}, part({"key": KEY, "batch": 10}, {"key": KEY, "batch": 20}, rounds=4))
    assert judged(KEY, one)["verdict"] == NOT_TESTABLE
