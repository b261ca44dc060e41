"""Diabetes-130: its counts, its traps, the groups of diagnoses, and cells that cannot be."""

import numpy as np
import pandas as pd
import pytest
from references import holds

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import readmission, sources
from chainward.tasks.readmission import Readmission

TABLE_2 = {
    "circulatory": 30.6,
    "respiratory": 13.6,
    "digestive": 9.3,
    "diabetes": 8.2,
    "injury": 6.7,
    "musculoskeletal": 5.8,
    "genitourinary": 4.9,
    "neoplasms": 3.6,
    "other": 17.3,
}
"""Per cent of patients by primary diagnosis, in Strack et al. 2014."""


@pytest.fixture(scope="module")
def cohort():
    if lacking := Readmission().requires():
        pytest.skip(lacking)
    return Readmission().cohort()


@pytest.mark.slow
def test_the_task_holds_what_it_declares(cohort):
    holds(Readmission())


def test_counts_and_why_rows_are_left_out(cohort):
    assert (len(cohort), cohort.rows) == (69_973, 101_766)
    assert cohort.excluded == {
        "a later encounter of the same patient": 101_766 - 71_518,
        "discharged to death or hospice": 71_518 - 69_973,
    }
    assert cohort.repaired == {"gender Unknown/Invalid is missing": 3}
    assert round(cohort.labels.mean(), 4) == 0.0897


def test_primary_diagnoses_are_in_the_groups_of_the_paper(cohort):
    shares = cohort.frame["diag_1"].value_counts() / len(cohort) * 100
    assert shares.round(1).to_dict() == TABLE_2


def test_a_question_mark_is_missing_and_none_is_a_value(cohort):
    missing = cohort.frame.isna().sum()
    assert set(missing[missing > 0].index) == {"race", "gender", "payer_code", "diag_1", "diag_2", "diag_3"}
    assert (cohort.frame["A1Cresult"] == "None").mean() > 0.8
    assert (cohort.frame["max_glu_serum"] == "None").mean() > 0.9


def test_sites_are_specialties_said_to_be_no_hospitals_and_no_feature(cohort):
    sizes = dict(zip(cohort.names, np.bincount(cohort.hospitals), strict=True))
    assert (sizes["not recorded"], sizes["InternalMedicine"], len(sizes)) == (33_639, 10_641, 26)
    assert min(sizes.values()) >= 100
    assert sizes["other"] == 69_973 - sum(size for name, size in sizes.items() if name != "other")
    assert "medical_specialty" not in cohort.frame
    assert any("pseudo-sites" in note and "specialty" in note for note in cohort.notes)
    assert not {"encounter_id", "patient_nbr", "readmitted", "weight"} & set(cohort.frame)


def invented(*rows):
    """Encounters as `texts` reads them, each with these cells of its own."""
    first = {column.name: column.levels[0] if column.levels else "1" for column in readmission.COLUMNS}
    first |= {"age": "[60-70)", "diag_1": "428", "diag_2": "V57", "diag_3": "250.01", "change": "Ch"}
    first |= {"diabetesMed": "Yes", "medical_specialty": "Cardiology", "payer_code": None, "readmitted": "NO"}
    built = [first | {"encounter_id": "1", "patient_nbr": "1"} | row for row in rows]
    return pd.DataFrame(built, columns=readmission.READ, dtype=object)


def test_the_first_encounter_by_number_is_kept_wherever_it_stands():
    rows = [
        {"encounter_id": "100", "patient_nbr": "7", "readmitted": "NO"},
        {"encounter_id": "9", "patient_nbr": "7", "readmitted": "<30"},
        {"encounter_id": "50", "patient_nbr": "8", "readmitted": ">30"},
        {"encounter_id": "60", "patient_nbr": "9", "discharge_disposition_id": "11"},
        {"encounter_id": "70", "patient_nbr": "9"},
    ]
    cohort = readmission.cohort_of(invented(*rows), Readmission(at_least=1))
    assert cohort.labels.tolist() == [1, 0]
    assert list(cohort.excluded.values()) == [2, 1]
    assert cohort.frame["age"].tolist() == [65, 65]
    assert cohort.frame[["diag_1", "diag_2", "diag_3"]].iloc[0].tolist() == ["circulatory", "other", "diabetes"]


def test_what_few_share_is_other():
    rows = [{"patient_nbr": str(i), "medical_specialty": name} for i, name in enumerate(["A", "A", "B", None, None])]
    assert readmission.cohort_of(invented(*rows), Readmission(at_least=2)).names == ("A", "not recorded", "other")


@pytest.mark.parametrize(
    ("by", "site"), [("payer", "payer_code"), ("admission_source", "admission_source_id"), ("specialty", None)]
)
def test_other_pseudo_sites_are_no_feature_either(by, site):
    cohort = readmission.cohort_of(invented({}), Readmission(by=by, at_least=1))
    assert (site or "medical_specialty") not in cohort.frame
    assert len(cohort.columns) == len(readmission.COLUMNS) - 1


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"age": "60"}, None),
        ({"age": "[60-75)"}, r"column 'age', row 1: '\[60-75\)' is not a number"),
        ({"insulin": "Maybe"}, "column 'insulin', row 1: 'Maybe' is not one of No, Steady, Up, Down"),
        ({"encounter_id": "x"}, "column 'encounter_id', row 1: 'x' is not a number"),
        ({"readmitted": "YES"}, "column 'readmitted', row 1: 'YES' is not one of NO"),
        ({"admission_type_id": "99"}, "column 'admission_type_id', row 1: '99' is not one of"),
        ({"diag_1": "abc"}, None),
    ],
)
def test_a_cell_that_cannot_be_is_named(cells, told):
    if told is None:
        assert len(readmission.cohort_of(invented(cells), Readmission())) == 1
        return
    with pytest.raises(ChainwardError, match=rf"diabetic_data\.csv: {told}"):
        readmission.cohort_of(invented(cells), Readmission())


def test_without_the_file_one_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    with pytest.raises(DataMissing, match="chainward data get readmission"):
        Readmission().dataset(0)


def test_sites_are_those_that_are_asked_for():
    assert Readmission().sites == Readmission.sites == "medical specialties (pseudo-sites)"
    assert Readmission(by="payer").sites == "payers (pseudo-sites)"
