import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from published import write

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.tasks.division import Division
from chainward.tasks.mimic import Mimic
from chainward.tasks.mimic_items import CHART, LAB, VARIABLES
from chainward.tasks.mimic_layouts import PUBLISHED

LENT = os.environ.get("CHAINWARD_DATA", "")
CHART_III = (
    "row_id,subject_id,hadm_id,icustay_id,itemid,charttime,storetime,cgid,value,valuenum,valueuom,warning,error,"
    "resultstatus,stopped"
)
CHART_IV = "subject_id,hadm_id,stay_id,caregiver_id,charttime,storetime,itemid,value,valuenum,valueuom,warning"
EVENTS = [  # subject, item, hours after arrival, value, marked as an error
    (1, 211, 0.0, "80", 0),
    (1, 211, 0.5, "90", 0),
    (1, 220045, 5.25, "70", 0),
    (1, 211, 6.0, "70", 1),
    (1, 211, 7.0, "", 0),
    (1, 211, 8.0, "900", 0),
    (1, 211, 48.0, "55", 0),
    (1, 211, -0.1, "55", 0),
    (1, 678, 1.0, "98.6", 0),
    (1, 223762, 2.0, "38", 0),
    (1, 678, 3.0, "37", 0),
    (1, 190, 1.0, "0.5", 0),
    (1, 223835, 2.0, "40", 0),
    (1, 226531, 1.0, "200", 0),
    (1, 920, 1.0, "70", 0),
    (1, 999, 1.0, "1", 0),
    (2, 220045, 47.99, "60", 0),
    (99, 211, 1.0, "60", 0),
    (5, 211, 1.0, "60", 0),
]
LABS = [(1, 50912, 3.0, "1.5"), (1, 50820, 4.0, "7.4"), (2, 50912, 60.0, "9")]


def moment(hours, start="2150-01-01T10:00:00", mark=" ", zone=""):
    at = np.datetime64(start) + np.timedelta64(round(hours * 3600), "s")
    return str(at).replace("T", mark) + zone


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("chainward.tasks.sources.folder", lambda: tmp_path / "user")
    return tmp_path


def publish_iii(shelf, *, upper=False, compressed=False, mark=" ", zone="", events=EVENTS, labs=LABS):
    """Subjects 1 and 2 are in the cohort; of 3 to 7 each is left out for a reason of its own; 1 comes twice."""

    def at(hours):
        return moment(hours, mark=mark, zone=zone)

    def put(name, header, rows):
        name = name.upper() if upper else name
        return write(shelf / "mimic3", f"{name}.csv", header, rows, upper=upper, compressed=compressed)

    patients = [(1, "F", -24 * 365.25 * 50.5), (2, "M", -24 * 365.25 * 300), (3, "M", -24 * 30)]
    patients += [(n, "M", -24 * 365.25 * 60) for n in (4, 5, 6)]
    put("patients", "row_id,subject_id,gender,dob,dod", [(n, n, sex, at(born), "") for n, sex, born in patients])
    admitted = [(10, "EMERGENCY", "", 1), (11, "EMERGENCY", "", 0), (20, "ELECTIVE", "", 0), (30, "NEWBORN", "", 0)]
    admitted += [(40, "URGENT", at(10), 1), (50, "URGENT", "", 0), (60, "URGENT", "", "")]
    put(
        "admissions",
        "row_id,hadm_id,admission_type,deathtime,hospital_expire_flag",
        [(number, *row) for number, row in enumerate(admitted)],
    )
    stays = [(1, 11, 1001, "CCU", 500, 600), (1, 10, 1000, "MICU", 0, 48), (2, 20, 2000, "CSRU", 0, 100)]
    stays += [(3, 30, 3000, "NICU", 0, 100), (4, 40, 4000, "MICU", 0, 100), (5, 50, 5000, "MICU", 0, 47.9)]
    stays += [(6, 60, 6000, "MICU", 0, 100), (7, 70, 7000, "MICU", 0, "")]
    put(
        "icustays",
        "row_id,subject_id,hadm_id,icustay_id,dbsource,first_careunit,intime,outtime,los",
        [
            (who, who, adm, stay, "carevue", unit, at(come), at(go) if go else "", 1)
            for who, adm, stay, unit, come, go in stays
        ],
    )
    put(
        "chartevents",
        CHART_III,
        [
            (i, who, 1, 1, item, at(h), at(h), 1, '"a, b"', v, "x", 0, e, "", "")
            for i, (who, item, h, v, e) in enumerate(events)
        ],
    )
    put(
        "labevents",
        "row_id,subject_id,hadm_id,itemid,charttime,value,valuenum,valueuom,flag",
        [(i, who, "", item, at(h), v, v, "mg/dL", "") for i, (who, item, h, v) in enumerate(labs)],
    )


def publish_iv(shelf, compressed=False):
    folder = shelf / "mimic4"
    write(
        folder,
        "hosp/patients.csv",
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod",
        [(1, "F", 48, 2148, "2011 - 2013", ""), (2, "M", 91, 2150, "2011 - 2013", ""), (3, "M", 17, 2150, "", "")],
        compressed=compressed,
    )
    write(
        folder,
        "hosp/admissions.csv",
        "subject_id,hadm_id,admittime,dischtime,admission_type,race,hospital_expire_flag",
        [(n, 10 * n, "", "", "URGENT", "X", int(n == 1)) for n in (1, 2, 3)],
        compressed=compressed,
    )
    units = ("Medical Intensive Care Unit (MICU)", "Coronary Care Unit (CCU)", "Neuro Stepdown")
    write(
        folder,
        "icu/icustays.csv",
        "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los",
        [(n, 10 * n, 100 * n, units[n - 1], "X", moment(0), moment(72), 3) for n in (1, 2, 3)],
        compressed=compressed,
    )
    write(
        folder,
        "icu/chartevents.csv",
        CHART_IV,
        [(who, 1, 1, 1, moment(h), moment(h), item, v, v, "x", 0) for who, item, h, v, error in EVENTS if not error],
        compressed=compressed,
    )
    write(
        folder,
        "hosp/labevents.csv",
        "labevent_id,subject_id,hadm_id,itemid,charttime,value,valuenum",
        [(1, who, "", item, moment(h), v, v) for who, item, h, v in LABS],
        compressed=compressed,
    )


LAYOUTS = {
    "III, small letters": lambda shelf: publish_iii(shelf),
    "III, capitals": lambda shelf: publish_iii(shelf, upper=True),
    "III, capitals, gz": lambda shelf: publish_iii(shelf, upper=True, compressed=True),
    "III, as the demo writes dates": lambda shelf: publish_iii(shelf, compressed=True, mark="T", zone="Z"),
    "IV": publish_iv,
    "IV, gz": lambda shelf: publish_iv(shelf, compressed=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_hours_hold_the_means_of_what_was_measured_in_them(shelf, layout):
    LAYOUTS[layout](shelf)
    cohort = Mimic(version=layout.split(",")[0], view="hourly").cohort()
    values = dict(zip([column.name for column in VARIABLES], np.moveaxis(cohort.series.values, 2, 0), strict=True))
    assert cohort.series.values.shape == (2, 48, 25)
    pulse = np.full((2, 48), np.nan)
    pulse[0, 0], pulse[0, 5], pulse[1, 47] = 85, 70, 60
    np.testing.assert_array_equal(values["heart rate"], pulse.astype(np.float32))
    np.testing.assert_allclose(values["temperature"][0, :4], [np.nan, 37, 38, np.nan], rtol=1e-6)
    np.testing.assert_allclose(values["inspired oxygen"][0, 1:3], [50, 40], rtol=1e-6)
    np.testing.assert_allclose([values["weight"][0, 1], values["height"][0, 1]], [90.718474, 177.8], rtol=1e-6)
    np.testing.assert_allclose([values["creatinine"][0, 3], values["pH"][0, 4]], [1.5, 7.4], rtol=1e-6)
    assert np.count_nonzero(~np.isnan(cohort.series.values)) == 3 + 2 + 2 + 2 + 2
    assert cohort.repaired == {
        "heart rate beyond 1 to 350 /min is missing": 1,
        "temperature beyond 26 to 45 Cel is missing": 1,
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_who_is_in_the_cohort(shelf, layout):
    LAYOUTS[layout](shelf)
    cohort = Mimic(version=layout.split(",")[0]).cohort()
    assert cohort.labels.tolist() == [1, 0]
    assert cohort.frame["age"].tolist() == [50, 90]
    assert cohort.frame["male"].tolist() == [0, 1]
    assert cohort.patients is None
    if layout.startswith("III"):
        assert cohort.names == ("CSRU", "MICU")
        assert cohort.frame["admission type"].tolist() == ["EMERGENCY", "ELECTIVE"]
        assert cohort.rows == 8
        assert cohort.excluded == {
            "the time of arrival or of leaving is not recorded": 1,
            "not the patient's first stay": 1,
            "the outcome is not recorded": 1,
            "younger than 18 years, or of unknown age": 1,
            "shorter than 48 hours": 1,
            "died within 48 hours": 1,
        }
    else:
        assert cohort.names == ("Coronary Care Unit (CCU)", "Medical Intensive Care Unit (MICU)")
        assert cohort.excluded == {"younger than 18 years, or of unknown age": 1}
    assert [cohort.names[site][0] for site in cohort.hospitals] == ["M", "C"]


def test_a_summary_has_six_columns_a_variable_and_no_series(shelf):
    publish_iii(shelf)
    cohort = Mimic().cohort()
    assert cohort.series is None
    assert cohort.frame.shape == (2, 3 + 6 * len(VARIABLES))
    of_the_first = {measure: cohort.frame[f"heart rate {measure}"][0] for measure in ("first", "last", "mean", "count")}
    assert of_the_first == {"first": 85, "last": 70, "mean": 77.5, "count": 2}


def test_fewer_hours_take_shorter_stays_and_see_less(shelf):
    publish_iii(shelf)
    cohort = Mimic(hours=24, view="hourly").cohort()
    assert cohort.series.values.shape == (2, 24, 25)
    assert cohort.excluded["nothing measured in the first 24 hours"] == 1  # subject 2, after 47.99 hours
    assert "shorter than 24 hours" not in cohort.excluded  # subject 5, after 47.9
    assert cohort.excluded["died within 24 hours"] == 1


def test_chunks_do_not_matter(shelf, monkeypatch):
    publish_iii(shelf)
    whole = Mimic(view="hourly").cohort()
    monkeypatch.setenv("CHAINWARD_CACHE", str(shelf / "another"))
    monkeypatch.setattr("chainward.tasks.event_files.CHUNK", 3)
    parts = Mimic(view="hourly").cohort()
    np.testing.assert_array_equal(parts.series.values, whole.series.values)
    assert parts.frame.equals(whole.frame)
    assert parts.repaired == whole.repaired


def test_a_file_read_twice_over_changes_no_mean(shelf):
    publish_iii(shelf)
    once = Mimic(view="hourly").cohort().series.values
    publish_iii(shelf, events=EVENTS * 2, labs=LABS * 2)
    np.testing.assert_array_equal(once, Mimic(view="hourly").cohort().series.values)


def test_files_of_two_folders_are_not_mixed(shelf):
    publish_iii(shelf)
    (shelf / "mimic3_demo").mkdir()
    (shelf / "mimic3" / "labevents.csv").rename(shelf / "mimic3_demo" / "labevents.csv")
    assert Mimic().requires().startswith("labevents.csv not found: PhysioNet gives MIMIC-III to credentialed users")
    with pytest.raises(DataMissing, match=r"labevents.csv"):
        Mimic().cohort()


def test_the_layout_of_iv_without_events_says_what_is_lacking(shelf):
    publish_iv(shelf)
    (shelf / "mimic4" / "icu" / "chartevents.csv").unlink()
    assert "icu/chartevents.csv not found: PhysioNet gives MIMIC-IV" in Mimic(version="IV").requires()
    assert "https://physionet.org/content/mimiciv/" in Mimic(version="IV").requires()


def _edited(shelf, name, edit):
    path = shelf / "mimic3" / f"{name}.csv"
    path.write_bytes(edit(path.read_bytes()))


BROKEN = {
    "a column is missing": ("chartevents", lambda b: b.replace(b"valuenum", b"amount", 1), "no column 'valuenum'"),
    "a column is there twice": ("labevents", lambda b: b.replace(b"row_id", b"itemid", 1), "column 'itemid' twice"),
    "empty": ("chartevents", lambda b: b"", "is empty"),
    "cut off": ("chartevents", lambda b: b[:-5], "last line has no end"),
    "no text": ("icustays", lambda b: b.replace(b"MICU", b"M\xffCU", 1), "no text in UTF-8"),
    "in UTF-16": ("patients", lambda b: b.decode().encode("utf-16"), "no text in UTF-8|no column"),
    "a number is none": ("chartevents", lambda b: b.replace(b",900,", b",9OO,"), "column 'valuenum', row 7: '9OO'"),
    "a decimal comma": (
        "labevents",
        lambda b: b.replace(b",1.5,1.5,", b',x,"1,5",'),
        "column 'valuenum', row 2: '1,5'",
    ),
    "a time is none": (
        "labevents",
        lambda b: b.replace(b"2150-01-01 13", b"01/01/2150 13"),
        "column 'charttime': '01/01",
    ),
    "a date of birth is none": ("patients", lambda b: b.replace(b",F,2", b",F,x2"), "column 'dob'"),
    "a number is beyond all": ("chartevents", lambda b: b.replace(b",900,", b",1e999,"), "'1e999' is no number"),
    "a quote has no end": ("chartevents", lambda b: b.replace(b'"a, b"', b'"a', 1) + b'"x\n', "is no table"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_line(shelf, case):
    publish_iii(shelf)
    name, edit, told = BROKEN[case]
    _edited(shelf, name, edit)
    with pytest.raises(ChainwardError, match=told) as caught:
        Mimic().cohort()
    assert f"{name}.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda b: b[:-30], lambda b: b"no gzip" + b], ids=["cut", "another format"])
def test_a_broken_archive_is_one_line(shelf, spoil):
    publish_iii(shelf, compressed=True)
    path = shelf / "mimic3" / "chartevents.csv.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ChainwardError, match=r"chartevents.csv.gz: cannot be read"):
        Mimic().cohort()


def test_a_flipped_bit_in_an_archive_is_found(shelf):
    publish_iii(shelf, compressed=True)
    path = shelf / "mimic3" / "chartevents.csv.gz"
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # of the checksum
    path.write_bytes(bytes(data))
    with pytest.raises(ChainwardError, match=r"chartevents.csv.gz: cannot be read"):
        Mimic().cohort()


def test_huge_values_are_counted_and_missing(shelf):
    publish_iii(shelf, events=[*EVENTS, (1, 211, 9.0, "1e308", 0), (1, 211, 9.0, "inf", 0), (1, 211, 9.0, "-inf", 0)])
    cohort = Mimic(view="hourly").cohort()
    assert np.isnan(cohort.series.values[0, 9, 0])
    assert cohort.repaired["heart rate beyond 1 to 350 /min is missing"] == 4


def test_columns_in_another_order_and_a_byte_order_mark_are_no_matter(shelf):
    publish_iii(shelf)
    before = Mimic().cohort().frame
    path = shelf / "mimic3" / "patients.csv"
    turned = [",".join(reversed(line.split(","))) for line in path.read_text().splitlines()]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*turned, ""]).encode())
    after = Mimic().cohort().frame
    assert after.equals(before)


def test_parameters_are_checked():
    assert tasks.load("mimic", version="IV", hours=24).source.name == "mimic4"
    assert tasks.load("mimic", view="hourly").training.network == "tcn"
    assert Mimic.training.network == "mlp"
    for wrong in ({"hours": 12}, {"version": "II"}, {"view": "daily"}):
        with pytest.raises(BadParameter, match="task 'mimic', parameter"):
            tasks.load("mimic", **wrong)


def test_items_are_of_one_variable_each():
    for items in (CHART, LAB):
        ids = [item for ways in items.values() for _, own in ways for item in own]
        assert len(ids) == len(set(ids))
        assert items.keys() <= {column.name for column in VARIABLES}


def test_dates_are_no_basis_for_a_split():
    assert "has no times" in Mimic().refuses(Division(split="by-time"))


# --- the demo of MIMIC-III -----------------------------------------------------------------------


@pytest.fixture
def demo(monkeypatch, tmp_path):
    place = os.environ.get("CHAINWARD_DATA", "")
    if not Path(place, "mimic3_demo").is_dir() or Path(place, "mimic3").is_dir():
        pytest.skip(f"the MIMIC-III demo is not in CHAINWARD_DATA/mimic3_demo: {Mimic().requires()}")
    monkeypatch.setenv("CHAINWARD_CACHE", str(tmp_path))


def test_the_demo_is_read_as_it_was_published(demo):
    cohort = Mimic().cohort()
    assert cohort.rows == 136
    assert cohort.excluded == {
        "not the patient's first stay": 36,
        "younger than 18 years, or of unknown age": 1,
        "shorter than 48 hours": 48,
    }
    assert (len(cohort), int(cohort.labels.sum())) == (51, 17)
    assert dict(zip(cohort.names, np.bincount(cohort.hospitals), strict=True)) == {
        "CCU": 9,
        "CSRU": 3,
        "MICU": 23,
        "SICU": 14,
        "TSICU": 2,
    }
    assert Mimic().dataset(0).digest == Mimic().dataset(0).digest


def test_the_demos_hours_hold_the_files_own_figures(demo):
    """Recomputed with pandas alone, for a variable of one unit and one that is converted."""
    import pandas as pd

    folder = Path(os.environ["CHAINWARD_DATA"], "mimic3_demo")
    dates = ["charttime"]
    events = pd.read_csv(folder / "chartevents.csv.gz", parse_dates=dates, low_memory=False)
    stays = pd.read_csv(folder / "icustays.csv.gz", parse_dates=["intime", "outtime"]).sort_values("intime")
    first = stays.drop_duplicates("subject_id").set_index("subject_id")
    events = events[events["valuenum"].notna() & (events["error"] != 1)].join(first["intime"], on="subject_id")
    events["hour"] = (events["charttime"] - events["intime"]) // pd.Timedelta(hours=1)
    events = events[events["hour"].between(0, 47)]
    pulse = events[events["itemid"].isin((211, 220045)) & events["valuenum"].between(1, 350)]
    heat = events[events["itemid"].isin((676, 678, 223761, 223762))]
    fahrenheit = heat["itemid"].isin((678, 223761))
    heat = heat.assign(valuenum=heat["valuenum"].where(~fahrenheit, (heat["valuenum"] - 32) / 1.8))
    series = Mimic(view="hourly").cohort().series.values
    kept = _kept(first, events)
    for place, own in ((0, pulse), (5, heat)):
        mean = own.groupby(["subject_id", "hour"])["valuenum"].mean().unstack().reindex(index=kept, columns=range(48))
        np.testing.assert_allclose(series[:, :, place], mean.to_numpy(), rtol=1e-6)
        assert np.isfinite(mean.to_numpy()).sum() > 700


def _kept(first, events):
    """The subjects of the cohort in the order of the file of stays: long enough, grown up and measured."""
    import pandas as pd

    folder = Path(os.environ["CHAINWARD_DATA"], "mimic3_demo")
    born = pd.read_csv(folder / "patients.csv.gz").set_index("subject_id")["dob"]
    year = first["intime"].dt.year - born.str[:4].astype(int).reindex(first.index)
    own = first[(first["outtime"] - first["intime"] >= pd.Timedelta(hours=48)) & (year >= 18)]
    return own.sort_index(key=lambda index: own.loc[index, "row_id"].to_numpy()).index


def test_every_source_of_the_layouts_says_how_one_comes_to_it():
    for version, published in PUBLISHED.items():
        assert f"MIMIC-{version}" in published.source.credentialed
        assert "CITI" in published.source.credentialed
        assert zlib.crc32(published.source.url.encode())  # it has one


# --- headers and invented rows of MIMIC-IV -------------------------------------------------------


def test_the_layout_of_iv_is_read_with_its_own_columns(shelf, published_layout):
    (shelf / "mimic4").symlink_to(published_layout)
    assert Mimic(version="IV").requires().startswith("icu/chartevents.csv not found")
    (shelf / "mimic4").unlink()
    for path in published_layout.glob("*/*.csv"):
        place = shelf / "mimic4" / path.relative_to(published_layout)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    write(shelf / "mimic4", "icu/chartevents.csv", CHART_IV, [])
    cohort = Mimic(version="IV", hours=24, view="hourly").cohort()
    assert cohort.rows == 15
    assert len(cohort) == 15 - sum(cohort.excluded.values()) > 0
    assert set(cohort.names) <= {"MICU", "SICU", "CCU", "CVICU", "TSICU", "NICU"}
    assert np.isfinite(cohort.series.values).any()


@pytest.fixture
def published_layout():
    place = Path(LENT, "mimic4_schema")
    if not LENT or not place.is_dir():
        pytest.skip("CHAINWARD_DATA names no folder with mimic4_schema/")
    return place
