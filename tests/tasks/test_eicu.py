import os
from pathlib import Path

import numpy as np
import pytest
from published import write

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.tasks.eicu import Eicu
from chainward.tasks.eicu_variables import ADMISSION, HISTORY, PHYSIOLOGY, RESULTS, VITALS

PATIENT = (
    "patientunitstayid,patienthealthsystemstayid,gender,age,ethnicity,hospitalid,unittype,admissionheight,"
    "admissionweight,hospitaladmitoffset,unitadmitsource,hospitaldischargestatus,unitvisitnumber,unitdischargeoffset,"
    "unitdischargestatus,uniquepid"
)
APS = "apacheapsvarid,patientunitstayid," + ",".join(PHYSIOLOGY)
PREDICTED = (
    "apachepredvarid,patientunitstayid,gender,age,"
    + ",".join(HISTORY)
    + ",diedinhospital,dischargelocation,readmit,visitnumber"
)
LEAKS = {"diedinhospital", "dischargelocation", "readmit", "hospitaldischargestatus", "unitdischargestatus"}
STAYS = [  # stay, hospital stay, gender, age, hospital, height, weight, offset, status, visit, minutes, patient
    (2, 10, "Female", 87, 59, 157.5, 50, -2000, "Alive", 2, 3000, "002-1"),
    (1, 10, "Female", 87, 59, 157.5, 46.5, -8, "Alive", 1, 2000, "002-1"),
    (3, 11, "Female", 88, 110, 160, 48, -30, "Expired", 1, 5000, "002-1"),
    (4, 12, "Male", "> 89", 110, 600, "", 0, "Expired", 1, 1440, "002-2"),
    (5, 13, "Male", 40, 7, 180, 80, 0, "", 1, 4000, "002-3"),
    (6, 14, "Male", 17, 7, 180, 80, 0, "Alive", 1, 4000, "002-4"),
    (7, 15, "Other", "", 7, "", 15, 0, "Alive", 1, 1439, "002-5"),
    (8, 16, "Male", 50, 7, 180, 80, 0, "Alive", 1, 4000, "002-6"),
]


def _scores(stay, **values):
    """APACHE's physiology of a stay, missing but for `values`."""
    return (stay, stay, *(values.get(name, -1) for name in PHYSIOLOGY))


def _history(stay, died, **values):
    return (stay, stay, 0, 50, *(values.get(name, 0) for name in HISTORY), died, 9 if died else 1, 0, 1)


SCORES = [
    _scores(1, heartrate=120, meanbp=40, temperature=36.4, eyes=4, intubated=0, fio2=50),
    _scores(1, heartrate=60),
    _scores(3, heartrate=999, intubated=2, ph=7.2),
    _scores(4),
    _scores(7, heartrate=80),
    _scores(99, heartrate=70),
]
HISTORIES = [_history(1, 0, cirrhosis=1), _history(3, 1, aids=-1), _history(4, 1), _history(7, 0)]
LAB = [  # stay, minutes, name, result
    (1, 0, "BUN", "31"),
    (1, 59, "BUN", "33"),
    (1, 60, "glucose", "100"),
    (1, 70, "bedside glucose", "120"),
    (1, 1439, "HCO3", "24"),
    (1, 1440, "sodium", "140"),
    (1, -1, "sodium", "140"),
    (1, 5, "Digoxin", "1"),
    (1, 5, "potassium", ""),
    (3, 5, "pH", "74"),
    (4, 5, "creatinine", "1.5"),
    (8, 2000, "creatinine", "1.5"),
    (5, 5, "creatinine", "1.5"),
]
PERIODIC = [  # stay, minutes, temperature, sao2, heartrate, respiration, systolic, diastolic, mean
    (1, 0, 37, 98, 80, 12, "", "", ""),
    (1, 5, 98.6, 96, 90, 12, 120, 60, 80),
    (3, 65, "", "", 70, 0, "", "", ""),
]
APERIODIC = [(1, 3, 110, 50, 70), (4, 1000, 100, 50, 0)]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("chainward.tasks.sources.folder", lambda: tmp_path / "user")
    return tmp_path


def publish(shelf, *, lower=False, compressed=False, without=(), stays=STAYS, folder="eicu"):
    def put(name, header, rows):
        if name not in without:
            name = f"{name.lower() if lower else name}.csv"
            write(shelf / folder, name, header, rows, upper=False, compressed=compressed)

    put(
        "patient",
        PATIENT,
        [
            (stay, whole, sex, age, "X", site, "MICU", tall, heavy, off, "Floor", status, visit, end, status, who)
            for stay, whole, sex, age, site, tall, heavy, off, status, visit, end, who in stays
        ],
    )
    put(
        "hospital",
        "hospitalid,numbedscategory,teachingstatus,region",
        [(59, "<100", "f", "Midwest"), (110, ">= 500", "t", ""), (7, "", "f", "South")],
    )
    put("apacheApsVar", APS, SCORES)
    put("apachePredVar", PREDICTED, HISTORIES)
    put(
        "lab",
        "labid,patientunitstayid,labresultoffset,labtypeid,labname,labresult,labresulttext",
        [(1, stay, at, 1, name, value, f'"{value}, or so"') for stay, at, name, value in LAB],
    )
    put(
        "vitalPeriodic",
        "vitalperiodicid,patientunitstayid,observationoffset,temperature,sao2,heartrate,respiration,cvp,etco2,"
        "systemicsystolic,systemicdiastolic,systemicmean",
        [(1, *row[:6], "", "", *row[6:]) for row in PERIODIC],
    )
    put(
        "vitalAperiodic",
        "vitalaperiodicid,patientunitstayid,observationoffset,noninvasivesystolic,noninvasivediastolic,"
        "noninvasivemean,paop",
        [(1, *row, "") for row in APERIODIC],
    )


LAYOUTS = {
    "camel case": {},
    "lower case": {"lower": True},
    "camel case, gz": {"compressed": True},
    "lower case, gz": {"lower": True, "compressed": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_apaches_variables_and_who_has_them(shelf, layout):
    publish(shelf, **LAYOUTS[layout])
    cohort = Eicu().cohort()
    assert cohort.rows == 8
    assert cohort.excluded == {
        "not the first unit stay of the hospital stay": 1,
        "the outcome is not recorded": 1,
        "younger than 18 years": 1,
        "no APACHE variables": 1,
    }
    assert cohort.labels.tolist() == [0, 1, 1, 0]
    assert cohort.names == ("hospital 7", "hospital 59", "hospital 110")
    assert cohort.hospitals.tolist() == [1, 2, 2, 0]
    assert cohort.patients.tolist() == [0, 0, 1, 2]
    frame = cohort.frame
    np.testing.assert_array_equal(frame["age"], [87, 88, 90, np.nan])
    np.testing.assert_array_equal(frame["male"], [0, 0, 1, np.nan])
    np.testing.assert_array_equal(frame["height"], [157.5, 160, np.nan, np.nan])
    np.testing.assert_array_equal(frame["weight"], [46.5, 48, np.nan, np.nan])
    np.testing.assert_array_equal(frame["heart rate"], [120, np.nan, np.nan, 80])
    np.testing.assert_array_equal(frame["intubated"], [0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(frame["AIDS"], [0, np.nan, 0, 0])
    np.testing.assert_array_equal(frame["cirrhosis"], [1, 0, 0, 0])
    assert frame["unit type"].tolist() == ["MICU"] * 4


def test_what_was_put_right_is_counted(shelf):
    publish(shelf)
    told = Eicu().cohort().repaired
    minus = 4 * len(PHYSIOLOGY) - 6 - 3 - 0 - 1
    assert told == {
        "height beyond 100 to 240 cm is missing": 1,
        "weight beyond 20 to 400 kg is missing": 1,
        "apacheApsVar.csv: -1 is missing": minus,
        "apacheApsVar.csv: the second row of a stay is left out": 1,
        "apachePredVar.csv: -1 is missing": 1,
        "heart rate beyond 0 to 350 /min is missing": 1,
        "intubated neither 0 nor 1 is missing": 1,
    }


def test_nothing_that_tells_the_outcome_is_a_column(shelf):
    publish(shelf)
    assert not LEAKS & {*PHYSIOLOGY, *HISTORY}
    for view in ("apache", "summary", "hourly"):
        cohort = Eicu(view=view).cohort()
        names = {column.name for column in cohort.columns}
        assert not {name for name in names if "discharge" in name or "died" in name or "readmit" in name}
    assert {column.name for column in Eicu(view="hourly").cohort().columns} == {column.name for column in ADMISSION}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hours_hold_the_means_of_what_was_measured_in_them(shelf, layout):
    publish(shelf, **LAYOUTS[layout])
    cohort = Eicu(view="hourly").cohort()
    assert cohort.series.values.shape == (3, 24, len(VITALS) + len(RESULTS))
    assert cohort.excluded == {
        "not the first unit stay of the hospital stay": 1,
        "the outcome is not recorded": 1,
        "younger than 18 years": 1,
        "shorter than 24 hours": 1,
        "nothing measured in the first 24 hours": 1,
    }
    names = [column.name for column in cohort.series.variables]
    first = dict(zip(names, cohort.series.values[0].T, strict=True))
    told = {name: (row[0], row[1], row[23]) for name, row in first.items() if np.isfinite(row).any()}
    expected = {
        "heart rate": (85, np.nan, np.nan),
        "systolic pressure": (115, np.nan, np.nan),
        "diastolic pressure": (55, np.nan, np.nan),
        "mean pressure": (75, np.nan, np.nan),
        "respiratory rate": (12, np.nan, np.nan),
        "oxygen saturation": (97, np.nan, np.nan),
        "temperature": (37, np.nan, np.nan),
        "urea nitrogen": (32, np.nan, np.nan),
        "glucose": (np.nan, 110, np.nan),
        "bicarbonate": (np.nan, np.nan, 24),
    }
    assert told.keys() == expected.keys()
    for name, row in expected.items():
        np.testing.assert_allclose(told[name], row, rtol=1e-6, err_msg=name)
    assert cohort.repaired["pH beyond 6.3 to 8.4 [pH] is missing"] == 1
    assert cohort.repaired["respiratory rate beyond 1 to 300 /min is missing"] == 1
    assert cohort.repaired["mean pressure beyond 1 to 375 mm[Hg] is missing"] == 1


def test_a_hospital_without_a_test_patient_has_features_all_the_same(shelf):
    publish(shelf)
    dataset = Eicu(view="hourly").dataset(0)
    empty = [part for one in dataset.everyone for part in (one.train, one.validation, one.test) if not len(part)]
    assert empty
    assert {part.features.shape for part in empty} == {(0, len(dataset.feature_names))}
    assert len(dataset.feature_names) % dataset.sequence == 0


def test_a_summary_has_six_columns_a_variable(shelf):
    publish(shelf)
    cohort = Eicu(view="summary").cohort()
    assert cohort.series is None
    assert cohort.frame.shape == (3, len(ADMISSION) + 6 * (len(VITALS) + len(RESULTS)))
    assert cohort.frame["heart rate count"].tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("without", "names"),
    [
        (("vitalPeriodic", "vitalAperiodic"), {column.name for column in RESULTS}),
        (("lab",), {column.name for column in VITALS}),
        (("lab", "vitalPeriodic"), {"systolic pressure", "diastolic pressure", "mean pressure"}),
    ],
    ids=["laboratory alone", "vital signs alone", "the cuff alone"],
)
def test_tables_that_are_not_there_are_left_out_and_named(shelf, without, names):
    publish(shelf, without=without)
    cohort = Eicu(view="hourly").cohort()
    assert {column.name for column in cohort.series.variables} == names
    assert any(note.startswith("Not in the folder") and without[0] in note for note in cohort.notes)


def test_what_is_lacking_is_named_with_how_one_comes_to_it(shelf):
    publish(shelf, without=("apachePredVar", "lab", "vitalPeriodic", "vitalAperiodic", "hospital"))
    assert Eicu().requires().startswith("apachePredVar.csv not found: PhysioNet gives eICU-CRD to credentialed users")
    assert "CITI" in Eicu().requires()
    assert "lab.csv, vitalPeriodic.csv, vitalAperiodic.csv not found" in Eicu(view="hourly").requires()
    assert "hospital.csv" in Eicu(by="region_and_beds").requires()
    with pytest.raises(DataMissing, match=r"apachePredVar.csv not found"):
        Eicu().dataset(0)


def test_the_full_set_goes_before_a_subset_and_the_two_never_mix(shelf):
    publish(shelf, folder="eicu_subset", stays=STAYS[:3])
    assert Eicu().cohort().rows == 3
    publish(shelf, without=("apacheApsVar",))
    assert "apacheApsVar.csv not found" in Eicu().requires()
    publish(shelf)
    assert Eicu().cohort().rows == 8


def test_sites_may_be_groups_of_hospitals(shelf):
    publish(shelf)
    task = Eicu(by="region_and_beds")
    cohort = task.cohort()
    assert cohort.names == ("Midwest, <100 beds", "South, beds unknown", "region unknown, >= 500 beds")
    assert cohort.hospitals.tolist() == [0, 2, 2, 1]
    assert any("pseudo-sites" in note for note in cohort.notes)
    assert (task.sites, Eicu().sites) == ("groups of hospitals (pseudo-sites)", "hospitals")


def test_small_sites_are_left_out_by_name(shelf):
    publish(shelf)
    cohort = Eicu(at_least=2).cohort()
    assert cohort.names == ("hospital 110",)
    assert cohort.excluded["at a site of fewer than 2 stays"] == 2
    with pytest.raises(
        ChainwardError, match=r"patient.csv: none of 8 stays is left: .*at a site of fewer than 5 stays"
    ):
        Eicu(at_least=5).cohort()


def test_a_patients_stays_are_never_split(shelf):
    stays = [(n, n, "Male", 50, 1, 170, 70, 0, "Alive", 1, 3000, f"002-{n // 3}") for n in range(60)]
    write(
        shelf / "eicu",
        "lab.csv",
        "patientunitstayid,labresultoffset,labname,labresult",
        [(n, 5, "BUN", 9) for n in range(60)],
    )
    publish(shelf, stays=stays, without=("lab", "vitalPeriodic", "vitalAperiodic"))
    dataset = Eicu(view="summary").dataset(0)
    (hospital,) = dataset.hospitals
    parts = [set(part.patients.tolist()) for part in (hospital.train, hospital.validation, hospital.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20
    assert len(hospital.test) == 12


def _edited(shelf, name, edit):
    path = shelf / "eicu" / f"{name}.csv"
    path.write_bytes(edit(path.read_bytes()))


BROKEN = {
    "a column is missing": ("patient", lambda b: b.replace(b"uniquepid", b"person"), "no column 'uniquepid'"),
    "another word of the outcome": (
        "patient",
        lambda b: b.replace(b"Expired", b"Dead"),
        "'hospitaldischargestatus': 'Dead'",
    ),
    "an age that is none": ("patient", lambda b: b.replace(b"> 89", b"old"), "column 'age': 'old'"),
    "a hospital that is no number": (
        "patient",
        lambda b: b.replace(b",59,", b",A,"),
        "column 'hospitalid', row 2: 'A'",
    ),
    "a score that is none": ("apacheApsVar", lambda b: b.replace(b",120,", b",x,"), "column 'heartrate', row 2: 'x'"),
    "a history without a column": ("apachePredVar", lambda b: b.replace(b"aids", b"hiv"), "no column 'aids'"),
    "empty": ("apachePredVar", lambda b: b"", "is empty"),
    "cut off": ("apacheApsVar", lambda b: b[:-3], "last line has no end"),
    "no text": ("patient", lambda b: b.replace(b"MICU", b"M\xffCU"), "no text in UTF-8"),
    "nobody": ("patient", lambda b: b[: b.index(b"\n") + 1], "none of 0 stays is left"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_line(shelf, case):
    publish(shelf)
    name, edit, told = BROKEN[case]
    _edited(shelf, name, edit)
    with pytest.raises(ChainwardError, match=told) as caught:
        Eicu().cohort()
    assert f"{name}.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_result_is_one_line(shelf):
    publish(shelf)
    _edited(shelf, "lab", lambda b: b.replace(b"BUN,31", b"BUN,>31"))
    with pytest.raises(ChainwardError, match=r"lab.csv: column 'labresult', row 2: '>31' is no number"):
        Eicu(view="summary").cohort()


def test_a_row_that_is_there_twice_counts_once(shelf):
    publish(shelf, stays=[*STAYS, STAYS[1]])
    cohort = Eicu().cohort()
    assert cohort.excluded["a second row of the stay"] == 1
    assert len(cohort) == 4


def test_rows_without_a_number_are_left_out_by_name(shelf):
    nameless = [("", *STAYS[7][1:]), (31, "", *STAYS[7][2:]), (*STAYS[7][:4], "", *STAYS[7][5:]), (*STAYS[7][:11], "")]
    publish(shelf, stays=[*STAYS[:3], *nameless])
    assert Eicu().cohort().excluded == {
        "the stay, the patient or the hospital has no number": 4,
        "not the first unit stay of the hospital stay": 1,
    }


def test_parameters_are_checked():
    assert tasks.load("eicu", view="hourly").training.network == "tcn"
    assert Eicu.training.network == "mlp"
    for wrong in ({"view": "first"}, {"by": "region"}, {"at_least": 0}, {"at_least": 2.5}):
        with pytest.raises(BadParameter, match="task 'eicu', parameter"):
            tasks.load("eicu", **wrong)


# --- a subset in the published layout ------------------------------------------------------------


@pytest.fixture
def subset(monkeypatch, tmp_path):
    place = Path(os.environ.get("CHAINWARD_DATA", ""))
    others = [name for name in ("eicu", "eicu_demo") if (place / name).is_dir()]
    if not (place / "eicu_subset").is_dir() or others:
        pytest.skip(f"the eICU subset is not in CHAINWARD_DATA/eicu_subset: {Eicu(view='summary').requires()}")
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path))


def test_the_subset_is_read_as_it_was_published(subset):
    cohort = Eicu(view="summary").cohort()
    assert cohort.rows == 174
    assert cohort.excluded == {
        "not the first unit stay of the hospital stay": 30,
        "the outcome is not recorded": 2,
        "younger than 18 years": 1,
        "shorter than 24 hours": 46,
        "nothing measured in the first 24 hours": 1,
    }
    assert (len(cohort), int(cohort.labels.sum()), len(cohort.names), len(set(cohort.patients))) == (94, 4, 61, 70)
    assert Eicu(view="summary").dataset(0).digest == Eicu(view="summary").dataset(0).digest


def test_the_subset_has_no_apache_tables_and_the_task_says_so(subset):
    assert Eicu().requires().startswith("apacheApsVar.csv, apachePredVar.csv not found")


def test_the_subsets_hours_hold_the_files_own_figures(subset):
    """Recomputed with pandas alone."""
    import pandas as pd

    folder = Path(os.environ["CHAINWARD_DATA"], "eicu_subset")
    results, stays = pd.read_csv(folder / "lab.csv"), pd.read_csv(folder / "patient.csv")
    own = results[results["labname"].eq("creatinine") & results["labresultoffset"].between(0, 1439)]
    mean = own.groupby(["patientunitstayid", own["labresultoffset"] // 60])["labresult"].mean().unstack()
    cohort = Eicu(view="hourly").cohort()
    values = cohort.series.values[:, :, [column.name for column in cohort.series.variables].index("creatinine")]
    first = stays.sort_values("unitvisitnumber").drop_duplicates("patienthealthsystemstayid")
    grown = pd.to_numeric(first["age"].replace("> 89", "90")) >= 18
    long = first[first["unitdischargeoffset"].ge(1440) & first["hospitaldischargestatus"].notna() & grown].sort_index()
    ours = mean.reindex(index=long["patientunitstayid"], columns=range(24)).to_numpy(dtype=np.float32)
    measured = np.isfinite(ours)
    assert measured.sum() > 100
    np.testing.assert_allclose(np.sort(values[np.isfinite(values)]), np.sort(ours[measured]), rtol=1e-6)
