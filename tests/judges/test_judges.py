"""Judges decide from records; these records are written by hand so that every verdict can be read off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from judged import Made, judged, make
from sample_records import failed, predicted, specified

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED

# Four patients of each class at two hospitals; what is predicted decides the AUROC.
HOSPITALS = ("north",) * 4 + ("south",) * 4
LABELS = (0, 0, 1, 1, 0, 0, 1, 1)
PERFECT = (0.1, 0.2, 0.8, 0.9, 0.1, 0.2, 0.8, 0.9)
CHANCE = (0.5,) * 8
NORTH_ONLY = (0.1, 0.2, 0.8, 0.9, 0.5, 0.5, 0.5, 0.5)
ONE_SWAPPED = (0.1, 0.8, 0.2, 0.9, 0.1, 0.8, 0.2, 0.9)


def record(
    strategy: str = "ours",
    probabilities: Sequence[float] = PERFECT,
    labels: Sequence[int] = LABELS,
    judge: Mapping[str, Any] | None = None,
    data: str = "fold",
    **specification: Any,
) -> Made:
    """A trial of 1,000 + 2 x 300 gas and two rounds; `judge` is the rule of its strategy's only claim."""
    predictions = predicted(probabilities, labels, HOSPITALS)
    return make(specified(strategy, **specification), predictions, judge, data=data)


def verdict(*records: Made) -> dict[str, Any]:
    """The only verdict on these records."""
    (found,) = judged(records)
    return found


def close_to(statistic: str, quoted: float, reproduced: float = 0.01, partly: float = 0.1) -> dict[str, Any]:
    rule = {"name": "close_to", "task": "heart", "statistic": statistic, "quoted": quoted}
    return rule | {"reproduced": reproduced, "partly": partly}


def equals(statistic: str, quoted: float) -> dict[str, Any]:
    return {"name": "equals", "task": "heart", "statistic": statistic, "quoted": quoted}


PAIRED = {"name": "paired_within", "task": "heart", "other": "theirs", "reproduced": 0.01, "partly": 0.3, "seeds": 1}
SPREAD = {
    "name": "spread_within",
    "task": "heart",
    "parameter": "noise",
    "values": [0.0, 0.5],
    "reproduced": 0.1,
    "partly": 0.3,
    "seeds": 1,
}


# --- a quoted figure -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quoted", "expected"),
    [(0.995, REPRODUCED), (1.005, REPRODUCED), (0.95, PARTLY), (1.09, PARTLY), (0.85, NOT_REPRODUCED)],
)
def test_close_to(quoted: float, expected: str) -> None:
    found = verdict(record(judge=close_to("auroc", quoted)))
    assert (found["verdict"], found["found"]) == (expected, f"1.000000 against {quoted:.6f}")
    assert found["records"] == ["ours-0-{}"]


def test_close_to_takes_the_mean_over_trials() -> None:
    rule = close_to("auroc", 0.75)
    found = verdict(record(judge=rule), record(judge=rule, probabilities=CHANCE, seed=1))
    assert (found["verdict"], found["found"]) == (REPRODUCED, "0.750000 against 0.750000")
    assert len(found["records"]) == 2


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("auroc", 0.875), ("mean_hospital_auroc", 0.75), ("rounds_used", 2.0), ("gas_total", 1_600.0)],
)
def test_statistics(statistic: str, value: float) -> None:
    # All together: 16 pairs; north's 4 are ordered, south's 4 tie, the 8 across are ordered but none is wrong: 14 / 16.
    found = verdict(record(probabilities=NORTH_ONLY, judge=close_to(statistic, value, 1e-9, 1e-8)))
    assert found["verdict"] == REPRODUCED, found["found"]


def test_close_to_needs_a_trial() -> None:
    found = verdict(record(judge=close_to("auroc", 1.0), task="synthetic"))
    assert (found["verdict"], found["found"], found["records"]) == (NOT_TESTABLE, "", [])
    missing = "this report holds no undisturbed trial of ours on heart"
    assert found["why"] == f"{missing}; `chainward run --claims ours` gathers what is missing"


@pytest.mark.parametrize(
    "rule",
    [close_to("auroc", 1.0), close_to("mean_hospital_auroc", 1.0), PAIRED, SPREAD],
    ids=lambda rule: rule["name"],
)
def test_patients_of_one_class_decide_nothing(rule: dict[str, Any]) -> None:
    only = {"labels": (1,) * 8, "judge": rule}
    trials = [record(**only), record("theirs", labels=(1,) * 8)]
    trials += [record(**only, params={"noise": noise}) for noise in (0.0, 0.5)]
    found = verdict(*trials)
    assert (found["verdict"], found["why"]) == (
        NOT_TESTABLE,
        "a seed tests patients of one class only; `chainward run --claims ours` gathers what is missing",
    )


# --- a quoted count ------------------------------------------------------------------------------


@pytest.mark.parametrize(("quoted", "expected"), [(2, REPRODUCED), (3, NOT_REPRODUCED)])
def test_equals(quoted: int, expected: str) -> None:
    found = verdict(record(judge=equals("rounds_used", quoted)))
    assert (found["verdict"], found["found"]) == (expected, f"2 against {quoted}")


def test_equals_holds_for_every_trial() -> None:
    rule = equals("rounds_used", 2)
    other = record(judge=rule, seed=1)
    found = verdict(record(judge=rule), other.but(facts=replace(other.record.facts, rounds_used=5)))
    assert (found["verdict"], found["found"]) == (NOT_REPRODUCED, "2, 5 against 2")


def test_equals_needs_a_trial() -> None:
    assert verdict(record(judge=equals("rounds_used", 2), track="published"))["verdict"] == NOT_TESTABLE


# --- like another strategy -----------------------------------------------------------------------


def pair(ours: Sequence[float], theirs: Sequence[float], **differently: Any) -> list[Made]:
    return [record(judge=PAIRED, probabilities=ours), record("theirs", theirs, **differently)]


def test_paired_within_of_equals_is_reproduced() -> None:
    found = verdict(*pair(PERFECT, PERFECT))
    assert (found["verdict"], found["found"]) == (REPRODUCED, "ours - theirs: +0.0000 [+0.0000, +0.0000]")
    assert found["records"] == ["ours-0-{}", "theirs-0-{}"]


def test_paired_within_looks_at_the_interval_and_not_at_the_estimate_alone() -> None:
    # Alike on average over two seeds, but each seed differs: the interval is wide.
    trials = [record(judge=PAIRED, seed=0), record("theirs", CHANCE, seed=0)]
    trials += [record(judge=PAIRED, probabilities=CHANCE, seed=1), record("theirs", PERFECT, seed=1)]
    found = verdict(*trials)
    assert found["found"].startswith("ours - theirs: +0.0000 [-0.5000, +0.5000]")
    assert found["verdict"] == NOT_REPRODUCED


def test_paired_within_the_wider_margin_is_partly() -> None:
    wide = {**PAIRED, "partly": 1.0}
    trials = pair(PERFECT, CHANCE)
    assert verdict(replace(trials[0], judge=wide), trials[1])["verdict"] == PARTLY


def test_paired_within_beyond_both_margins() -> None:
    assert verdict(*pair(PERFECT, CHANCE))["verdict"] == NOT_REPRODUCED


@pytest.mark.parametrize(
    "differently",
    [{"seed": 1}, {"task": "synthetic"}, {"params": {"noise": 1}}, {"faults": {"absent": {"north": []}}}],
    ids=lambda differently: next(iter(differently)),
)
def test_paired_within_needs_the_same_trial_of_both(differently: dict[str, Any]) -> None:
    found = verdict(*pair(PERFECT, PERFECT, **differently))
    assert found["verdict"] == NOT_TESTABLE
    assert "ours and theirs" in found["why"]


def test_paired_within_needs_the_same_patients() -> None:
    assert verdict(*pair(PERFECT, PERFECT, data="others"))["verdict"] == NOT_TESTABLE


# --- variants are alike --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "expected"),
    [(PERFECT, REPRODUCED), (ONE_SWAPPED, PARTLY), (CHANCE, NOT_REPRODUCED)],
    ids=["alike", "apart", "far apart"],
)
def test_spread_within(second: Sequence[float], expected: str) -> None:
    trials = [
        record(judge=SPREAD, params={"noise": 0.0}),
        record(judge=SPREAD, params={"noise": 0.5}, probabilities=second),
    ]
    found = verdict(*trials)
    assert found["verdict"] == expected, found["found"]
    assert found["found"].startswith("0.0 1.0000, 0.5 ")


@pytest.mark.parametrize("other", [{"noise": 0.0}, {}, {"noise": 1.0, "size": 2}])
def test_spread_within_needs_every_value_by_that_parameter(other: dict[str, Any]) -> None:
    found = verdict(record(judge=SPREAD, params={"noise": 0.0}), record(judge=SPREAD, params=other, seed=1))
    assert found["verdict"] == NOT_TESTABLE
    assert "ours with noise 0.5" in found["why"]


def test_too_few_seeds_decide_nothing() -> None:
    paired = {**PAIRED, "seeds": 2}
    found = verdict(record(judge=paired), record("theirs"))
    assert (found["verdict"], found["why"][:12]) == (NOT_TESTABLE, "1 of 2 seeds")
    spread = {**SPREAD, "seeds": 2}
    found = verdict(*(record(judge=spread, params={"noise": noise}) for noise in (0.0, 0.5)))
    assert (found["verdict"], found["why"][:18]) == (NOT_TESTABLE, "fewer than 2 seeds")


# --- all claims ----------------------------------------------------------------------------------


def test_a_claim_without_a_rule_names_the_plan_that_decides_it() -> None:
    found = verdict(record(judge={}))
    assert found["verdict"] == NOT_TESTABLE
    assert found["why"] == "nothing here gathers what its rule needs"


def test_failed_trials_decide_nothing() -> None:
    trial = Made(failed(specified("ours")), equals("rounds_used", 2))
    assert verdict(trial)["verdict"] == NOT_TESTABLE


def test_verdicts_come_by_strategy_whatever_the_order_of_records() -> None:
    rule = equals("rounds_used", 2)
    records = [record("b", judge=rule), record("a", judge=rule), record("b", judge=rule, seed=1), record("c")]
    assert [found["strategy"] for found in judged(records)] == ["a", "b"]
    assert judged(records) == judged(records[::-1])
