"""Figures by patient."""

from __future__ import annotations

import pytest
from report_fixtures import record, results
from report_fixtures import verdicts as made_verdicts

from chainward.report import write_report
from chainward.report.tables.groups import group
from chainward.report.tables.patients import accuracy_by_patients_rows, gas_per_patient_rows

COUNTED = {"patients on chain": {"0": 0.0, "1": 40.0, "2": 160.0, "3": 160.0}}


def test_gas_a_patient_is_all_gas_over_training_patients():
    (row,) = gas_per_patient_rows(group(results([record("bflc", seed=0), record("bflc", seed=1, gas=260_000)])))
    assert (row["trials"], row["patients"]) == (2, 160)
    assert row["gas_per_patient"] == pytest.approx((700_000 / 160 + 1_020_000 / 160) / 2)
    assert row["bytes_per_patient"] > 0
    assert row["label"] == "bflc"


def test_who_spends_no_gas_is_in_no_such_table():
    assert gas_per_patient_rows(group(results([record("local", gas=0, deploy=0)]))) == []


def test_accuracy_by_patients_is_of_rounds_that_add_some():
    found = accuracy_by_patients_rows(group(results([record("decai", outcomes=COUNTED, rounds=3)])))
    assert [(one["round"], one["patients"], one["gas"]) for one in found] == [(1, 40, 600_000), (2, 160, 700_000)]
    assert found[0]["auroc_mean"] == pytest.approx(0.6 + 0.06 + 0.02)


def test_accuracy_by_patients_is_a_mean_over_seeds():
    more = {"patients on chain": {"1": 60.0}}
    trials = [record("decai", seed=0, outcomes=COUNTED), record("decai", seed=1, outcomes=more)]
    found = accuracy_by_patients_rows(group(results(trials)))
    assert [(one["round"], one["trials"], one["patients"]) for one in found] == [(1, 2, 50), (2, 1, 160)]


def test_who_counts_nobody_is_in_no_such_table():
    assert accuracy_by_patients_rows(group(results([record("bflc")]))) == []


def test_both_stand_on_the_page_and_in_files(tmp_path):
    write_report(results([record("bflc", outcomes=COUNTED)]), made_verdicts(), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "heart, gas a patient" in page
    assert "heart, accuracy by patients on chain" in page
    for name in ("gas_per_patient", "accuracy_by_patients"):
        assert (tmp_path / f"{name}.csv").read_text(encoding="utf-8").count("\n") > 1
