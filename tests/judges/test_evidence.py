"""A verdict stands on just the trials that a claim asks for: trials in any other setting are none of its evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judged import CHANCE, PERFECT, REVERSED, SIX, asked_for, claim_of, part, trial, verdict
from sample_records import failed

from chainward.judges import NOT_TESTABLE, REPRODUCED
from chainward.plans.specification import Specification

FLIP = {"kind": "sign_flip", "share": 0.3, "strength": 4.0}
CLAIM = claim_of(
    {"name": "robust_to_attack", "other": "fedavg", "drop": 0.03, "others_drop": 0.10, "partly": 0.5},
    part("bflc", "fedavg", tasks=[SIX], attacks=["none", FLIP], seeds=2, rounds=20),
)
WANTED = asked_for(CLAIM)
EVIDENCE = [
    trial(one, lambda one: {"probabilities": REVERSED if one.attack and one.strategy == "fedavg" else PERFECT})
    for one in WANTED
]
WHOLE = verdict("bflc", CLAIM, EVIDENCE)


def other_params(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The task's parameters with at least one of these given a value."""
    told = {"hospitals": SIX["hospitals"], "patients": SIX["patients"]}
    changed = st.dictionaries(st.sampled_from(sorted(values)), st.none(), min_size=1).flatmap(
        lambda names: st.fixed_dictionaries({name: values[name] for name in names})
    )
    return changed.map(lambda new: {**told, **new})


# What another setting may be: every field of a specification but the strategy, in values that the claim does not name.
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "task": st.sampled_from(["heart", "synthetic_skewed"]),
    "task_params": other_params(
        hospitals=st.integers(1, 100).filter(lambda count: count != SIX["hospitals"]),
        patients=st.integers(1, 1000).filter(lambda count: count != SIX["patients"]),
        size_skew=st.sampled_from([-1.0, 0.5, 1.0]),
        population=st.integers(1, 9),
    ),
    "rounds": st.integers(1, 100).filter(lambda rounds: rounds != 20),
    "track": st.sampled_from(["published", "tuned"]),
    "seed": st.integers(2, 9),
    "attack": st.sampled_from([{**FLIP, "strength": 1.0}, {**FLIP, "share": 0.1}, {**FLIP, "kind": "inverted"}]),
    "engine": st.sampled_from(["lightning", "flower-simulation", "flower-deployment"]),
    "engine_params": st.just({"insecure": True}),
    "ledger": st.just("brownie"),
    "ledger_params": st.sampled_from([{"consensus": "pow"}, {"consensus": "poa", "period_s": 1.0}]),
    "faults": st.sampled_from([{"absent": {"hospital 1": [1]}}, {"delay": {"hospital 2": 5.0}}]),
    "speeds": st.just({"jitter": 0.5}),
    "params": st.just({"committee_size": 2}),
    "split": st.just("leave-one-hospital-out"),
    "partition": st.just({"kind": "iid", "hospitals": 5}),
    "preparation": st.just("per-hospital"),
    "training": st.just({"learning_rate": 0.5}),
}


def elsewhere() -> st.SearchStrategy[Specification]:
    """One of the claim's trials, in another setting: one field or several are not as the claim says."""
    changes = st.lists(st.sampled_from(sorted(OTHERS)), min_size=1, max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: OTHERS[name] for name in names})
    )
    return st.builds(lambda one, changed: replace(one, **changed), st.sampled_from(WANTED), changes)


def test_every_field_that_can_differ_is_tried() -> None:
    assert {*OTHERS, "strategy"} == set(Specification.__dataclass_fields__)


def test_the_claims_own_trials_decide_it() -> None:
    assert (WHOLE["verdict"], len(WHOLE["records"])) == (REPRODUCED, 8)


@settings(max_examples=60, deadline=None)
@given(st.lists(elsewhere(), min_size=1, max_size=12, unique_by=str), st.sampled_from([PERFECT, CHANCE, REVERSED]))
def test_trials_of_another_setting_never_change_a_verdict_and_decide_none(
    others: list[Specification], probabilities: tuple[float, ...]
) -> None:
    strange = [trial(one, lambda _: {"probabilities": probabilities}) for one in others]
    assert verdict("bflc", CLAIM, [*strange, *EVIDENCE]) == WHOLE
    ours = [*strange, EVIDENCE[0]]  # one trial of its own, so that the paper is in the report
    found = verdict("bflc", CLAIM, ours)
    assert (found["verdict"], found["found"], found["records"]) == (NOT_TESTABLE, "", [])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(range(len(WANTED))), st.booleans())
def test_no_trial_may_be_missing_or_have_failed(place: int, fails: bool) -> None:
    rest = [one for number, one in enumerate(EVIDENCE) if number != place]
    instead = [failed(WANTED[place])] if fails else []
    found = verdict("bflc", CLAIM, [*rest, *instead])
    assert found["verdict"] == NOT_TESTABLE
    strategy, attack = WANTED[place].strategy, ", sign_flip 4 by 30%" if WANTED[place].attack else ""
    where = "synthetic (hospitals 6, patients 20), 20 rounds, track common"
    missing = f"this report holds 1 of 2 seeds of {strategy} on {where}{attack}"
    assert found["why"] == f"{missing}; `chainward run --claims bflc` gathers what is missing"


def test_the_order_of_records_decides_nothing() -> None:
    assert verdict("bflc", CLAIM, EVIDENCE[::-1]) == WHOLE


def test_a_claim_that_awaits_a_task_says_so_and_asks_for_the_rest() -> None:
    claim = claim_of(
        {"name": "better_than", "other": "fedavg"},
        part("bflc", "fedavg"),
        part("bflc", "fedavg", tasks=[{"key": "no_such_task", "hospitals": 20}], optional=True),
        awaits=["no_such_task"],
    )
    assert {one.task for one in asked_for(claim)} == {"heart"}
    found = verdict("bflc", claim, [trial(one) for one in asked_for(claim)])
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "needs the task no_such_task, not here yet")


@pytest.mark.parametrize("field", ["task", "strategy"])
def test_a_claim_about_what_is_not_here_any_more_decides_nothing(field: str) -> None:
    setting = {"tasks": ["gone"]} if field == "task" else {}
    claim = claim_of({"name": "better_than", "other": "gone"}, part("gone", "bflc", **setting))
    found = verdict("bflc", claim, EVIDENCE)
    assert found["verdict"] == NOT_TESTABLE
    assert "gone" in found["why"]
