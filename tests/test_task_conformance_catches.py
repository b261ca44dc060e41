"""The conformance suite for tasks has teeth: a sound task with one flaw put in fails the check that is there for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chainward.testing import TaskConformance

SOUND = """\
import os
import time
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
import pandas as pd

from chainward.errors import ChainwardError
from chainward.tasks.base import FederatedDataset, HospitalDataset, Patients, Task, Training, digest
from chainward.tasks.cohort import Cohort, Column, Series


PARTS = attrgetter("train", "validation", "test")


def blank(patients):
    return Patients(np.zeros_like(patients.features), patients.labels, patients.patients)


def refuse(division, error):
    if division.partition.kind != "natural":
        raise error


@dataclass(frozen=True)
class Theirs(Task):
    key = "KEY"
    title = "Theirs"
    outcome = "death"
    citation = "Them 2025"
    licence = "CC0"
    training = Training("logistic", 0, 0.1, 32, 10)
    rounds = 3

    def cohort(self):
        seed = 0
        rng = np.random.default_rng(seed)
        n = 240
        age = rng.normal(60, 10, n).clip(20, 99)
        age[::9] = np.nan
        sex = (rng.random(n) < 0.5).astype(float)
        kind = rng.choice(["red", "blue"], n).astype(object)
        kind[5] = None
        label = (rng.random(n) < 0.4).astype(float)
        sites = np.arange(n) % 4
        columns = (
            Column("age", unit="a", least=18, most=120),
            Column("sex", "flag"),
            Column("kind", "category", levels=("blue", "red")),
        )
        frame = pd.DataFrame({"age": age, "sex": sex, "kind": kind})
        names = ("a", "b", "c", "d")
        rows, excluded, repaired = n + 2, {"no outcome": 2}, {}
        return Cohort(columns, frame, label, sites, names, rows, excluded, repaired)

    def divided(self, cohort, seed, division):
        found = super().divided(cohort, seed, division)
        return found
"""


class Flaw(NamedTuple):
    """A check, what is replaced in the sound task so that it must fail, and what it then says."""

    check: str
    old: str
    new: str
    complaint: str


FOUND = "        return found\n"
READS, COLUMN, DIGEST = (
    "two_reads_are_equal",
    "every_column_is_what_it_is_declared_to_be",
    "digest_depends_on_every_part",
)
WHO, ROWS, TESTED = (
    "nobody_is_in_two_parts",
    "every_row_is_kept_or_left_out_for_a_reason",
    "tested_patients_change_nothing",
)
AWKWARD, DEALT = "hospitals_of_one_class_and_of_one_patient_survive", "can_be_dealt_or_says_why_not"


def with_hospitals(expression: str) -> str:
    """The dataset with other hospitals, its digest made anew."""
    return (
        f"        parts = tuple({expression} for h in found.hospitals)\n"
        "        return replace(found, hospitals=parts, digest=digest(parts))\n"
    )


STANDARDISED = """\
        every = np.concatenate([getattr(h, part).features for h in found.everyone for part in ("train", "test")])
        mean = every.mean(axis=0).astype(np.float32)
        def shift(p):
            return Patients(p.features - mean, p.labels, p.patients)
"""

FLAWS = {
    "no licence": Flaw("is_found_under_its_key", 'licence = "CC0"', 'licence = " "', "licence is empty"),
    "thawed": Flaw("parameters_are_frozen", "@dataclass(frozen=True)\n", "", "no dataclass of its own"),
    "unseeded": Flaw(READS, "seed = 0", "seed = None", "two reads differ"),
    "seeded by the process": Flaw(READS, "seed = 0", "seed = os.getpid()", "another process reads something else"),
    "seeded by a hash": Flaw(READS, "seed = 0", "seed = hash('seed') % 2**32", "another process reads something else"),
    "dropped row": Flaw(ROWS, "{'no outcome': 2}".replace("'", '"'), '{"no outcome": 1}', "242 rows were read"),
    "no reason": Flaw(ROWS, '"no outcome"', '" "', "a reason is empty"),
    "label 2": Flaw(ROWS, "        sites = ", "        label[3] = 2\n        sites = ", "neither 0 nor 1"),
    "one label": Flaw(ROWS, "        sites = ", "        label[:] = 1\n        sites = ", "not both 0 and 1"),
    "two of one name": Flaw("hospitals_have_names", '("a", "b", "c", "d")', '("a", "b", "c", "a")', "have one name"),
    "nameless": Flaw("hospitals_have_names", '("a", "b", "c", "d")', '("a", "b", "c", " ")', "all"),
    "no unit": Flaw(COLUMN, 'unit="a"', "unit=None", "age: its unit is no text"),
    "unknown kind": Flaw(COLUMN, '"flag"', '"boolean"', "'boolean' is no kind"),
    "nothing of empty cells": Flaw(COLUMN, 'unit="a"', 'missing=""', "what an empty cell means"),
    "implausible": Flaw(COLUMN, "age[::9]", "age[7] = 400\n        age[::9]", "age: holds what is not from 18 to 120"),
    "infinite": Flaw(COLUMN, "age[::9]", "age[7] = np.inf\n        age[::9]", "age: holds an infinite value"),
    "half a flag": Flaw(COLUMN, "        kind = ", "        sex[0] = 0.5\n        kind = ", "sex: is no flag"),
    "undeclared level": Flaw(
        COLUMN, "kind[5] = None", 'kind[5] = "green"', "'green' is no text, or none of its levels"
    ),
    "a number for text": Flaw(COLUMN, "kind[5] = None", "kind[5] = 7", "7 is no text, or none of its levels"),
    "whole numbers": Flaw(COLUMN, '"sex": sex', '"sex": sex.astype(int)', "sex: int64 is not float64"),
    "times unsaid": Flaw(
        COLUMN,
        "excluded, repaired)",
        'excluded, repaired, times=pd.date_range("2020", periods=n).to_numpy())',
        "has_times",
    ),
    "a digest of names": Flaw(
        DIGEST, FOUND, '        return replace(found, digest="same")\n', "another label gives the same"
    ),
    "a digest of the day": Flaw(
        DIGEST, FOUND, "        return replace(found, digest=str(time.time_ns()))\n", "two datasets"
    ),
    "blind to values": Flaw(DIGEST, FOUND, with_hospitals("HospitalDataset(h.name, *map(blank, PARTS(h)))"), "value"),
    "test in training": Flaw(WHO, FOUND, with_hospitals("replace(h, train=h.test)"), "in two parts of the split"),
    "validation in training": Flaw(
        WHO, FOUND, with_hospitals("replace(h, validation=h.train)"), "in two parts of the split"
    ),
    "patients of several rows": Flaw(
        WHO,
        FOUND,
        with_hospitals("replace(h, test=Patients(h.test.features, h.test.labels, h.train.patients[:len(h.test)]))"),
        "two parts",
    ),
    "not a number": Flaw(
        WHO,
        FOUND,
        with_hospitals("replace(h, test=Patients(h.test.features * np.nan, h.test.labels, h.test.patients))"),
        "not finite",
    ),
    "standardised by all": Flaw(
        TESTED,
        FOUND,
        STANDARDISED + with_hospitals("replace(h, train=shift(h.train))"),
        "train features know tested patients",
    ),
    "one name twice": Flaw(
        DEALT, FOUND, "        return replace(found, feature_names=('x',) * len(found.feature_names))\n", "one name"
    ),
    "refused in a stack trace": Flaw(
        DEALT,
        "        found = super",
        "        refuse(division, KeyError('kind'))\n        found = super",
        "kind",
    ),
    "refused in two lines": Flaw(
        DEALT,
        "        found = super",
        "        refuse(division, ChainwardError('a\\nb'))\n        found = super",
        "more than a line",
    ),
    "large hospitals only": Flaw(
        AWKWARD,
        "        found = super",
        "        assert np.bincount(cohort.hospitals).min() > 5, 'too few'\n        found = super",
        "too few",
    ),
}

ARGUMENTS = {WHO: ("by-patient",), DEALT: ("iid",), AWKWARD: ("by-patient",)}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Any]:
    """Install a package with the sound task, in which one text is replaced, and return its checks."""

    def install(key: str, old: str, new: str) -> Any:
        information = tmp_path / f"{key}-1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {key}\nVersion: 1\n", encoding="utf-8")
        (information / "entry_points.txt").write_text(
            f"[chainward.tasks]\n{key} = its_{key}:Theirs\n", encoding="utf-8"
        )
        assert old in SOUND
        (tmp_path / f"its_{key}.py").write_text(SOUND.replace(old, new, 1).replace("KEY", key), encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        return type("Checked", (TaskConformance,), {"key": key})()

    return install


def run(checked: Any, check: str) -> None:
    (name,) = (name for name in dir(checked) if name.startswith(f"test_{check}"))
    getattr(checked, name)(*ARGUMENTS.get(check, ()))


@pytest.mark.parametrize("name", FLAWS)
def test_flaw_is_caught(name: str, write: Callable[[str, str, str], Any]) -> None:
    flaw = FLAWS[name]
    checked = write(f"flawed_{''.join(filter(str.isalpha, name))}", flaw.old, flaw.new)
    with pytest.raises((Exception, pytest.fail.Exception), match=flaw.complaint):
        run(checked, flaw.check)


def test_the_sound_task_passes_each_of_these_checks(write: Callable[[str, str, str], Any]) -> None:
    checked = write("flawed_in_nothing", "", "")
    for check in sorted({flaw.check for flaw in FLAWS.values()}):
        run(checked, check)


def test_a_patient_may_be_in_two_parts_where_a_note_says_why(write: Callable[[str, str, str], Any]) -> None:
    again = with_hospitals("replace(h, validation=h.train)").replace("(found,", "(found, notes=('It trains again.',),")
    checked = write("flawed_on_purpose", FOUND, again)
    with pytest.raises(AssertionError, match="no note says why"):
        run(checked, WHO)
    type(checked).repeats = "trains again"
    run(checked, WHO)
