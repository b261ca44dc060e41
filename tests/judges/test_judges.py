"""Judges of accuracy; the records are written by hand so that every verdict can be read off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged import (
    CHANCE,
    ONE_SWAPPED,
    PERFECT,
    REVERSED,
    SIX,
    WORDS,
    asked_for,
    claim_of,
    judged,
    part,
    results,
    trial,
    verdict,
)
from sample_records import failed, specified
from scipy.special import expit

from chainward.judges import NOT_IMPLEMENTED, NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED, verdicts
from chainward.plans.specification import Specification
from chainward.strategy.claims import Claim

NORTH_ONLY = (0.1, 0.2, 0.8, 0.9, 0.5, 0.5, 0.5, 0.5)
BOTH = part("bflc", "fedavg")


def close_to(statistic: str, quoted: float, reproduced: float = 0.01, partly: float = 0.1) -> Claim:
    rule = {"name": "close_to", "statistic": statistic, "quoted": quoted, "reproduced": reproduced, "partly": partly}
    return claim_of(rule, part("bflc"))


def equals(quoted: float, seeds: int = 1) -> Claim:
    return claim_of({"name": "equals", "statistic": "rounds_used", "quoted": quoted}, part("bflc", seeds=seeds))


def by_strategy(**probabilities: Sequence[float]) -> Any:
    return lambda one: {"probabilities": probabilities[one.strategy]}


# --- a quoted figure -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [(0.995, REPRODUCED), (1.005, REPRODUCED), (0.95, PARTLY), (1.09, PARTLY), (0.85, NOT_REPRODUCED)],
)
def test_close_to(quoted: float, expected: str) -> None:
    found = judged("bflc", close_to("auroc", quoted))
    assert (found["verdict"], found["found"]) == (expected, f"1.000000 against {quoted:.6f}")
    assert len(found["records"]) == 1


def test_close_to_takes_the_mean_over_trials() -> None:
    rule = {"name": "close_to", "statistic": "auroc", "quoted": 0.75, "reproduced": 0.01, "partly": 0.1}
    claim = claim_of(rule, part("bflc", seeds=2))
    found = judged("bflc", claim, lambda one: {"probabilities": CHANCE if one.seed else PERFECT})
    assert (found["verdict"], found["found"], len(found["records"])) == (REPRODUCED, "0.750000 against 0.750000", 2)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("auroc", 0.875), ("mean_hospital_auroc", 0.75), ("rounds_used", 2.0), ("gas_total", 1_600.0)],
)
def test_statistics(statistic: str, value: float) -> None:
    # All together: 16 pairs; north's 4 are ordered, south's 4 tie, the 8 across are ordered but none is wrong: 14 / 16.
    claim = close_to(statistic, value, 1e-9, 1e-8)
    found = judged("bflc", claim, lambda _: {"probabilities": NORTH_ONLY})
    assert found["verdict"] == REPRODUCED, found["found"]


@pytest.mark.parametrize(("quoted", "expected"), [(2, REPRODUCED), (3, NOT_REPRODUCED)])
def test_equals(quoted: int, expected: str) -> None:
    found = judged("bflc", equals(quoted))
    assert (found["verdict"], found["found"]) == (expected, f"2 against {quoted}")


def test_equals_holds_for_every_trial() -> None:
    first, second = (trial(one) for one in asked_for(equals(2, seeds=2)))
    other = replace(second, record=replace(second.record, facts=replace(second.record.facts, rounds_used=5)))
    found = verdict("bflc", equals(2, seeds=2), [first, other])
    assert (found["verdict"], found["found"]) == (NOT_REPRODUCED, "2, 5 against 2")


# --- like another strategy, or better ------------------------------------------------------------


def within(*parts: Mapping[str, Any], partly: float = 0.3) -> Claim:
    return claim_of({"name": "paired_within", "other": "fedavg", "reproduced": 0.01, "partly": partly}, *parts)


def test_paired_within_of_equals_is_reproduced() -> None:
    found = judged("bflc", within(BOTH))
    assert (found["verdict"], found["found"]) == (
        REPRODUCED,
        "bflc - fedavg on heart: +0.0000 [+0.0000, +0.0000]",
    )
    assert len(found["records"]) == 2


def noisy(one: Specification) -> Mapping[str, Any]:
    """Predictions of eight patients that are right on the whole, differently for each strategy and seed."""
    rng = np.random.default_rng([one.seed, one.strategy == "fedavg"])
    return {"probabilities": expit(4 * np.array(PERFECT) - 2 + 1.5 * rng.standard_normal(8)).tolist()}


def test_paired_within_looks_at_the_interval_and_not_at_the_estimate_alone() -> None:
    claim = within(part("bflc", "fedavg", seeds=5), partly=1.0)
    found = judged("bflc", claim, noisy)
    estimate, low, high = (float(text.strip(",[]")) for text in found["found"].split(": ")[1].split())
    wide = replace(claim, arguments={**claim.arguments, "partly": (abs(estimate) + max(-low, high)) / 2})
    assert found["verdict"] == PARTLY
    assert judged("bflc", wide, noisy)["verdict"] == NOT_REPRODUCED


def test_paired_within_takes_the_widest_of_its_settings() -> None:
    far = part("bflc", "fedavg", tasks=[SIX])

    def reversed_there(one: Specification) -> Mapping[str, Any]:
        return {"probabilities": REVERSED if one.task != "heart" and one.strategy == "bflc" else PERFECT}

    assert judged("bflc", within(BOTH, far), reversed_there)["verdict"] == NOT_REPRODUCED
    assert judged("bflc", within(BOTH), reversed_there)["verdict"] == REPRODUCED


def test_variants_are_compared_within_their_own_part() -> None:
    def of(exponent: float) -> dict[str, Any]:
        return part(*({"key": f"explorer_{name}", "exponent": exponent} for name in ("chain", "pooled")))

    rule = {"name": "paired_within", "other": "explorer_pooled", "reproduced": 0.01, "partly": 0.3}
    claim = claim_of(rule, of(0.25), of(-0.5))
    found = judged(
        "explorer_chain", claim, lambda one: {"probabilities": {-0.5: CHANCE}.get(one.params["exponent"], PERFECT)}
    )
    assert found["verdict"] == REPRODUCED, found["found"]
    assert len(found["records"]) == 4


def test_pairs_need_the_same_patients() -> None:
    found = judged("bflc", within(BOTH), lambda one: {"data": one.strategy})
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "bflc and fedavg were run on different patients")


@pytest.mark.parametrize(
    ("ours", "margin", "expected"),
    [(PERFECT, 0.01, REPRODUCED), (CHANCE, 0.4, NOT_REPRODUCED), (CHANCE, 0.6, REPRODUCED)],
)
def test_like(ours: Sequence[float], margin: float, expected: str) -> None:
    claim = claim_of({"name": "like", "other": "fedavg", "margin": margin}, BOTH)
    assert judged("bflc", claim, by_strategy(bflc=ours, fedavg=PERFECT))["verdict"] == expected


def test_like_is_two_one_sided_tests_whose_reach_is_less_than_that_of_an_interval() -> None:
    parts = part("bflc", "fedavg", seeds=5)
    found = judged("bflc", within(parts), noisy)["found"]
    estimate, _, high = (float(text.strip(",[]")) for text in found.split(": ")[1].split())
    half = high - estimate
    for share, expected in ((0.83, NOT_REPRODUCED), (0.85, REPRODUCED)):  # 1.645 / 1.960 = 0.839
        margin = abs(estimate) + share * half
        claim = claim_of({"name": "like", "other": "fedavg", "margin": margin}, parts)
        assert judged("bflc", claim, noisy)["verdict"] == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "margin", "expected"),
    [
        (PERFECT, REVERSED, 0.0, REPRODUCED),
        (PERFECT, REVERSED, 0.99, REPRODUCED),
        (PERFECT, CHANCE, 0.6, NOT_REPRODUCED),
        (PERFECT, PERFECT, 0.0, NOT_REPRODUCED),
        (CHANCE, PERFECT, 0.0, NOT_REPRODUCED),
    ],
)
def test_better_than(ours: Sequence[float], theirs: Sequence[float], margin: float, expected: str) -> None:
    rule = {"name": "better_than", "other": "fedavg"} | ({"margin": margin} if margin else {})
    found = judged("bflc", claim_of(rule, BOTH), by_strategy(bflc=ours, fedavg=theirs))
    assert found["verdict"] == expected, found["found"]


@pytest.mark.parametrize(("ours", "expected"), [(PERFECT, REPRODUCED), (ONE_SWAPPED, NOT_REPRODUCED)])
def test_same_predictions(ours: Sequence[float], expected: str) -> None:
    claim = claim_of({"name": "same_predictions", "other": "fedavg"}, part("blockfl", "fedavg", seeds=3))
    chosen = {("blockfl", 1): ours}
    found = judged("blockfl", claim, lambda one: {"probabilities": chosen.get((one.strategy, one.seed), PERFECT)})
    assert found["verdict"] == expected


# --- variants are alike --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [(PERFECT, REPRODUCED), (ONE_SWAPPED, PARTLY), (CHANCE, NOT_REPRODUCED)],
    ids=["alike", "apart", "far apart"],
)
def test_spread_within(second: Sequence[float], expected: str) -> None:
    rule = {"name": "spread_within", "parameter": "merge", "reproduced": 0.1, "partly": 0.4}
    claim = claim_of(rule, part("swarm_learning", {"key": "swarm_learning", "merge": "geomedian"}))
    found = judged("swarm_learning", claim, lambda one: {"probabilities": second if one.params else PERFECT})
    assert found["verdict"] == expected, found["found"]
    assert found["found"].startswith("geomedian ")
    assert found["found"].endswith("mean 1.0000")


# --- better than hospitals alone -----------------------------------------------------------------

TASKS = ["heart", SIX]
SITES = claim_of(
    {"name": "better_than_sites", "other": "local_only"}, part("swarm_learning", "local_only", tasks=TASKS, seeds=2)
)


def alone(own: Mapping[str, Sequence[float]], task: str = "synthetic") -> Any:
    """Ours is right; alone hospitals have `own` models on one task, and are wrong on the others."""

    def figures(one: Specification) -> Mapping[str, Any]:
        if one.strategy == "swarm_learning":
            return {}
        models = own if one.task == task else dict.fromkeys(own, REVERSED)
        return {"own_models": {name: list(values) for name, values in models.items()}}

    return figures


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"north": CHANCE, "south": REVERSED}, REPRODUCED),
        ({"north": PERFECT, "south": REVERSED}, PARTLY),
        ({"north": PERFECT, "south": PERFECT}, NOT_REPRODUCED),
        ({}, NOT_TESTABLE),
    ],
)
def test_better_than_sites(own: Mapping[str, Sequence[float]], expected: str) -> None:
    found = judged("swarm_learning", SITES, alone(own))
    assert found["verdict"] == expected, found["found"]


@pytest.mark.parametrize(
    ("north", "partly", "expected"),
    [(CHANCE, 1, REPRODUCED), (ONE_SWAPPED, 1, PARTLY), (ONE_SWAPPED, 2, NOT_REPRODUCED)],
)
def test_better_than_floors(north: Sequence[float], partly: int, expected: str) -> None:
    """The best hospital under either floor counts, on each of two tasks; the second floor has the best on one."""
    rule = {"name": "better_than_floors", "floors": ["local_only", "fedavg"], "partly": partly}
    floors = part("local_only", "fedavg", tasks=TASKS, track="tuned")
    claim = claim_of(rule, part("swarm_learning", tasks=TASKS), floors)

    def figures(one: Specification) -> Mapping[str, Any]:
        best = north if one.strategy == "fedavg" else REVERSED
        return alone({"north": best, "south": REVERSED})(one)

    found = judged("swarm_learning", claim, figures)
    assert found["verdict"] == expected, found["found"]
    assert found["found"].endswith("over north (fedavg), the best alone")


@pytest.mark.parametrize(("logistic", "expected"), [(CHANCE, REPRODUCED), (PERFECT, NOT_REPRODUCED)])
def test_a_floor_counts_in_every_way_to_train(logistic: Sequence[float], expected: str) -> None:
    rule = {"name": "better_than_floors", "floors": ["local_only"], "partly": 1}
    floors = (part("local_only", track="tuned", **way) for way in ({}, {"training": {"network": "logistic"}}))
    claim = claim_of(rule, part("swarm_learning"), *floors)

    def figures(one: Specification) -> Mapping[str, Any]:
        return alone({"north": logistic if one.training else REVERSED, "south": REVERSED}, one.task)(one)

    found = judged("swarm_learning", claim, figures)
    assert found["verdict"] == expected, found["found"]
    assert found["found"].endswith("over north (local_only (network logistic)), the best alone")


def test_of_equals_the_best_alone_is_the_first_by_name() -> None:
    own = {"south": CHANCE, "north": CHANCE}
    found = judged("swarm_learning", SITES, alone(own))
    assert found["found"].count("over north (local_only), the best alone") == 2


# --- all claims ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claim",
    [close_to("auroc", 1.0), close_to("mean_hospital_auroc", 1.0), within(BOTH)],
    ids=lambda claim: claim.arguments.get("statistic", claim.judge),
)
def test_patients_of_one_class_decide_nothing(claim: Claim) -> None:
    found = judged("bflc", claim, lambda _: {"labels": (1,) * 8})
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "a seed tests patients of one class only")


def test_a_rule_without_trials_of_the_strategy_it_compares_with_decides_nothing() -> None:
    found = judged("bflc", within(part("bflc")))
    assert found["why"] == "its rule compares with fedavg, of which it asks for no trial"


def test_a_claim_without_a_judge_is_not_testable() -> None:
    found = verdict("bflc", Claim.of(WORDS, "here"), [trial(specified("bflc"))])
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "nothing here gathers what its rule needs")


def test_failed_trials_decide_nothing() -> None:
    assert verdict("bflc", equals(2), [failed(specified("bflc"))])["verdict"] == NOT_TESTABLE


def test_where_the_published_code_does_something_else_that_is_the_verdict() -> None:
    claim = Claim.of({**WORDS, "published_code": "It never reads the scores: server.py, line 12."}, "here")
    found = verdict("bflc", claim, [trial(specified("bflc"))])
    assert (found["verdict"], found["why"]) == (NOT_IMPLEMENTED, "It never reads the scores: server.py, line 12.")
    assert NOT_IMPLEMENTED == "the published code does not implement the paper"


def test_what_is_said_of_a_rule_stands_beside_its_verdict() -> None:
    words = {"first_rule": "it tests something else", "identity": "cannot fail"}
    found = judged("bflc", claim_of({"name": "equals", "statistic": "rounds_used", "quoted": 2}, part("bflc"), **words))
    assert {name: found[name] for name in words} == words


def test_verdicts_come_by_strategy_whatever_the_order_of_records() -> None:
    claims = {"bflc": [equals(2, seeds=2)], "fedavg": [within(BOTH)]}
    trials = [trial(specified(name, seed=seed)) for name in ("fedavg", "bflc", "pooled") for seed in (0, 1)]
    found = verdicts(results(trials, **claims))
    assert [one["strategy"] for one in found] == ["bflc", "fedavg"]
    assert verdicts(results(trials[::-1], **claims)) == found
