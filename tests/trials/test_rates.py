from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.plans import file as plans
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.tasks.base import NOT_FROZEN
from chainward.tasks.heart import Heart
from chainward.trials import rates

TABLE = "died,hospital,age,lactate\n" + "".join(
    f"{int((7 * n) % 11 > 5)},{'AB'[n % 2]},{(7 * n) % 11 + 0.1 * (n % 7):.2f},{n % 13:.2f}\n" for n in range(400)
)


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    """The task entry of a table of 400 patients whose outcome hangs on a column, with the leak it is said."""
    path = tmp_path / "cohort.csv"
    path.write_text(TABLE, encoding="utf-8")
    return {"key": "csv", "path": str(path), "label": "died", "site": "hospital"}


def plan_of(entry: dict[str, Any], **more: Any):
    told = {"tasks": [entry], "strategies": ["fedavg", "blockflow"], "seeds": 1, "leaks": {"age": "made up"}, **more}
    return plans.of_options("cohort", told)


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        ({0.1: 0.7, 0.3: 0.8, 1.0: 0.75}, 0.3),
        ({0.1: 0.80004, 0.3: 0.80001, 1.0: 0.79996}, 0.1),
        ({1.0: 0.8, 0.3: 0.8}, 0.3),
        ({0.1: -math.inf, 0.3: 0.4}, 0.3),
    ],
)
def test_the_best_is_the_highest_and_of_equal_ones_the_smaller(found: dict[float, float], chosen: float) -> None:
    assert rates.best(found) == chosen


def test_the_frozen_rate_of_heart_is_what_its_grid_gives() -> None:
    found = rates.scores(rates.question("heart", {}), seeds=(0,))
    assert list(found) == list(rates.GRID)
    assert rates.best(found) == Heart.training.learning_rate


def test_a_rate_that_trains_is_chosen_and_few_patients_take_five_seeds(entry: dict[str, Any]) -> None:
    done: list[None] = []
    found = rates.scores(
        rates.question(entry["key"], {k: v for k, v in entry.items() if k != "key"}), lambda: done.append(None)
    )
    assert len(done) == len(rates.GRID)
    assert rates.best(found) >= 0.001
    assert found[rates.best(found)] > 0.95
    assert len(set(rates._datasets(rates.question("heart", {}), None))) == 5
    assert len(set(rates._datasets(rates.question("synthetic", {}), None))) == 1


def test_a_choice_is_made_once_for_each_way_to_divide(entry: dict[str, Any]) -> None:
    parts = [{}, {"seeds": 2}, {"split": "leave-one-hospital-out"}, {"training": {"learning_rate": 0.2}}]
    plan = plan_of(entry, parts=[{**plan_document(entry), **part} for part in parts])
    asked = rates.open_questions(plan)
    assert [one.split for one in asked.values()] == ["by-patient", "leave-one-hospital-out"]
    answered = rates.answered(plan, dict(zip(asked, (0.1, 0.3), strict=True)))
    found = [(one.split, one.seed, one.training["learning_rate"]) for one in answered.specifications()]
    assert found == [
        *2 * [("by-patient", 0, 0.1)],
        *2 * [("by-patient", 0, 0.1), ("by-patient", 1, 0.1)],
        *2 * [("leave-one-hospital-out", 0, 0.3)],
        *2 * [("by-patient", 0, 0.2)],
    ]


def plan_document(entry: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": [entry], "strategies": ["fedavg", "local_only"], "seeds": 1, "leaks": {"age": "made up"}}


def test_a_papers_published_rate_stays(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """No card has one at present: this one is made up."""
    theirs = {"blockflow": {"training": {"learning_rate": 0.05}}}
    monkeypatch.setattr(rates, "published", lambda kind, track: theirs.get(kind.card.key, {}))
    plan = plan_of(entry, track="published")
    answered = rates.answered(plan, dict.fromkeys(rates.open_questions(plan), 0.3))
    assert {one.strategy: one.training for one in answered.specifications()} == {
        "blockflow": {},
        "fedavg": {"learning_rate": 0.3},
    }


def test_our_own_tasks_ask_nothing() -> None:
    plan = plans.of_options("own", {"tasks": ["heart"], "strategies": ["fedavg"]})
    assert rates.open_questions(plan) == {}
    assert rates.answered(plan, {}) is plan


def test_a_trial_without_a_rate_is_refused(entry: dict[str, Any]) -> None:
    assert math.isnan(NOT_FROZEN)
    params = {name: value for name, value in entry.items() if name != "key"}
    assert math.isnan(tasks.load("csv", **params).training.learning_rate)
    with pytest.raises(ChainwardError, match=r"training.learning_rate: task csv has none of its own"):
        resolve(Specification("fedavg", "csv", 0, 1, task_params=params))


def test_without_validation_patients_of_both_classes_nothing_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("died,hospital,age\n" + "".join(f"{n % 2},A,{n}.5\n" for n in range(6)), encoding="utf-8")
    asked = rates.question("csv", {"path": str(path), "label": "died", "site": "hospital"})
    with pytest.raises(ChainwardError, match=r"a learning rate cannot be chosen.*--training learning_rate"):
        rates.scores(asked)
