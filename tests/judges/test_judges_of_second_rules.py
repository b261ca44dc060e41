"""Judges of the second registration: each rule is broken once on each side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from judged import ONE_SWAPPED, PERFECT, REVERSED, SIX, claim_of, facts, judged, part
from sample_records import entry

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.methods.mining import Terms, expected_latency, optimal_rate
from chainward.plans.specification import Specification
from chainward.results.record import HospitalSize
from chainward.results.rounds import Rounds

NAMES = tuple(f"hospital {number}" for number in range(1, 7))


def sizes(counts: Sequence[int]) -> tuple[HospitalSize, ...]:
    return tuple(HospitalSize(f"hospital {number}", count, 0, 0) for number, count in enumerate(counts, 1))


# --- withstands every one of several attacks -----------------------------------------------------

WEAK, STRONG, LABELS_FLIPPED = (
    {"kind": "sign_flip", "share": 0.3, "strength": 1.0},
    {"kind": "sign_flip", "share": 0.3, "strength": 4.0},
    {"kind": "label_flip", "share": 0.3, "strength": 1.0},
)
STRONG_FIRST = {**STRONG, "also": ("first_to_answer",)}
ALL_ATTACKS = (WEAK, STRONG, LABELS_FLIPPED, STRONG_FIRST)
WITHSTANDS = claim_of(
    {"name": "withstands_all", "other": "fedavg", "drop": 0.03, "partly_strength": 4.0},
    part("biscotti", "fedavg", seeds=2, attacks=["none", *ALL_ATTACKS]),
)


def broken_by(*attacks: Mapping[str, Any], **told: Any) -> Callable[[Specification], Mapping[str, Any]]:
    """Biscotti loses much under these attacks and nothing under others; fedavg loses everything under any."""

    def figures(one: Specification) -> Mapping[str, Any]:
        ours = ONE_SWAPPED if one.attack in attacks else PERFECT
        theirs = REVERSED if one.attack else PERFECT
        return {"probabilities": ours if one.strategy == "biscotti" else theirs, **told}

    return figures


@pytest.mark.parametrize(
    ("attacks", "expected"),
    [
        ((), REPRODUCED),
        ((WEAK,), PARTLY),
        ((WEAK, LABELS_FLIPPED), PARTLY),
        ((STRONG,), NOT_REPRODUCED),
        ((STRONG_FIRST,), NOT_REPRODUCED),
        (ALL_ATTACKS, NOT_REPRODUCED),
    ],
)
def test_withstands_all(attacks: Sequence[Mapping[str, Any]], expected: str) -> None:
    found = judged("biscotti", WITHSTANDS, broken_by(*attacks))
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 20


def test_withstands_all_tells_what_was_accepted_of_attackers_and_what_the_other_lost() -> None:
    names = dict.fromkeys(NAMES, 4)
    outcomes = {"accepted": {**names, NAMES[0]: 1}, "rejected": {**names, NAMES[0]: 3}}
    told = {"outcomes": outcomes, "attackers": NAMES[:1], "hospitals": sizes((1,) * 6)}
    found = judged("biscotti", WITHSTANDS, broken_by(**told))["found"].split("; ")
    names_of_attacks = ["sign_flip 1 by 30%", "sign_flip 4 by 30%", "label_flip 1 by 30%"]
    assert [one.split(":")[0] for one in found] == [*names_of_attacks, "sign_flip 4 by 30% and first_to_answer"]
    for one in found:
        assert "that of fedavg +1.0000 " in one
        assert one.endswith("2 of 8 attackers' updates accepted (25%)")


def test_withstands_all_of_attackers_whose_updates_nobody_judged() -> None:
    assert judged("biscotti", WITHSTANDS, broken_by())["found"].endswith("0 of 0 attackers' updates accepted")


def test_withstands_all_needs_attacks_that_spoil_something() -> None:
    found = judged("biscotti", WITHSTANDS, broken_by(facts=facts(attacked=False)))
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "the attack spoiled nothing that biscotti uses")


# --- the dearest part ----------------------------------------------------------------------------

SWITCHES = ("verification", "secure_aggregation", "noising")
COUNTS, SEATS = (2, 3, 4, 5), (3, 5, 10)
DEAREST = claim_of(
    {"name": "dearest_part", "switches": list(SWITCHES), "seats": "verifiers", "partly": 2},
    part(
        *({"key": "biscotti", "verifiers": seats} for seats in SEATS),
        *({"key": "biscotti", "verifiers": SEATS[0], name: False} for name in SWITCHES),
        tasks=[{"key": "synthetic", "hospitals": count, "patients": 20} for count in COUNTS],
    ),
)


def taking(verification: Mapping[int, float], a_seat: float = 0.1) -> Callable[[Specification], Mapping[str, Any]]:
    """Verification takes so many seconds by hospitals, more for each verifier beyond three; the others 2 and 1."""

    def figures(one: Specification) -> Mapping[str, Any]:
        count = one.task_params["hospitals"]
        more = a_seat * (one.params["verifiers"] - SEATS[0])
        parts = {"verification": verification[count] + more, "secure_aggregation": 2.0, "noising": 1.0}
        seconds = 1 + sum(taken for name, taken in parts.items() if one.params.get(name, True))
        rounds = Rounds.of([entry(1, latency={"compute": seconds - 0.5, "network": 0.5})])
        return {"rounds": rounds, "hospitals": sizes((1,) * count)}

    return figures


def by_count(*seconds: float) -> dict[int, float]:
    return dict(zip(COUNTS, seconds, strict=True))


@pytest.mark.parametrize(
    ("verification", "a_seat", "expected"),
    [
        (by_count(3, 4, 5, 6), 0.1, REPRODUCED),
        (by_count(3, 4, 5, 6), 0.0, PARTLY),  # more verifiers take no longer
        (by_count(3, 4, 4, 6), 0.1, PARTLY),  # nor do more hospitals
        (by_count(3, 4, 4 + 1e-9, 6), 0.1, PARTLY),  # what rounding tells apart is no growth
        (by_count(0.5, 1, 5, 6), 0.1, PARTLY),
        (by_count(2 + 1e-9, 3, 5, 6), 0.1, PARTLY),  # nor is it the dearest
        (by_count(0.5, 1, 1.5, 6), 0.1, NOT_REPRODUCED),
        (by_count(0, 0, 0, 0), 0.0, NOT_REPRODUCED),
    ],
)
def test_dearest_part(verification: Mapping[int, float], a_seat: float, expected: str) -> None:
    found = judged("biscotti", DEAREST, taking(verification, a_seat))
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 24


def test_dearest_part_tells_what_each_part_takes_and_how_it_grows() -> None:
    found = judged("biscotti", DEAREST, taking(by_count(3, 4, 5, 6)))["found"]
    assert found.startswith(
        "2 hospitals: verification 3 s, secure_aggregation 2 s, noising 1 s; "
        "verification with 3 verifiers 3 s, 5 verifiers 3.2 s, 10 verifiers 3.7 s; 3 hospitals: "
    )


# --- larger data, larger share, seed by seed -----------------------------------------------------

BY_SEED = claim_of(
    {
        "name": "size_and_share_by_seed",
        "quantity": "share",
        "surest": {"setting": "consortium"},
        "reproduced": 0.8,
        "bound": 0.5,
        "partly": 0.5,
    },
    part("two_cp", {"key": "two_cp", "setting": "consortium"}, tasks=[SIX], seeds=5),
)
RIGHT, NEARLY, HALF = (1, 2, 3, 4, 5, 6), (1, 3, 2, 5, 4, 6), (1, 4, 2, 6, 3, 5)  # Spearman 1, 0.886, 0.6
WRONG = RIGHT[::-1]


def shared(crowdsource: Sequence[Sequence[int]], consortium: Sequence[Sequence[int]]) -> Any:
    """The shares of each seed by size, in both settings."""

    def figures(one: Specification) -> Mapping[str, Any]:
        shares = (consortium if one.params else crowdsource)[one.seed]
        return {"outcomes": {"share": dict(zip(NAMES, shares, strict=True))}, "hospitals": sizes(RIGHT)}

    return figures


@pytest.mark.parametrize(
    ("crowdsource", "consortium", "expected"),
    [
        ([RIGHT] * 5, [RIGHT] * 5, REPRODUCED),
        ([NEARLY] * 5, [NEARLY] * 5, REPRODUCED),
        ([HALF] * 5, [RIGHT] * 5, PARTLY),  # both settings count
        ([RIGHT] * 5, [HALF] * 5, PARTLY),
        # A mean of 0.8 in the consortium whose interval reaches below 0.5; in the other setting it may.
        ([RIGHT] * 5, [RIGHT] * 4 + [(3, 4, 2, 1, 5, 6)], REPRODUCED),
        ([RIGHT] * 5, [RIGHT] * 4 + [(3, 5, 4, 2, 1, 6)], PARTLY),
        ([RIGHT] * 4 + [(3, 5, 4, 2, 1, 6)], [RIGHT] * 5, REPRODUCED),
        ([WRONG] * 5, [RIGHT] * 5, NOT_REPRODUCED),
        ([RIGHT] * 5, [WRONG] * 5, NOT_REPRODUCED),
    ],
)
def test_size_and_share_by_seed(
    crowdsource: Sequence[Sequence[int]], consortium: Sequence[Sequence[int]], expected: str
) -> None:
    found = judged("two_cp", BY_SEED, shared(crowdsource, consortium))
    assert found["verdict"] == expected, found["found"]


def test_size_and_share_by_seed_puts_students_interval_on_the_mean() -> None:
    found = judged("two_cp", BY_SEED, shared([RIGHT] * 5, [RIGHT, RIGHT, RIGHT, HALF, HALF]))["found"]
    # 1, 1, 1, 0.6, 0.6: mean 0.84, deviation 0.2191, t of 4 degrees 2.776: 0.84 - 2.776 * 0.2191 / sqrt(5) = 0.568
    assert found == "two_cp: mean 1.000, lower bound 1.000; two_cp (setting consortium): mean 0.840, lower bound 0.568"


def test_size_and_share_by_seed_needs_shares_that_differ_in_every_seed() -> None:
    found = judged("two_cp", BY_SEED, shared([RIGHT] * 4 + [(0,) * 6], [RIGHT] * 5))
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "all hospitals of a seed have the same")


# --- how far a sample is from the exact value ----------------------------------------------------

ORDERS, EXACT = (50, 200, 800, 3200), 5040
ERRORS = claim_of(
    {
        "name": "sampling_error",
        "quantity": "paid",
        "parameter": "permutations",
        "exact": EXACT,
        "at": 200,
        "decides": {"baseline": "empty"},
        "largest": 0.02,
        "slope": -0.5,
        "within": 0.15,
    },
    part(
        *({"key": "fedcoin", "permutations": count} for count in (*ORDERS, EXACT)),
        *({"key": "fedcoin", "permutations": count, "baseline": "global"} for count in (200, EXACT)),
        tasks=[SIX],
        seeds=2,
    ),
)
EXACT_SHARES = np.array([0.05, 0.1, 0.15, 0.2, 0.22, 0.28])


def off_by(errors: Mapping[int, float]) -> Callable[[Specification], Mapping[str, Any]]:
    """In the last seed one hospital is paid too much by the error at this number of orders, one too little."""

    def figures(one: Specification) -> Mapping[str, Any]:
        error = errors.get(one.params.get("permutations", 200), 0.0) * one.seed
        shares = EXACT_SHARES + error * np.array([1.0, 0, 0, 0, 0, -1.0])
        paid = shares[::-1] if one.params == {"baseline": "global"} else shares
        return {"outcomes": {"paid": dict(zip(NAMES, paid.tolist(), strict=True))}, "hospitals": sizes((1,) * 6)}

    return figures


def power(scale: float, slope: float) -> dict[int, float]:
    """The errors of a law whose error with 200 orders is the scale."""
    return {count: scale * (count / 200) ** slope for count in ORDERS}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (power(0.0199, -0.5), REPRODUCED),
        (power(0.01, -0.36), REPRODUCED),
        (power(0.01, -0.64), REPRODUCED),
        (power(0.0201, -0.5), PARTLY),  # too large
        (power(0.01, -0.3), PARTLY),  # too flat
        (power(0.01, -0.7), PARTLY),  # too steep
        ({**power(0.01, -0.5), 3200: 0.0051}, NOT_REPRODUCED),  # does not fall, and is too flat
        (power(0.01, 0.5), NOT_REPRODUCED),
        (power(0.01, 0.0), NOT_REPRODUCED),
    ],
)
def test_sampling_error(errors: Mapping[int, float], expected: str) -> None:
    found = judged("fedcoin", ERRORS, off_by(errors))
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 14


def test_sampling_error_tells_the_correlation_under_both_values_of_nothing() -> None:
    found = judged("fedcoin", ERRORS, off_by(power(0.01, -0.5)))["found"]
    assert found.startswith("largest error 0.0200 with 50, 0.0100 with 200, 0.0050 with 800, 0.0025 with 3,200: slope ")
    decides, beside = found.split("; ")[1:]
    assert (decides, beside) == ("fedcoin: r 0.999", "fedcoin (baseline global): r -0.985")


def test_a_sample_without_any_error_has_no_slope() -> None:
    found = judged("fedcoin", ERRORS, off_by({}))
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "a sample without any error has no logarithm")


def test_shares_that_are_all_the_same_have_no_correlation() -> None:
    def figures(one: Specification) -> Mapping[str, Any]:
        error = 0.01 * (one.params.get("permutations", 200) / 200) ** -0.5
        sampled = one.params.get("permutations") != EXACT and one.params.get("baseline") != "global"
        paid = dict(zip(NAMES, (0.1 + error * sampled, *(0.1,) * 5), strict=True))
        return {"outcomes": {"paid": paid}, "hospitals": sizes((1,) * 6)}

    assert judged("fedcoin", ERRORS, figures)["found"].count("no r, all have the same") == 2


# --- a recalled formula --------------------------------------------------------------------------

FACTORS = (0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 3.0, 3.5, 4.0, 4.5)
RECALLED = claim_of(
    {"name": "recalled_rate", "above": 0.05},
    part(*({"key": "blockfl", "rate_factor": factor} for factor in FACTORS), seeds=2),
)
TERMS = Terms(miners=10, overhead=2.5, exposure=4.5)


def recalled(at: float) -> dict[str, Any]:
    """The verdict where the formula's rate is so many times lambda*, and latencies are those of the closed form."""

    def figures(one: Specification) -> Mapping[str, Any]:
        used, best = one.params.get("rate_factor", 1.0), optimal_rate(TERMS)
        rate = {"used": used * best, "optimal": best, "recalled": at * best}
        return {"outcomes": {"rate": rate, "simulated": {"latency_s": expected_latency(used * best, TERMS)}}}

    return judged("blockfl", RECALLED, figures)


@pytest.mark.parametrize(
    ("at", "expected"),
    [(1.0, REPRODUCED), (1.2, REPRODUCED), (2.0, NOT_REPRODUCED), (3.45, NOT_REPRODUCED), (0.3, NOT_REPRODUCED)],
)
def test_recalled_rate(at: float, expected: str) -> None:
    found = recalled(at)
    assert found["verdict"] == expected, found["found"]
    assert found["found"].startswith(f"a recalled formula: its rate is {at:.3f} lambda*")


def test_recalled_rate_reads_latency_off_between_the_rates_that_were_simulated() -> None:
    """With 10 miners and 2.5 s a try the recalled rate is 3.45 lambda*: 9.43 s where 5.37 s are the least."""
    above = float(recalled(0.2635 / 0.0763788820)["found"].split(" is ")[2].split("%")[0])
    assert above == pytest.approx(100 * (9.43 / 5.371679 - 1), abs=1)


@pytest.mark.parametrize("at", [0.2, 4.6])
def test_a_rate_beyond_those_that_were_simulated_decides_nothing(at: float) -> None:
    found = recalled(at)
    assert found["verdict"] == NOT_TESTABLE
    assert found["why"] == f"its rate, {at:.3f} lambda*, lies beyond the rates that were simulated"
