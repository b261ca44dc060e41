"""The 2012 Challenge's stays: what the published files hold, each of their traps, and what broken files are told."""

import io
import tarfile
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainward import tasks
from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import physionet2012_files as published
from chainward.tasks.division import Division
from chainward.tasks.icu_physionet2012 import DESCRIPTORS, HOURS, VARIABLES, IcuPhysionet2012, from_files

HEAD = "Time,Parameter,Value\n"
GENERAL = "00:00,RecordID,{}\n00:00,Age,54\n00:00,Gender,0\n00:00,Height,-1\n00:00,ICUType,{}\n00:00,Weight,-1\n"
NAMES = [column.name for column in VARIABLES]


@pytest.fixture(scope="module")
def cohorts():
    if lacking := IcuPhysionet2012().requires():
        pytest.skip(lacking)
    return {view: IcuPhysionet2012(view=view).cohort() for view in ("summary", "hourly")}


def stay(number=1, lines="", unit=3):
    return {f"{number}.txt": (HEAD + GENERAL.format(number, unit) + lines).encode()}


def read(files, view="hourly", **deaths):
    numbers = [int(name.removesuffix(".txt")) for name in files]
    return from_files(files, pd.Series(deaths.get("deaths", [0] * len(numbers)), index=numbers), view)


def hours(lines):
    """Values [48, 37] of one stay."""
    return read(stay(lines=lines)).series.values[0]


def of(name, lines):
    return hours(lines)[:, NAMES.index(name)]


def test_stays_units_and_deaths_are_those_published(cohorts):
    for cohort in cohorts.values():
        assert (cohort.rows, len(cohort), dict(cohort.excluded)) == (4_000, 4_000, {})
        assert np.bincount(cohort.hospitals).tolist() == [577, 874, 1_481, 1_068]
        assert int(cohort.labels.sum()) == 554
        assert cohort.labels.mean() == pytest.approx(IcuPhysionet2012.expected.prevalence)
        assert any("no hospitals" in note for note in cohort.notes)


def test_views_differ_in_their_columns_and_how_they_are_trained_on(cohorts):
    summary, hourly = cohorts["summary"], cohorts["hourly"]
    assert summary.series is None
    assert summary.columns[:4] == hourly.columns == DESCRIPTORS
    assert len(summary.columns) == 4 + 6 * 37
    assert hourly.series.values.shape == (4_000, HOURS, 37)
    networks = [IcuPhysionet2012(view=view).training.network for view in ("summary", "hourly")]
    assert networks == ["mlp", "tcn"]
    assert IcuPhysionet2012(view="hourly") == tasks.load("icu_physionet2012", view="hourly")
    with pytest.raises(ChainwardError, match="view"):
        tasks.load("icu_physionet2012", view="daily")


def test_no_outcome_is_among_the_columns(cohorts):
    told = {"SAPS-I", "SOFA", "Length_of_stay", "Survival", "In-hospital_death", "RecordID", "ICUType"}
    for cohort in cohorts.values():
        own = [column.name for column in cohort.columns]
        assert not [name for name in own if name.removesuffix(f" {name.split()[-1]}") in told]
    assert not told & set(NAMES)


def test_three_stays_hold_general_descriptors_only(cohorts):
    nothing = np.isnan(cohorts["hourly"].series.values).all(axis=(1, 2))
    counts = cohorts["summary"].frame[[f"{name} count" for name in NAMES]].to_numpy()
    assert nothing.sum() == 3
    np.testing.assert_array_equal(counts.sum(axis=1) == 0, nothing)


def test_what_is_implausible_is_missing_and_counted(cohorts):
    repaired = cohorts["summary"].repaired
    assert dict(repaired) == dict(cohorts["hourly"].repaired)
    assert repaired["Height beyond 100 to 230 cm is missing"] == 16
    assert repaired["pH beyond 6.5 to 8 [pH] is missing"] == 11
    for v, column in enumerate(VARIABLES):
        own = cohorts["hourly"].series.values[:, :, v]
        assert np.nanmin(own) >= np.float32(column.least), column.name
        assert np.nanmax(own) <= np.float32(column.most), column.name
    assert np.nanmin(cohorts["summary"].frame["Height"]) > 100
    assert cohorts["summary"].frame["Height"].isna().sum() == 1_894 + 16
    assert cohorts["summary"].frame["Gender"].isna().sum() == 3


def test_summaries_are_of_the_hours(cohorts):
    rate = cohorts["hourly"].series.values[:, :, NAMES.index("HR")]
    frame = cohorts["summary"].frame
    np.testing.assert_array_equal(frame["HR count"], (~np.isnan(rate)).sum(axis=1))
    np.testing.assert_array_equal(frame["HR max"], np.fmax.reduce(rate, axis=1))


@pytest.mark.parametrize("view", ["summary", "hourly"])
def test_a_dataset_is_the_same_again(cohorts, view):
    task = IcuPhysionet2012(view=view)
    one, other = (task.divided(cohort, 0, Division()) for cohort in (cohorts[view], task.cohort()))
    assert one.digest == other.digest
    assert one.sequence == (48 if view == "hourly" else None)
    assert len(one.feature_names) == one.hospitals[0].train.features.shape[1]


def test_pooled_logistic_regression_reaches_the_reference_band(cohorts):
    """With a penalty (C = 0.01): 410 columns that mostly say the same twice overfit 3,200 stays without."""
    cohort = cohorts["summary"]
    model = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        StandardScaler(),
        LogisticRegression(C=0.01, max_iter=500),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_score(model, cohort.frame.to_numpy(), cohort.labels, cv=folds, scoring="roc_auc")
    expected = IcuPhysionet2012.expected
    assert found.mean() == pytest.approx(expected.auroc, abs=expected.within)


def test_the_unpacked_folder_is_as_good_as_the_archive(cohorts, monkeypatch, tmp_path):
    files = published.stays()
    folder = tmp_path / "physionet2012"
    (folder / "set-a").mkdir(parents=True)
    (folder / "set-a" / "._132539.txt").write_bytes(b"left by a packing program")
    (folder / "Outcomes-a.txt").write_bytes(published.sources.read(published.SOURCE, "Outcomes-a.txt"))
    for name, content in files.items():
        (folder / "set-a" / name).write_bytes(content.replace(b"\n", b"\r\n"))
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    assert IcuPhysionet2012().requires() is None
    assert published.stays() == files
    published.check(published.stays())


def test_without_the_files_one_line_says_where_they_go(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(published.sources, "folder", lambda: tmp_path)
    assert "set-a.tar.gz" in IcuPhysionet2012().requires()
    with pytest.raises(DataMissing, match="physionet2012/"):
        IcuPhysionet2012().cohort()


def test_altered_or_lost_stays_are_told(cohorts):
    files = published.stays()
    first = next(iter(files))
    with pytest.raises(ChainwardError, match="3,999 stays, expected 4,000"):
        published.check({name: content for name, content in files.items() if name != first})
    with pytest.raises(ChainwardError, match=f"expected {published.SHA256}"):
        published.check(files | {first: files[first] + b"47:00,HR,80\n"})


def test_an_archive_is_read_in_any_order_and_a_broken_one_is_told(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in reversed((stay(1) | stay(2)).items()):
            member = tarfile.TarInfo(f"./elsewhere/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    assert published._packed(packed.getvalue()) == stay(1) | stay(2)
    for broken in (packed.getvalue()[:700], b"no archive", b""):
        with pytest.raises(ChainwardError, match=r"set-a\.tar\.gz cannot be read"):
            published._packed(broken)


def test_hours_are_counted_from_admission_and_the_last_minute_is_in_the_last_hour():
    rate = of("HR", "00:00,HR,50\n00:59,HR,70\n01:00,HR,80\n47:59,HR,90\n48:00,HR,100\n")
    assert np.flatnonzero(~np.isnan(rate)).tolist() == [0, 1, 47]
    assert rate[[0, 1, 47]].tolist() == [60, 80, 95]


def test_the_first_weight_is_a_descriptor_and_later_ones_are_a_series():
    files = {"1.txt": stay()["1.txt"].replace(b"Weight,-1", b"Weight,80") + b"00:00,Weight,82\n03:00,Weight,0\n"}
    cohort = read(files)
    assert cohort.frame["Weight at admission"].tolist() == [80]
    weight = cohort.series.values[0, :, NAMES.index("Weight")]
    assert np.flatnonzero(~np.isnan(weight)).tolist() == [0]
    assert weight[0] == 82
    assert cohort.repaired == {"Weight beyond 20 to 300 kg is missing": 1}


def test_minus_one_and_zero_mean_missing_in_descriptors():
    cohort = read(stay() | {"2.txt": stay(2)["2.txt"].replace(b"Weight,-1", b"Weight,0").replace(b"r,0", b"r,-1")})
    assert cohort.frame["Weight at admission"].isna().all()
    assert cohort.frame["Height"].isna().all()
    assert cohort.frame["Gender"].isna().tolist() == [False, True]
    assert cohort.repaired == {"Weight at admission beyond 20 to 300 kg is missing": 1}


def test_huge_values_blank_lines_and_repeated_ones_are_repaired():
    rate = of("HR", "00:07,HR,1e300\n\n00:08,,\n00:09,HR,\n,,\n01:00,HR,80\n01:00,HR,80\n01:00,Age,12\n02:00,HR,inf\n")
    assert np.flatnonzero(~np.isnan(rate)).tolist() == [1]
    assert rate[1] == 80


def test_a_file_without_a_last_line_end_is_no_neighbour_s():
    cohort = read({name: content.rstrip(b"\n") for name, content in (stay(1, "00:00,HR,60") | stay(2)).items()})
    rate = cohort.series.values[:, 0, NAMES.index("HR")]
    assert rate[0] == 60
    assert np.isnan(rate[1])


def test_sites_are_the_units():
    cohort = read(stay(1, unit=4) | stay(2, unit=1), deaths=[1, 0])
    assert [cohort.names[site] for site in cohort.hospitals] == ["Surgical ICU", "Coronary care unit"]
    assert cohort.labels.tolist() == [1, 0]


GOOD = stay(1)["1.txt"]
BROKEN = {
    "re-ordered columns": (GOOD.replace(b"Time,Parameter,Value", b"Parameter,Time,Value"), "first line is 'Parameter"),
    "a missing column": (GOOD.replace(b",Value\n", b"\n", 1), "first line is 'Time,Parameter', expected"),
    "another encoding": (GOOD.decode().encode("utf-16"), "first line is"),
    "an empty file": (b"", "first line is ''"),
    "only a header": (HEAD.encode(), "no RecordID"),
    "truncated": (GOOD[: GOOD.index(b"Height")], "no Height"),
    "a text for a number": (GOOD + b"00:07,HR,high\n", "column Value: .*'high'"),
    "a decimal comma": (GOOD + b"00:07,Temp,37,2\n", "Expected 3 fields in line 7, saw 4"),
    "an unknown parameter": (GOOD + b"00:07,Pulse,80\n", "no parameter is called 'Pulse'"),
    "a parameter in another encoding": (GOOD + "00:07,Größe,80\n".encode(), "no parameter is called"),
    "a time after 48 hours": (GOOD + b"48:01,HR,80\n", "Time is '48:01', expected 00:00 to 48:00"),
    "a time that is none": (GOOD + b"noon,HR,80\n", "Time is 'noon'"),
    "no time": (GOOD + b",HR,80\n", "Time is nan"),
    "another stay's file": (GOOD.replace(b"RecordID,1", b"RecordID,7"), "RecordID is not the file's name"),
    "no such unit": (GOOD.replace(b"ICUType,3", b"ICUType,9"), "ICUType is none of 1, 2, 3, 4"),
    "no such gender": (GOOD.replace(b"Gender,0", b"Gender,2"), "Gender is none of 0, 1, -1"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_by_its_name(name):
    content, told = BROKEN[name]
    files = stay(0, "00:10,HR,70\n") | {"1.txt": content} | stay(2)
    with pytest.raises(ChainwardError, match=f"set-a/1.txt: .*{told}") as caught:
        read(files)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_happens_to_a_file_it_is_read_or_told(seed):
    """Bytes lost, doubled or altered at random: one line that names the file, or a cohort of all stays."""
    rng = np.random.default_rng(seed)
    content = bytearray(stay(1, "00:10,HR,70\n01:30,Temp,36.6\n")["1.txt"])
    for _ in range(rng.integers(1, 4)):
        start, length = int(rng.integers(len(content))), int(rng.integers(1, 20))
        piece = content[start : start + length]
        content[start : start + length] = [b"", piece + piece, rng.bytes(length)][rng.integers(3)]
    found = outcome({**stay(0), "1.txt": bytes(content)})
    assert found == "read" or (found.startswith("set-a/1.txt: ") and "\n" not in found)


def outcome(files):
    try:
        cohort = read(files)
    except ChainwardError as told:
        return str(told)
    return "read" if cohort.rows == len(cohort) == len(files) else "rows are lost"


def test_stays_and_outcomes_are_of_the_same():
    with pytest.raises(ChainwardError, match=r"Outcomes-a.txt: no line for the stay 2 of set-a"):
        from_files(stay(1) | stay(2), pd.Series([0], index=[1]), "summary")
    with pytest.raises(ChainwardError, match=r"set-a: no file 2.txt, but Outcomes-a.txt has a line"):
        from_files(stay(1), pd.Series([0, 1], index=[1, 2]), "summary")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Outcomes-a.txt: No columns"),
        (b"RecordID,SAPS-I\n1,2\n", "no column In-hospital_death"),
        (b"RecordID,In-hospital_death\n1,2\n", "In-hospital_death is neither 0 nor 1"),
        (b"RecordID,In-hospital_death\n1,yes\n", "Outcomes-a.txt: "),
        (b"RecordID,In-hospital_death\n1,0\n1,1\n", "RecordID 1 has two lines"),
        ("RecordID,In-hospital_death\n1,0\n".encode("utf-16"), "Outcomes-a.txt: "),
    ],
)
def test_broken_outcomes_are_told(content, told):
    with pytest.raises(ChainwardError, match=told):
        published.outcomes(content)


def test_outcomes_are_read_in_any_order_of_columns():
    found = published.outcomes(b"In-hospital_death,Survival,RecordID\n1,-1,12\n0,3,11\n")
    assert found.to_dict() == {12: 1, 11: 0}


def test_every_variable_has_a_unit_and_a_range():
    assert len(set(NAMES)) == len(NAMES) == 37
    for column in VARIABLES:
        assert column.unit
        assert np.isfinite([column.least, column.most]).all()
        assert column.least < column.most
    assert [field.name for field in fields(IcuPhysionet2012)] == ["view"]
