from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.plans import file as plans
from chainward.tasks import leaks
from chainward.tasks.base import Task, Training, digest
from chainward.tasks.cohort import Cohort, Column, Series
from chainward.tasks.leaks import Suspect, overlap, suspects
from chainward.tasks.metrics import auroc

RNG = np.random.default_rng(3)
LABELS = np.tile([0, 1], 200)
NOISE = RNG.standard_normal(400)


def cohort(values: Any, kind: str = "number", labels: np.ndarray = LABELS, **more: Any) -> Cohort:
    """400 rows of two hospitals with a column x, and one of noise."""
    column = pd.Series(values, dtype=object if kind == "category" else float)
    return Cohort(
        columns=(Column("noise"), Column("x", kind)),  # type: ignore[arg-type]
        frame=pd.DataFrame({"noise": NOISE[: len(labels)], "x": column}),
        labels=labels,
        hospitals=np.arange(len(labels)) % 2,
        names=("a", "b"),
        rows=len(labels),
        **more,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_gives_the_outcome_away_either_way(sign: int) -> None:
    values = sign * (LABELS + 0.2 * NOISE)
    found = suspects(cohort(values))
    expected = auroc(LABELS, values)
    assert expected is not None
    assert found == (Suspect("x", "values", max(expected, 1 - expected)),)


@pytest.mark.parametrize(("wrong", "suspected"), [(0, True), (7, True), (9, False), (40, False)])
def test_a_flag_is_suspected_from_an_auroc_of_98_hundredths_on(wrong: int, suspected: bool) -> None:
    values = LABELS.astype(float)
    values[:wrong] = 1 - values[:wrong]
    assert bool(suspects(cohort(values, "flag"))) is suspected
    reached = auroc(LABELS, values)
    assert reached is not None
    assert (reached >= leaks.SUSPECT) is suspected


def test_only_rows_that_have_a_number_count_and_enough_patients_of_both_classes() -> None:
    values = LABELS + 0.1 * NOISE
    some = np.where(np.arange(400) < 60, values, np.nan)
    assert [one.of for one in suspects(cohort(some))] == ["values"]
    few = np.where(np.arange(400) < 38, values, np.nan)  # 19 of each class
    assert suspects(cohort(few)) == ()


def test_rows_of_one_patient_are_one_patient() -> None:
    values = np.where(np.arange(400) < 60, LABELS + 0.1 * NOISE, np.nan)
    fewer = np.arange(400) // 4
    assert suspects(cohort(values, patients=fewer)) == ()
    assert suspects(cohort(values, patients=np.arange(400)))


def test_what_is_only_missing_where_the_outcome_came() -> None:
    values = np.where(LABELS == 1, np.nan, NOISE)
    assert suspects(cohort(values)) == (Suspect("x", "missing", 1.0),)
    texts = [None if label else "home" for label in LABELS]
    assert [(one.column, one.of) for one in suspects(cohort(texts, "category"))] == [("x", "levels")]


def test_levels_are_judged_on_patients_that_did_not_set_their_rates() -> None:
    codes = [f"code {5 * label + number % 5}" for number, label in enumerate(LABELS)]
    assert [(one.column, one.of) for one in suspects(cohort(codes, "category"))] == [("x", "levels")]
    own = [f"patient {number}" for number in range(400)]  # rates fitted on themselves would be perfect
    assert suspects(cohort(own, "category")) == ()
    random = [f"code {number}" for number in RNG.integers(0, 60, 400)]
    assert suspects(cohort(random, "category")) == ()


def test_variables_of_a_series_by_their_mean_and_whether_they_were_measured() -> None:
    values = RNG.standard_normal((400, 6, 3)).astype(np.float32)
    values[:, :, 0] += 20 * LABELS[:, None]
    values[LABELS == 1, :, 2] = np.nan
    values[:, 3, 1] = np.nan
    series = Series((Column("rises"), Column("sound"), Column("stopped")), values)
    found = suspects(cohort(NOISE, series=series))
    assert [(one.column, one.of) for one in found] == [("rises", "values"), ("stopped", "missing")]


def test_one_class_or_nobody_is_no_suspicion() -> None:
    assert suspects(cohort(NOISE, labels=np.zeros(400, dtype=int))) == ()
    assert suspects(cohort([], labels=np.zeros(0, dtype=int))) == ()


@pytest.mark.parametrize("key", tasks.names())
def test_no_task_of_ours_has_a_column_that_gives_the_outcome_away(key: str) -> None:
    task = tasks.load(key)
    if lacking := task.requires():
        pytest.skip(lacking)
    assert suspects(task.cohort()) == ()


@pytest.mark.parametrize("key", tasks.names())
def test_no_task_of_ours_has_a_patient_in_two_parts_unless_it_says_why(key: str) -> None:
    task = tasks.load(key)
    if lacking := task.requires():
        pytest.skip(lacking)
    dataset = task.dataset(0)
    assert overlap(dataset, shared_validation=bool(task.shared_validation)) is None
    if task.shared_validation:
        assert task.shared_validation in dataset.notes
        assert overlap(dataset) is not None


@pytest.mark.parametrize(("one", "other"), [("train", "test"), ("validation", "test"), ("train", "validation")])
def test_a_patient_in_two_parts_of_any_two_hospitals_is_named(one: str, other: str) -> None:
    dataset = tasks.load("synthetic", hospitals=3, patients=40).dataset(0)
    first, second, third = dataset.hospitals
    shared = getattr(first, one)
    changed = replace(second, **{other: shared})
    spoiled = replace(dataset, hospitals=(first, changed, third), digest=digest((first, changed, third)))
    told = f"{len(shared)} patients, the first number {min(shared.patients)}, are among {one} and {other} patients"
    assert overlap(dataset) is None
    assert overlap(spoiled) == told
    assert (overlap(spoiled, shared_validation=True) is None) == ((one, other) == ("train", "validation"))


# --- plans --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaky(Task):
    """400 patients whose column x is the outcome."""

    key = "leaky"
    title = outcome = citation = licence = "made up"
    training = Training("logistic", 1, 0.1, 32, 1)
    rounds = 2

    def cohort(self) -> Cohort:
        return cohort(LABELS.astype(float))


PLAN = 'strategies = ["fedavg"]\ntasks = ["leaky"]\n'


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Read a plan on the leaky task."""
    monkeypatch.setattr(tasks, "_listing", lambda: {"leaky": Leaky})
    path = tmp_path / "leaky.toml"

    def read(text: str = PLAN, **overrides: Any):
        path.write_text(text, encoding="utf-8")
        return plans.read(path, overrides)

    return read


def test_a_plan_is_refused_when_a_column_gives_the_outcome_away(plan) -> None:
    told = r"leaky.toml: task leaky: column 'x' alone \(values\) reaches AUROC 1.000.*leave it out, or say why"
    with pytest.raises(ChainwardError, match=told):
        plan()
    with pytest.raises(ChainwardError, match=r"parts.0: task leaky: column 'x'"):
        plan(f"[[parts]]\n{PLAN}")


def test_a_plan_may_say_why(plan) -> None:
    found = plan(PLAN + 'leaks = { x = "it is known at admission" }\n')
    assert found.leaks == {"x": "it is known at admission"}
    assert plan(leaks={"x": "so it is"}).leaks == {"x": "so it is"}
    assert plan(f'leaks = {{ x = "why" }}\n[[parts]]\n{PLAN}').leaves[0].leaks == {"x": "why"}
    with pytest.raises(ChainwardError, match="column 'x'"):
        plan(PLAN + 'leaks = { noise = "of another column" }\n')


def test_a_task_of_another_package_with_a_patient_in_two_parts_is_refused(
    plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def divided(self: Task, cohort: Cohort, seed: int, division: Any) -> Any:
        dataset = Task.divided(self, cohort, seed, division)
        hospitals = tuple(replace(one, test=one.train) for one in dataset.hospitals)
        return replace(dataset, hospitals=hospitals)

    why = {"x": "made up"}
    assert plan(leaks=why)
    monkeypatch.setattr(Leaky, "divided", divided)
    with pytest.raises(ChainwardError, match=r"task leaky: .* are among train and test patients; have each in one"):
        plan(leaks=why)


def test_a_code_that_is_written_as_a_number_gives_itself_away():
    labels = np.arange(400) % 2
    codes = np.where(labels == 1, 2, np.where(np.arange(400) % 4 == 0, 1, 3)).astype(float)
    frame = pd.DataFrame({"discharge": codes})
    cohort = Cohort((Column("discharge"),), frame, labels, np.zeros(400, dtype=np.int64), ("a",), rows=400)
    (suspect,) = suspects(cohort)
    assert (suspect.column, suspect.of) == ("discharge", "codes")
