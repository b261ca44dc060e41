"""The judge of who is called positive: its rule is broken once on each side, and made beats never decide it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from judged import asked_for, claim_of, judged, part, trial, verdict

from chainward.judges import NOT_REPRODUCED, NOT_TESTABLE, PARTLY, REPRODUCED
from chainward.plans.specification import Specification
from chainward.strategy import discovery

KEY = "chain_retraining"
(PAPERS,) = discovery.claims(discovery.load(KEY))
LABELS = (1,) * 4 + (0,) * 4
RIGHT = (0.9,) * 4 + (0.1,) * 4
ONE_MISSED = (0.9, 0.9, 0.9, 0.4, 0.1, 0.1, 0.1, 0.1)
ONE_TOO_MANY = (0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.6)
BOTH = (0.9, 0.9, 0.9, 0.4, 0.1, 0.1, 0.1, 0.6)


def made(quoted: float = 1.0) -> Any:
    """The paper's rule on beats that are made, for a judge that looks at nothing else."""
    judge = {"name": "better_when_on", "switch": "retraining", "by": "target", "points": 1.0}
    tasks = [{"key": "arrhythmia", "target": target} for target in ("veb", "sveb")]
    trials = part(KEY, {"key": KEY, "retraining": 0}, tasks=tasks, seeds=2)
    return claim_of({**judge, "quoted": {"veb": quoted, "sveb": quoted}}, trials)


def calling(
    on: tuple[float, ...], off: tuple[float, ...], sveb: tuple[float, ...] | None = None
) -> Callable[[Specification], Mapping[str, Any]]:
    """What is predicted with retraining and without; `sveb` with it, of that class."""

    def figures(one: Specification) -> Mapping[str, Any]:
        with_it = sveb if sveb and one.task_params.get("target") == "sveb" else on
        return {"probabilities": off if one.params.get("retraining") == 0 else with_it, "labels": LABELS}

    return figures


@pytest.mark.parametrize(
    ("figures", "quoted", "expected"),
    [
        (calling(RIGHT, BOTH), 1.0, REPRODUCED),
        (calling(RIGHT, BOTH), 0.99, REPRODUCED),
        (calling(RIGHT, BOTH), 0.98, PARTLY),
        (calling(RIGHT, ONE_MISSED), 1.0, NOT_REPRODUCED),  # PPV is the same
        (calling(RIGHT, ONE_TOO_MANY), 1.0, NOT_REPRODUCED),  # sensitivity is
        (calling(RIGHT, RIGHT), 1.0, NOT_REPRODUCED),
        (calling(BOTH, RIGHT), 1.0, NOT_REPRODUCED),
        (calling(RIGHT, BOTH, sveb=BOTH), 1.0, NOT_REPRODUCED),
    ],
)
def test_both_sides_of_the_rule(figures: Any, quoted: float, expected: str) -> None:
    found = judged(KEY, made(quoted), figures)
    assert found["verdict"] == expected, found["found"]
    assert len(found["records"]) == 8


def test_it_tells_sensitivity_ppv_and_f1_beside_accuracy() -> None:
    found = judged(KEY, made(), calling(RIGHT, BOTH))["found"]
    told = "accuracy 1.0000, sensitivity 1.0000, ppv 1.0000, f1 1.0000"
    assert found.startswith(f"veb: {told}; without: accuracy 0.7500, sensitivity 0.7500, ppv 0.7500, f1 0.7500")


def test_seeds_of_one_class_decide_nothing() -> None:
    found = judged(KEY, made(), lambda _: {"probabilities": RIGHT, "labels": (0,) * 8})
    assert found["verdict"] == NOT_TESTABLE


def test_the_papers_claim_is_judged_on_mit_bih_and_tells_what_was_not_known_at_all() -> None:
    found = judged(KEY, PAPERS, calling(RIGHT, BOTH))
    assert found["verdict"] == PARTLY, found["found"]  # all right is more than a point above 98.55 %
    assert "without, veb, protocol inter-patient: accuracy 0.7500" in found["found"]
    assert len(found["records"]) == 30


def test_made_beats_never_decide_the_papers_claim() -> None:
    def synthetic(one: Specification) -> Specification:
        return replace(one, task_params={**one.task_params, "data": "synthetic"})

    trials = [trial(synthetic(one), calling(RIGHT, BOTH)) for one in asked_for(PAPERS)]
    found = verdict(KEY, PAPERS, trials)
    assert found["verdict"] == NOT_TESTABLE
    assert "chainward data get arrhythmia" in str(found)
