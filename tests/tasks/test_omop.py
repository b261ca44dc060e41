import gzip
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from omop_made import ADMITTED, COLUMNS, DAY, FAILURE, HOUR, INPATIENT, LACTATE, OUTPATIENT, at, named, rows, write

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.plans.specification import Specification
from chainward.tasks import omop, omop_files
from chainward.tasks.metrics import auroc
from chainward.tasks.places import place
from chainward.testing.small import completed, results_of, run_whole

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write(tmp_path_factory.mktemp("omop"))


def task(folder, **fields):
    return tasks.load("omop", folder=str(folder), **fields)


def few(folder, count=1, **tables):
    """Stays of `count` persons of five days each, and what is told of them beside."""
    empty = {table: [] for table in COLUMNS}
    empty["person"] = [(named(person), 8507, 1950, 6, 15) for person in range(count)]
    empty["visit_occurrence"] = [stay(person, person) for person in range(count)]
    return write(folder, {**empty, **tables})


def stay(number, person, start=ADMITTED, length=5 * DAY, concept=INPATIENT, site=7):
    return number + 1, named(person), concept, *at(start), *at(start + length), site


def same(one, other):
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert (one.names, one.hospitals.tolist()) == (other.names, other.hospitals.tolist())
    assert one.labels.tolist() == other.labels.tolist()


def test_the_invented_stays_are_all_read(made):
    cohort = task(made).cohort()
    assert (len(cohort), cohort.rows) == (320, 640)
    assert cohort.excluded == {"visit is of no concept that is taken": 320}
    assert cohort.repaired == {}
    assert cohort.names == tuple(f"care site {number}" for number in range(1, 5))
    assert np.bincount(cohort.hospitals).tolist() == [80] * 4
    died = {row[0] for row in rows()["death"]}
    assert [named(person) in died for person in sorted(range(320), key=named)] == cohort.labels.tolist()
    assert 0.2 < cohort.labels.mean() < 0.5
    assert cohort.times is not None
    assert cohort.times.dtype == np.dtype("datetime64[s]")


def test_two_readings_give_the_same_bytes(made):
    assert task(made).dataset(1).digest == task(made).dataset(1).digest


def test_features_are_those_of_the_rows(made):
    """By hand: the value of hour 13, conditions before the stay, and nothing that comes later or is coded for it."""
    frame = task(made).cohort().frame
    by_person = sorted(range(320), key=named)
    told = rows()
    last = {who: value for who, concept, _, _, value, *_ in told["measurement"] if concept == LACTATE}
    failing = {who for who, concept, *_ in told["condition_occurrence"] if concept == FAILURE}
    np.testing.assert_array_equal(frame[f"measurement {LACTATE}"], [last[named(person)] for person in by_person])
    np.testing.assert_array_equal(frame[f"condition {FAILURE}"], [named(person) in failing for person in by_person])
    expected = ["age", "gender", f"condition {FAILURE}", *(f"drug {1000 + number}" for number in range(7))]
    expected += [*(f"procedure {2000 + number}" for number in range(3)), f"measurement {LACTATE}"]
    assert [*frame.columns] == expected
    assert frame["gender"].value_counts(dropna=False).to_dict() == {"male": 107, "female": 107, None: 106}
    assert all((frame.iloc[:, 3:10].sum(axis=1) == 1) & (frame.iloc[:, 10:13].sum(axis=1) == 1))


def test_what_comes_after_the_prediction_time_is_never_seen(tmp_path):
    persons = range(4)
    early = [(named(0), 5, *at(ADMITTED - SECOND), None), (named(1), 5, *at(ADMITTED - DAY), None)]
    inside = [(named(0), 9, *at(ADMITTED + 24 * HOUR), 1.5, 0, "g"), (named(1), 9, *at(ADMITTED), 2.5, 0, "g")]
    plain = task(few(tmp_path / "plain", 4, condition_occurrence=early, measurement=inside)).cohort()
    later = [(named(person), concept, *at(ADMITTED), None) for person in persons for concept in (5, 6)]
    coded = [(named(person), 7, *at(ADMITTED - HOUR), person + 1) for person in persons]  # for the stay itself
    dated = [(named(person), 8, f"{ADMITTED:%Y-%m-%d}", None, None) for person in persons]  # some time on that day
    outside = [(named(person), 9, *at(ADMITTED + 24 * HOUR + SECOND), 99, 0, "g") for person in persons]
    outside += [(named(person), 9, *at(ADMITTED - SECOND), 99, 0, "g") for person in persons]
    outside += [(named(person), 10, f"{ADMITTED + DAY:%Y-%m-%d}", None, 99, 0, "g") for person in persons]
    leaking = few(
        tmp_path / "leaking", 4, condition_occurrence=early + later + coded + dated, measurement=inside + outside
    )
    same(plain, task(leaking).cohort())
    assert plain.frame["condition 5"].tolist() == [1.0 if person < 2 else 0.0 for person in sorted(persons, key=named)]
    assert sorted(plain.frame["measurement 9"].dropna()) == [1.5, 2.5]


def test_an_outcome_is_death_in_time_or_in_the_stay(tmp_path):
    days = {0: 2, 1: 30, 2: 31, 3: 45, 4: 46}
    deaths = [(named(person), *at(ADMITTED + number * DAY)) for person, number in days.items()]
    visits = [stay(person, person) for person in range(3)] + [
        stay(number, number, length=45 * DAY) for number in (3, 4)
    ]
    cohort = task(few(tmp_path, 5, visit_occurrence=visits, death=deaths)).cohort()
    by_person = dict(zip(sorted(range(5), key=named), cohort.labels.tolist(), strict=True))
    assert by_person == {0: True, 1: True, 2: False, 3: True, 4: False}
    assert task(tmp_path, days=31).cohort().labels.sum() == 4


def test_every_visit_left_out_has_a_reason(tmp_path):
    visits = [stay(number, number) for number in range(10)]
    visits[1] = stay(1, 1, concept=OUTPATIENT)
    visits[2] = stay(0, 2)  # the id of another
    visits[3] = stay(3, 77)
    visits[4] = (5, named(4), INPATIENT, "", "", "", "", 7)
    visits[5] = stay(5, 5, length=24 * HOUR)
    visits += [stay(10, 9, ADMITTED + 20 * DAY)]
    people = [(named(person), 8507, 1950, 6, 15) for person in range(10)]
    people[6] = (named(6), 8507, 2010, None, None)
    people[7] = (named(7), 8507, None, None, None)
    deaths = [(named(8), *at(ADMITTED + 24 * HOUR)), (named(9), *at(ADMITTED + 22 * DAY))]
    folder = few(tmp_path, visit_occurrence=visits, person=people, death=deaths)
    cohort = task(folder).cohort()
    assert (cohort.rows, len(cohort)) == (11, 2)
    assert cohort.excluded == {
        "visit is of no concept that is taken": 1,
        "visit_occurrence_id is there before": 1,
        "person_id is not in person": 1,
        "visit has no start": 1,
        "younger than 18, or of unknown age": 2,
        "died within 24 hours": 1,
        "visit ended within 24 hours": 1,
        "a later visit of the same person": 1,
    }
    every = task(folder, which="all").cohort()
    assert len(every) == 3
    assert len(set(every.identities.tolist())) == 2
    with pytest.raises(ChainwardError, match=r"none of 1 visits can be used \(1: died before the visit\)"):
        task(few(tmp_path, death=[(named(0), "2019-05-01", "")])).cohort()


def test_ages_are_completed_years(tmp_path):
    births = [(1950, 1, 1), (1950, 1, 2), (1950, None, None), (1950, 12, None), (2002, 1, 1)]
    people = [(named(person), 8532, *born) for person, born in enumerate(births)]
    frame = task(few(tmp_path, 5, person=people)).cohort().frame
    by_person = dict(zip(sorted(range(5), key=named), frame["age"], strict=True))
    assert by_person == {0: 70, 1: 69, 2: 69, 3: 69, 4: 18}


def test_a_site_is_the_visits_own_and_the_unknown_are_one(tmp_path):
    sites = [10, None, 9, 0, 10]
    cohort = task(few(tmp_path, 5, visit_occurrence=[stay(n, n, site=site) for n, site in enumerate(sites)])).cohort()
    assert cohort.names == ("care site 9", "care site 10", "unknown care site")
    assert sorted(cohort.hospitals.tolist()) == [0, 1, 1, 2, 2]
    assert any("2 of 5 visits name no care site" in note for note in cohort.notes)


def test_minus_one_is_a_value_where_a_concept_is_else_negative_too(tmp_path):
    when = at(ADMITTED + HOUR)
    later = at(ADMITTED + 2 * HOUR)
    excess = [(named(0), 5, *when, -1, 0, ""), (named(1), 5, *when, -3, 0, "")]
    missing = [(named(0), 6, *when, 12, 0, ""), (named(0), 6, *later, -1, 0, ""), (named(1), 6, *when, -1, 0, "")]
    cohort = task(few(tmp_path, 2, measurement=excess + missing)).cohort()
    first, second = (sorted(range(2), key=named).index(person) for person in range(2))
    assert cohort.frame["measurement 5"].iloc[[first, second]].tolist() == [-1, -3]
    assert cohort.frame["measurement 6"].iloc[first] == 12  # what stood before the -1
    assert np.isnan(cohort.frame["measurement 6"].iloc[second])
    assert cohort.repaired == {"measured value is -1, of a concept that is else never negative": 2}


def test_a_concept_has_one_unit_and_infinite_values_are_none(tmp_path):
    when = at(ADMITTED + HOUR)
    values = [(named(0), 5, *when, 100, 8840, "mg/dL"), (named(1), 5, *when, 110, 8840, "mg/dl")]
    values += [(named(2), 5, *when, 6, 8753, "mmol/L"), (named(3), 5, *when, "1e999", 8840, "mg/dL")]
    values += [(named(0), 0, *when, 1, 0, ""), (named(1), 8, *when, "", 0, "")]
    cohort = task(few(tmp_path, 4, measurement=values)).cohort()
    assert [*cohort.frame.columns] == ["age", "gender", "measurement 5"]
    assert sorted(cohort.frame["measurement 5"].dropna()) == [100, 110]
    assert cohort.columns[-1].unit == "mg/dL"
    assert cohort.repaired == {
        "measured value is infinite": 1,
        "measured in another unit than the concept's most frequent one": 1,
    }


def test_concepts_are_the_most_frequent_over_visits(tmp_path):
    often = [(named(0), 5, *at(ADMITTED - DAY), None)] * 9  # one visit
    wide = [(named(person), concept, *at(ADMITTED - DAY), None) for person in range(3) for concept in (6, 7)]
    folder = few(tmp_path, 3, drug_exposure=often + wide)
    assert [*task(folder, concepts=1).cohort().frame.columns[2:]] == ["drug 6"]
    assert [*task(folder, concepts=2).cohort().frame.columns[2:]] == ["drug 6", "drug 7"]
    assert [*task(folder, lookback_days=0.5).cohort().frame.columns[2:]] == []


def test_neither_the_order_of_rows_nor_of_columns_matters(made, tmp_path, monkeypatch):
    monkeypatch.setattr(omop_files, "ROWS", 97)
    for table in COLUMNS:
        frame = pd.read_csv(made / f"{table}.csv", dtype=str, keep_default_na=False)
        frame.sample(frac=1, random_state=1)[frame.columns[::-1]].to_csv(tmp_path / f"{table}.csv", index=False)
    same(task(made).cohort(), task(tmp_path).cohort())


def test_compressed_capital_marked_and_parquet_files_are_the_same(made, tmp_path):
    for number, table in enumerate(COLUMNS):
        content = (made / f"{table}.csv").read_bytes()
        if number % 3 == 0:
            header, _, rest = content.partition(b"\r\n")
            (tmp_path / f"{table.upper()}.CSV").write_bytes(b"\xef\xbb\xbf" + header.upper() + b"\r\n" + rest + b"\r\n")
        elif number % 3 == 1:
            (tmp_path / f"{table}.csv.gz").write_bytes(gzip.compress(content))
        else:
            pytest.importorskip("pyarrow")
            frame = pd.read_csv(made / f"{table}.csv", dtype={"visit_occurrence_id": "Int64"})
            for name in frame.columns[frame.columns.str.endswith("_datetime")]:
                frame[name] = pd.to_datetime(frame[name])
            frame.to_parquet(tmp_path / f"{table}.parquet")
    same(task(made).cohort(), task(tmp_path).cohort())


def edited(folder, table, change):
    path = folder / f"{table}.csv"
    path.write_bytes(change(path.read_bytes()))


BROKEN = {
    "missing column": (
        "person",
        lambda b: b.replace(b"year_of_birth", b"born"),
        r"person\.csv: no column year_of_birth",
    ),
    "empty file": ("death", lambda b: b"", r"death\.csv: no column person_id, death_date"),
    "no person": ("person", lambda b: b.split(b"\r\n")[0], r"person\.csv: no row after the header"),
    "cut row": ("measurement", lambda b: b[:-30], r"measurement\.csv: row 2 after the header has \d fields, not 7"),
    "comma in a text": (
        "measurement",
        lambda b: b.replace(b"mmol/L", b"mmol,L"),
        "row 1 after the header has 8 fields",
    ),
    "id": ("visit_occurrence", lambda b: b.replace(b"9201", b"9201.5"), "column visit_concept_id, row 1 after the"),
    "large id": (
        "person",
        lambda b: b.replace(b"9000000000000000000", b"99000000000000000000"),
        "column person_id, row 1",
    ),
    "text": (
        "measurement",
        lambda b: b.replace(b"1.5", b"1;5"),
        "column value_as_number, row 2 after the header: no number",
    ),
    "date": (
        "death",
        lambda b: b.replace(b"2020-01-04 10:30", b"04/01/2020 10h"),
        "column death_datetime, row 1 after",
    ),
    "encoding": ("measurement", lambda b: b.replace(b"mmol", b"\xb5mol"), r"measurement\.csv: it is not UTF-8"),
    "quote": (
        "measurement",
        lambda b: b.replace(b"mmol/L", b'"mmol/L', 1),
        r"measurement\.csv: .*write the table again",
    ),
    "twice": ("person", lambda b: b + b.split(b"\r\n")[1] + b"\r\n", "column person_id: 1 rows are of a person"),
    "separator": ("death", lambda b: b.replace(b",", b";"), r"death\.csv: no column person_id, death_date"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_with_its_place(name, tmp_path):
    table, change, complaint = BROKEN[name]
    values = [(named(0), 5, *at(ADMITTED + HOUR), value, 8753, "mmol/L") for value in (2.5, 1.5)]
    folder = few(tmp_path, measurement=values, death=[(named(0), *at(ADMITTED + 3 * DAY))])
    assert len(task(folder).cohort()) == 1
    edited(folder, table, change)
    with pytest.raises(ChainwardError, match=complaint) as told:
        task(folder).cohort()
    assert "\n" not in str(told.value)
    assert str(abs(named(0))) not in str(told.value)  # errors end up in records: they say where, not who


@pytest.mark.parametrize("seed", range(100))
def test_a_spoilt_file_is_refused_in_a_line_or_every_row_is_accounted_for(seed, tmp_path):
    rng = np.random.default_rng(seed)
    folder = write(tmp_path, rows(3))
    path = folder / f"{[*COLUMNS][seed % len(COLUMNS)]}.csv"
    path.write_bytes(spoilt(path.read_bytes(), rng))
    found = told_or_read(folder)
    if isinstance(found, str):
        assert "\n" not in found
        assert path.name in found or "none of" in found
    else:
        assert found.rows == len(found) + sum(found.excluded.values())
        assert found.frame["age"].between(18, 130).all()


def told_or_read(folder):
    try:
        return task(folder).cohort()
    except ChainwardError as told:
        return str(told)


def spoilt(content, rng):
    """Cut off, a byte or a field changed, a row repeated, or rows mixed."""
    lines = content.split(b"\r\n")
    place, row = int(rng.integers(1, len(content))), int(rng.integers(len(lines)))
    fields = lines[row].split(b",")
    fields[int(rng.integers(len(fields)))] = [b"1e400", b"x", b"", b"99999999999999999999", b"-1"][int(rng.integers(5))]
    return (
        content[:place],
        content[:place] + bytes([int(rng.integers(256))]) + content[place + 1 :],
        b"\r\n".join([*lines[:row], b",".join(fields), *lines[row + 1 :]]),
        b"\r\n".join([*lines[: row + 1], *lines[row:]]),
        b"\r\n".join([lines[0], *reversed(lines[1:])]),
    )[int(rng.integers(5))]


def test_broken_archives_are_named(made, tmp_path):
    folder = few(tmp_path)
    content = gzip.compress((folder / "death.csv").read_bytes() * 100)
    (folder / "death.csv").unlink()
    for broken in (content[:-40], b"no archive"):
        (folder / "death.csv.gz").write_bytes(broken)
        with pytest.raises(ChainwardError, match=r"death\.csv\.gz: .*write the table again"):
            task(folder).cohort()
    (folder / "death.csv.gz").unlink()
    assert (task(folder).requires() or "").endswith("no death (.csv, .csv.gz, .parquet); export it too")
    pytest.importorskip("pyarrow")
    (folder / "death.parquet").write_bytes(b"no table")
    with pytest.raises(ChainwardError, match=r"death\.parquet: .*write the table again"):
        task(folder).cohort()


def test_what_is_lacking_is_said_in_a_line(made, tmp_path, monkeypatch):
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    assert (tasks.load("omop", folder="nowhere").requires() or "").startswith("nowhere: no OMOP extract")
    with pytest.raises(DataMissing, match="nowhere"):
        tasks.load("omop", folder="nowhere").cohort()
    monkeypatch.setenv("CHAINWARD_DATA", str(made.parent))
    assert tasks.load("omop", folder=made.name).requires() is None
    with pytest.raises(ChainwardError, match=r"none of 1 visits can be used \(1: visit is of no concept"):
        task(few(tmp_path), visits=[8717]).cohort()


@pytest.mark.parametrize("field", [{"visits": []}, {"visits": [0]}, {"which": "last"}, {"hours": -1}, {"days": 0.5}])
def test_fields_are_strict(field):
    with pytest.raises(BadParameter, match=next(iter(field))):
        tasks.load("omop", **field)


def test_the_published_layout_is_read():
    """Rows of MIMIC-IV's conversion, whose admissions are of its own concepts."""
    layout = tasks.load("omop", folder="omop_schema", visits=list(omop.MIMIC_IV), which="all")
    if lacking := layout.requires():
        pytest.skip(lacking)
    cohort = layout.cohort()
    assert (cohort.rows, len(cohort), cohort.labels.sum()) == (68, 19, 0)
    assert cohort.names == (omop.UNKNOWN,)
    assert len(set(cohort.identities.tolist())) == 10
    assert -1 in cohort.frame["measurement 3012501"].tolist()  # a base excess
    assert cohort.frame["age"].between(18, 90).all()
    # 101 of 105 diagnoses are dated at the start of the visit that they are coded for: no stay sees its own
    folder = place("omop_schema")
    visits = pd.read_csv(folder / "visit_occurrence.csv").sort_values(["person_id", "visit_start_datetime"])
    visits = visits[visits["visit_source_concept_id"].isin(omop.MIMIC_IV)]
    told = pd.read_csv(folder / "condition_occurrence.csv").merge(visits, on="person_id", suffixes=("", "_now"))
    told = told[told["visit_occurrence_id"] != told["visit_occurrence_id_now"]]
    told = told[told["condition_start_datetime"] < told["visit_start_datetime"]]
    seen = told.groupby("visit_occurrence_id_now")["condition_concept_id"].agg(set).to_dict()
    for row, visit in zip(
        cohort.frame.filter(like="condition ").to_dict("records"), visits["visit_occurrence_id"], strict=True
    ):
        assert {int(name.split()[1]) for name, flag in row.items() if flag} == seen.get(visit, set())


def test_a_trial_learns(made):
    fields = {"folder": str(made)}
    trial = run_whole(Specification(strategy="fedavg", task="omop", seed=0, rounds=15, task_params=fields))
    record = completed(trial.record)
    told = results_of(trial).opener.predictions(record)
    assert len(told.label) == 64
    assert 0.7 < auroc(told.label, told.probability) < 0.98
    assert not any(str(abs(named(person))) in str(record) for person in range(320))
