"""What every task must hold, ours and anybody's: read the same twice, whole, declared, and without leaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.names import is_plain
from chainward.tasks.base import FederatedDataset, HospitalDataset, Task
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.division import DIALS, PREPARATIONS, SPLITS, Division, Partition
from chainward.testing.cohorts import altered, digest, extreme, other_value, read, some

KINDS = ("number", "flag", "category", "time")
SEEDS = (0, 1, 7)
ROUNDING = 1e-6
"""What a value may be beyond its limits, in parts of them: series are float32."""
SITES, PATIENTS = 3, 20
"""How many sites a partition asks for, and how many patients at each where it says so."""


class TaskConformance:
    """What every task must hold. Inherit it, set `key`, and let pytest collect the class.

    params: the task's parameters, where it needs some or where fewer patients are enough.
    repeats: words of the note in which the task says why a patient is in two parts of the split, where that is meant.
    Tests of a task whose data are not here are skipped and say what to get.
    """

    key: ClassVar[str]
    params: ClassVar[Mapping[str, Any]] = {}
    repeats: ClassVar[str] = ""

    @property
    def task(self) -> Task:
        """The task; skips the test where its data are not here."""
        task = tasks.load(self.key, **self.params)
        if lacking := task.requires():
            assert "\n" not in lacking
            pytest.skip(lacking)
        return task

    @property
    def cohort(self) -> Cohort:
        """All its patients, read once for all tests."""
        return read(self.task)

    def test_is_found_under_its_key_and_says_what_it_is(self) -> None:
        """A reader learns what is predicted, for whom, from where and on what terms."""
        kind = tasks.kind(self.key)
        assert kind.key == self.key.rpartition(":")[2]
        assert self.key in tasks.names() or ":" in self.key
        for name in ("title", "outcome", "citation", "licence", "sites"):
            assert getattr(kind, name).strip(), f"the task's {name} is empty"
        assert kind.rounds >= 1

    def test_parameters_are_frozen_and_checked(self) -> None:
        """Nothing can be kept on the task, and an unknown parameter is refused by name."""
        parameters = vars(tasks.kind(self.key)).get("__dataclass_params__")
        assert parameters is not None, "the task is no dataclass of its own"
        assert parameters.frozen, "the task is not frozen"
        with pytest.raises(ChainwardError, match="no_such_parameter"):
            tasks.load(self.key, **{**self.params, "no_such_parameter": 1})
        hash(self.task)

    def test_two_reads_are_equal(self) -> None:
        """Equal files and parameters give an equal cohort, and equal datasets in another process."""
        assert digest(self.task.cohort()) == digest(self.cohort), "two reads differ"
        call = f"tasks.load({self.key!r}, **{dict(self.params)!r}).dataset(0).digest"
        program = f"import sys; sys.path[:0] = {sys.path!r}; from chainward import tasks; print({call})"
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split()[-1] == self.task.dataset(0).digest, "another process reads something else"

    def test_digest_depends_on_every_part_of_the_data_alone(self) -> None:
        """The dataset's digest is the same again, and another for another label, value or hospital's name."""
        cohort, plain = self.cohort, self.dataset().digest
        assert self.dataset().digest == plain, "two datasets of one seed differ"
        labels = np.array(cohort.labels).copy()
        labels[0] = 1 - labels[0]
        names = (f"{cohort.names[0]} once more", *cohort.names[1:])
        changed = {
            "label": replace(cohort, labels=labels),
            "value": altered(cohort, np.arange(len(cohort)) == 0),
            "name": replace(cohort, names=names),
        }
        for part, other in changed.items():
            assert self.dataset(other).digest != plain, f"another {part} gives the same digest"

    def test_every_row_is_kept_or_left_out_for_a_reason(self) -> None:
        """Rows read are kept or counted under a reason; labels are 0 and 1; what is put right is counted."""
        cohort = self.cohort
        assert cohort.rows == len(cohort) + sum(cohort.excluded.values())
        assert set(np.unique(cohort.labels).tolist()) == {0, 1}, "labels are not both 0 and 1"
        for reason, count in {**cohort.excluded, **cohort.repaired}.items():
            assert reason.strip(), "a reason is empty"
            assert count >= 0, f"{reason}: {count} rows"
        for note in cohort.notes:
            assert is_plain(note), "a note is not one plain line"
            assert note.strip(), "a note is empty"

    def test_holds_what_it_says_beforehand(self) -> None:
        """With its parameters as they are, it has the patients, hospitals and prevalence that it lists."""
        known = self.task.expected
        if known is None or self.params:
            return
        found = (len(np.unique(self.cohort.identities)), len(self.cohort.names))
        assert found == (known.patients, known.hospitals)
        assert abs(float(np.mean(self.cohort.labels)) - known.prevalence) < 0.001

    def test_hospitals_have_names_of_their_own(self) -> None:
        """Names are plain text, each once, and everybody is at one of them."""
        names = self.cohort.names
        assert len(set(names)) == len(names), "two hospitals have one name"
        assert all(name.strip() and is_plain(name) for name in names)
        assert set(np.unique(self.cohort.hospitals).tolist()) <= set(range(len(names)))

    def test_every_column_is_what_it_is_declared_to_be(self) -> None:
        """Each has a name, a kind, a unit and a meaning of empty cells, and holds nothing else."""
        cohort = self.cohort
        columns = (*cohort.columns, *(cohort.series.variables if cohort.series else ()))
        assert len({column.name for column in columns}) == len(columns), "two columns have one name"
        for column in columns:
            assert column.name.strip()
            assert column.kind in KINDS, f"{column.name}: {column.kind!r} is no kind"
            assert isinstance(column.unit, str), f"{column.name}: its unit is no text"
            assert column.missing.strip(), f"{column.name}: nothing says what an empty cell means"
        for column in cohort.columns:
            _holds(column, cohort.frame[column.name])
        if cohort.series is not None:
            assert cohort.series.values.dtype == np.float32
            assert not np.isinf(cohort.series.values).any(), "a series holds an infinite value"
        assert self.task.has_times == (cohort.times is not None), "has_times is not so"

    @pytest.mark.parametrize("split", SPLITS)
    def test_nobody_is_in_two_parts(self, split: str) -> None:
        """No patient trains, validates or is tested in more than one of these, at any hospital."""
        for seed in SEEDS:
            found = self.divided(self.cohort, Division(split=split), seed)
            if found is not None:
                _check_dataset(found, self.repeats)

    def test_tested_patients_change_nothing_in_training(self) -> None:
        """Other values of tested patients leave every feature of training and validation as it was."""
        cohort = self.cohort
        for preparation in PREPARATIONS:
            division = Division(preparation=preparation)
            before = self.divided(cohort, division)
            if before is None:
                continue
            tested = np.concatenate([hospital.test.patients for hospital in before.everyone])
            after = self.divided(altered(cohort, np.isin(cohort.identities, tested)), division)
            assert after is not None
            for mine, theirs in zip(before.everyone, after.everyone, strict=True):
                for part in ("train", "validation"):
                    one, other = getattr(mine, part).features, getattr(theirs, part).features
                    assert one.tobytes() == other.tobytes(), f"{mine.name}: {part} features know tested patients"

    @pytest.mark.parametrize("kind", DIALS)
    def test_can_be_dealt_or_says_why_not(self, kind: str) -> None:
        """Every partition and preparation gives a sound dataset or is refused in one line."""
        for preparation in PREPARATIONS:
            division = Division(partition=_partition(kind), preparation=preparation)
            if found := self.divided(self.cohort, division):
                _check_dataset(found, self.repeats)

    @pytest.mark.parametrize("split", SPLITS)
    def test_hospitals_of_one_class_and_of_one_patient_survive(self, split: str) -> None:
        """Some of its patients, dealt to a hospital of one class, one of one patient and one of two."""
        cohort = extreme(some(self.cohort, 120))
        for kind in DIALS:
            if found := self.divided(cohort, Division(split=split, partition=_partition(kind))):
                _check_dataset(found, self.repeats)

    def dataset(self, cohort: Cohort | None = None) -> FederatedDataset:
        """Return the dataset of seed 0, of other patients where some are given."""
        return self.task.divided(self.cohort if cohort is None else cohort, 0, Division())

    def divided(self, cohort: Cohort, division: Division, seed: int = 0) -> FederatedDataset | None:
        """Return the dataset of a seed, None where it is refused in one line."""
        try:
            return self.task.divided(cohort, seed, division)
        except ChainwardError as error:
            refused = str(error)
        assert refused.strip(), "it is refused without a word"
        assert "\n" not in refused, "it is refused in more than a line"
        return None


def _partition(kind: Any) -> Partition:
    return Partition(kind=kind, hospitals=SITES, patients=PATIENTS, concentration=1.0)


def _holds(column: Column, values: Any) -> None:
    """Check one column of a frame."""
    if column.kind == "time":
        assert values.dtype.kind == "M", f"{column.name}: holds no times"
        return
    known = values[values.notna()]
    if column.kind == "category":
        wrong = other_value(column, known)
        assert wrong is None, f"{column.name}: {wrong!r} is no text, or none of its levels"
        return
    assert values.dtype == np.float64, f"{column.name}: {values.dtype} is not float64"
    assert np.isfinite(known).all(), f"{column.name}: holds an infinite value"
    low, high = (0, 1) if column.kind == "flag" else (column.least, column.most)
    span = ROUNDING * max(1.0, *(abs(limit) for limit in (low, high) if np.isfinite(limit)), 0.0)
    assert known.between(low - span, high + span).all(), f"{column.name}: holds what is not from {low} to {high}"
    assert column.kind == "number" or known.isin((0, 1)).all(), f"{column.name}: is no flag"


def _check_dataset(found: FederatedDataset, repeats: str) -> None:
    """Check that features are sound and that nobody is in two parts."""
    names = found.feature_names
    assert len(set(names)) == len(names), "two features have one name"
    assert not found.sequence or len(names) % found.sequence == 0
    parts: dict[str, set[int]] = {"train": set(), "validation": set(), "test": set()}
    for hospital in found.everyone:
        _check_hospital(hospital, len(names))
        for part, members in parts.items():
            members |= set(getattr(hospital, part).patients.tolist())
    assert all(len(hospital.train) for hospital in found.hospitals), "a hospital that takes part trains nobody"
    shared = (parts["train"] | parts["validation"]) & parts["test"] or parts["train"] & parts["validation"]
    if shared and not (repeats and any(repeats in note for note in found.notes)):
        raise AssertionError(f"patient {min(shared)} is in two parts of the split, and no note says why")


def _check_hospital(hospital: HospitalDataset, width: int) -> None:
    for part in (hospital.train, hospital.validation, hospital.test):
        assert part.features.dtype in (np.float32, np.float64), f"features are {part.features.dtype}"
        assert part.features.shape == (len(part), width), f"{hospital.name}: features are {part.features.shape}"
        assert np.isfinite(part.features).all(), f"{hospital.name}: a feature is not finite"
        assert np.isin(part.labels, (0, 1)).all(), f"{hospital.name}: a label is neither 0 nor 1"
        assert len(part.patients) == len(part)
