"""Checks of whole small trials: the same again, resumed, with a hospital missing, and what they predict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chainward import codec
from chainward.judges import verdicts
from chainward.report import leaderboard_rows, write_report
from chainward.results.predictions import Predictions
from chainward.results.record import Record
from chainward.testing.base import Checks
from chainward.testing.resuming import run_with_interruptions
from chainward.testing.small import completed, dataset, results_of, run, small, without_times
from chainward.testing.watching import observe

LATE, TOO_LATE = 4.0, 10_000.0
"""Seconds by which a hospital answers late: within every paper's waits, the least of which are 5 s, and beyond."""

ABSENCES: Mapping[str, tuple[int, list[int]]] = {
    "first hospital in round 2": (0, [2]),
    "last hospital in round 2": (-1, [2]),
    "first hospital throughout": (0, []),
    "last hospital throughout": (-1, []),
}


class RunChecks(Checks):
    """Determinism, resumption, absence, predictions and the report."""

    @pytest.mark.parametrize("task", ["synthetic", "heart"])
    def test_is_deterministic_on_a_seed(self, task: str) -> None:
        """Two runs of one trial differ in measured times only."""
        again = completed(run(small(self.key, task)))
        assert without_times(again) == without_times(completed(self.record(task)))

    def test_differs_between_seeds(self) -> None:
        """Another seed is another trial."""
        first, second = (self.predictions(seed=seed).probability.tolist() for seed in (0, 1))
        assert first != second

    def test_resumes_to_the_same_result(self, tmp_path: Path) -> None:
        """Abandoned after every round and continued in a fresh world, a trial ends as if it had never stopped."""
        result, predictions, receipts, memories = run_with_interruptions(small(self.key), tmp_path / "checkpoint")
        whole = observe(self.key)
        assert predictions == whole.predictions, "the predictions are not the same"
        assert without_times(result) == without_times(whole.result)
        assert receipts == whole.receipts
        assert codec.encode(memories) == codec.encode(whole.memories)

    @pytest.mark.parametrize("case", ABSENCES)
    def test_absent_hospital(self, case: str) -> None:
        """It goes on without the hospital or refuses by its name, never in another way."""
        hospital, faults = self.absence(case)
        self.assert_goes_on_or_refuses(self.faulty(faults), hospital)

    def test_tolerates_absence_as_the_card_says(self) -> None:
        """A strategy that tolerates absence loses no trial to a hospital away after set-up; any other loses one."""
        records = [self.faulty(self.absence(case)[1]) for case in ABSENCES if case.endswith("in round 2")]
        assert all(record.status == "completed" for record in records) == self.card.tolerates_absence

    def test_hospital_beyond_patience_counts_as_missing(self) -> None:
        """A hospital that answers too late is noted as missing, or refused by name."""
        hospital = self.hospitals()[0]
        record = self.faulty({"delay": {hospital: TOO_LATE}})
        self.assert_goes_on_or_refuses(record, hospital)
        if record.status == "completed":
            assert any(hospital in entry.missing for entry in record.entries)

    def test_late_hospital_is_waited_for(self) -> None:
        """A hospital within the patience of the time model is not missing."""
        record = completed(self.faulty({"delay": {self.hospitals()[-1]: LATE}}))
        assert [entry.missing for entry in record.rounds] == [() for _ in record.rounds]

    @pytest.mark.parametrize("task", ["synthetic", "heart"])
    def test_predicts_a_probability_for_every_test_patient(self, task: str) -> None:
        """One number from 0 to 1 for each patient of the test fold."""
        predictions = self.predictions(task)
        hospitals = dataset(small(self.key, task)).hospitals
        expected = sorted((int(patient), one.name) for one in hospitals for patient in one.test.patients)
        assert list(zip(predictions.patient.tolist(), predictions.hospital.tolist(), strict=True)) == expected
        assert all(0.0 <= probability <= 1.0 for probability in predictions.probability)

    def test_renders_in_the_report(self, tmp_path: Path) -> None:
        """Its trials give a row of the leaderboard and a page that names it."""
        results = results_of(*(self.whole(task) for task in ("synthetic", "heart")))
        assert [row["strategy"] for row in leaderboard_rows(results)] == [self.key, self.key]
        write_report(results, verdicts(results), tmp_path)
        assert self.key in (tmp_path / "index.html").read_text(encoding="utf-8")

    def predictions(self, task: str = "synthetic", **overrides: Any) -> Predictions:
        """Return what a small trial predicted."""
        whole = self.whole(task, **overrides)
        return results_of(whole).opener.predictions(completed(whole.record))

    def absence(self, case: str) -> tuple[str, dict[str, Any]]:
        """Return the hospital that is absent in one of `ABSENCES`, and the faults of such a plan."""
        position, rounds = ABSENCES[case]
        hospital = self.hospitals()[position]
        return hospital, {"absent": {hospital: rounds}}

    def assert_goes_on_or_refuses(self, record: Record, hospital: str) -> None:
        """Fail unless the trial completed or was refused in the hospital's name."""
        if record.status == "failed":
            assert record.error.type == "HospitalAbsent", record.error.traceback
            assert hospital in record.error.message
