from __future__ import annotations

import codecs
import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing, Revealing
from chainward.folders import CHECKOUT
from chainward.tasks.cohort import Cohort
from chainward.tasks.csv import Csv
from chainward.tasks.division import BY_TIME, Division
from chainward.tasks.metrics import auroc

HEADER = "id,hospital,ward,age,lactate,diabetes,died"


def patient(number: int) -> list[str]:
    age, lactate = 40 + 7 * number % 45, f"{1 + number % 9 / 4:.2f}"
    ward = ("surgery", "medicine", "")[number % 3]
    return [f"P{number:04}", "ABC"[number % 3], ward, str(age), lactate, ("yes", "no")[number % 2], str(int(age > 60))]


ROWS = [patient(number) for number in range(60)]


@pytest.fixture
def table(tmp_path: Path):
    """Write rows, or text or bytes as they are, and return what loads them."""

    def write(content: Any = ROWS, name: str = "cohort.csv", header: str = HEADER, **params: Any) -> Csv:
        path = tmp_path / name
        if isinstance(content, list):
            content = "\n".join([header, *map(",".join, content)]) + "\n"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        given = {"label": "died", "site": "hospital", "patient": "id", **params}
        found = tasks.load("csv", path=str(path), **{name: value for name, value in given.items() if value})
        assert isinstance(found, Csv)
        return found

    return write


def changed(row: int, column: str, value: str, rows: list[list[str]] = ROWS) -> list[list[str]]:
    place = HEADER.split(",").index(column)
    return [[*one[:place], value, *one[place + 1 :]] if at == row else one for at, one in enumerate(rows)]


def same(one: Cohort, other: Cohort) -> bool:
    """Whether two cohorts hold the same values under the same names."""
    return (
        one.columns == other.columns
        and one.frame.equals(other.frame)
        and one.names == other.names
        and all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("labels", "hospitals"))
    )


# --- a sound table ------------------------------------------------------------------------------------------------


def test_a_sound_table(table) -> None:
    cohort = table().cohort()
    assert [(one.name, one.kind) for one in cohort.columns] == [
        ("ward", "category"),
        ("age", "number"),
        ("lactate", "number"),
        ("diabetes", "flag"),
    ]
    assert (cohort.rows, len(cohort), cohort.excluded, cohort.repaired) == (60, 60, {}, {})
    assert cohort.names == ("A", "B", "C")
    assert cohort.labels.tolist() == [int(row[-1]) for row in ROWS]
    assert cohort.frame["age"].tolist() == [float(row[3]) for row in ROWS]
    assert cohort.frame["diabetes"].tolist() == [float(row[5] == "yes") for row in ROWS]
    assert [value or "" for value in cohort.frame["ward"]] == [row[2] for row in ROWS]
    assert cohort.patients is not None
    assert cohort.patients.tolist() == list(range(60))
    assert not cohort.notes


def test_two_reads_give_one_digest_and_other_values_another(table) -> None:
    first = table().dataset(0).digest
    assert table().dataset(0).digest == first
    assert table(changed(3, "lactate", "9.75")).dataset(0).digest != first


EUROPEAN = "\r\n".join(
    [HEADER.replace(",", ";"), *(";".join([*row[:4], row[4].replace(".", ","), *row[5:]]) for row in ROWS), ""]
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("\n".join([HEADER, *map(",".join, ROWS)]), id="no last line break"),
        pytest.param("\r\n".join([HEADER, *map(",".join, ROWS), ""]), id="Windows"),
        pytest.param("\r".join([HEADER, *map(",".join, ROWS), ""]), id="old Mac"),
        pytest.param("\n".join(["\t".join(row) for row in [HEADER.split(","), *ROWS]]), id="tabs"),
        pytest.param("\n".join(["|".join(row) for row in [HEADER.split(","), *ROWS]]), id="bars"),
        pytest.param(
            "\n".join([", ".join(f'"{cell}"' for cell in row) for row in [HEADER.split(","), *ROWS]]), id="quotes"
        ),
        pytest.param("\n".join([f" {HEADER} ", *(" , ".join(row) for row in ROWS)]), id="blanks"),
        pytest.param(EUROPEAN, id="decimal commas"),
        pytest.param(f"sep=;\r\n{EUROPEAN}", id="Excel's line sep="),
        pytest.param(codecs.BOM_UTF8 + EUROPEAN.encode(), id="Excel's CSV UTF-8"),
        pytest.param("\n".join(["\t".join(row) for row in [HEADER.split(","), *ROWS]]).encode("utf-16"), id="UTF-16"),
        pytest.param(gzip.compress("\n".join([HEADER, *map(",".join, ROWS)]).encode()), id="gzip"),
        pytest.param(f"\n\n{HEADER}\n" + "\n".join(map(",".join, ROWS)), id="blank lines first"),
        pytest.param("\n".join([f"{HEADER},,", *(",".join([*row, "", ""]) for row in ROWS)]), id="empty columns"),
        pytest.param("\n".join([HEADER, *(",".join([*row, "", ""]) for row in ROWS)]), id="empty cells beyond"),
    ],
)
def test_however_it_was_saved_it_is_the_same_table(content: str | bytes, table) -> None:
    found = table(content).cohort()
    assert same(found, table().cohort())
    assert found.rows == len(found)


def test_parquet_is_the_same_table(table, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=HEADER.split(",")).replace("", None)
    typed = frame.astype({"age": float, "lactate": float, "died": int})
    typed["diabetes"] = typed["diabetes"] == "yes"
    typed["ward"] = typed["ward"].astype("category")
    typed.to_parquet(tmp_path / "cohort.parquet", index=False)
    task = tasks.load("csv", path=str(tmp_path / "cohort.parquet"), label="died", site="hospital", patient="id")
    assert same(task.cohort(), table().cohort())


THREADS = """
import os, pathlib, sys
import pandas, pyarrow
from chainward.tasks.parquet import rows_of
before = len(os.listdir("/proc/self/task"))
rows_of(pathlib.Path(sys.argv[1]))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads below /proc")
def test_reading_parquet_starts_no_thread(tmp_path: Path) -> None:
    """Trials are forked, and a fork has none of the threads that its locks wait for."""
    pytest.importorskip("pyarrow")
    import pandas as pd

    pd.DataFrame(ROWS, columns=HEADER.split(",")).to_parquet(tmp_path / "cohort.parquet", index=False)
    command = [sys.executable, "-c", THREADS, str(tmp_path / "cohort.parquet")]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "0"


def test_a_broken_parquet_file_and_cells_that_are_lists(table, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as files

    with pytest.raises(ChainwardError, match=r"cohort.parquet: cannot be read as Parquet"):
        table(b"PAR1 and no more", "cohort.parquet").cohort()
    files.write_table(
        arrow.table({"died": [0, 1], "hospital": ["a", "b"], "codes": [[1], [2]]}), tmp_path / "l.parquet"
    )
    with pytest.raises(ChainwardError, match=r"l.parquet: column 'codes' holds list"):
        tasks.load("csv", path=str(tmp_path / "l.parquet"), label="died", site="hospital").cohort()


def test_reordered_columns_are_the_same_patients(table) -> None:
    order = [6, 2, 0, 5, 4, 3, 1]
    content = [[row[at] for at in order] for row in ROWS]
    found = table(content, header=",".join(HEADER.split(",")[at] for at in order)).cohort()
    frame = table().cohort().frame
    assert found.frame[list(frame.columns)].equals(frame)


def test_another_encoding_is_told(table) -> None:
    content = "\n".join([HEADER, *map(",".join, changed(0, "hospital", "Köln"))])
    cohort = table(content.encode("cp1252")).cohort()
    assert "Köln" in cohort.names
    assert cohort.notes == ("The file was read as Windows-1252.",)
    assert "Köln" in table(content).cohort().names


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (codecs.BOM_UTF8, "is empty"),
        (HEADER.encode(), "has a header and no rows"),
        (b"PK\x03\x04rest", 'is an Excel workbook or an archive, no table of text; save it as "CSV UTF-8"'),
        (b"\xd0\xcf\x11\xe0rest", "is an old Excel workbook"),
        (b"\x1f\x8bno gzip", "cannot be read"),
        ("\n".join([HEADER, *map(",".join, ROWS)]).encode("utf-16")[2:], r"holds a zero byte \(line 1\)"),
        ("\n".join([HEADER, *map(",".join, ROWS)]).encode("utf-16")[:-1], r"is utf-16 that breaks at byte [\d,]+"),
        (
            f"{HEADER}\n".encode() + "Ä".encode() + b"\xc4",
            "is utf-8 that breaks at byte .*cut short or mixes encodings",
        ),
        (f"{HEADER}\nÄ".encode()[:-1], r"is utf-8 that breaks at byte 42 \(line 2\)|breaks at byte"),
        (f"{HEADER}\n".encode() + b"\x81\xff", r"is neither UTF-8 nor Windows-1252 \(byte 43, line 2\)"),
        (f'{HEADER}\n1,"A,x,1,1,yes,1\n', "not read as commas-separated text"),
        ("\n".join([HEADER, *map(",".join, ROWS)])[:-6], "line 61 has 5 cells and the header 7: the file is cut short"),
        ("\n".join([HEADER, ",".join([*ROWS[0], "x"])]), "line 2 has 8 cells and the header 7"),
        (HEADER.replace("age", "ward") + "\n1,A,x,y,1,yes,1", "two columns are called 'ward'; rename one"),
        (HEADER.replace("died", "dead") + "\n1,A,x,1,1,yes,1", "no column 'died'; did you mean 'dead'?"),
        (HEADER.replace("hospital", "x") + "\n1,A,x,1,1,yes,1", "no column 'hospital'; it has id, x, ward"),
        (HEADER.replace("ward", "wa\x1brd") + "\n1,A,x,1,1,yes,1", "a column is called 'wa"),
    ],
)
def test_a_file_that_is_no_such_table_says_what_it_is(content: Any, told: str, table) -> None:
    with pytest.raises(ChainwardError, match=told) as caught:
        table(content).cohort()
    assert "cohort.csv: " in str(caught.value)
    assert "\n" not in str(caught.value)


# --- rows ---------------------------------------------------------------------------------------------------------


def test_rows_are_left_out_by_a_named_reason_and_counted(table) -> None:
    rows = changed(0, "died", "")
    rows = changed(1, "hospital", "NA", rows)
    rows = changed(2, "id", "?", rows)
    rows = [*rows, rows[10], [""] * 7, rows[10]]
    cohort = table(rows).cohort()
    assert cohort.rows == 63
    assert cohort.excluded == {
        "empty row": 1,
        "no label": 1,
        "no hospital": 1,
        "no patient": 1,
        "the same as a row before": 2,
    }
    assert len(cohort) == 57
    assert np.array_equal(cohort.frame["age"], [float(row[3]) for row in ROWS[3:]])


def test_without_patients_numbers_equal_rows_stay_and_a_note_says_so(table) -> None:
    rows = [row[1:] for row in [*ROWS, ROWS[4]]]
    cohort = table(rows, header=HEADER.removeprefix("id,"), patient=None).cohort()
    twins = len(rows) - len({tuple(row) for row in rows})
    assert len(cohort) == 61
    assert any(note.startswith(f"{twins} rows equal another one") for note in cohort.notes)
    assert cohort.patients is None


def test_rows_of_one_patient_are_in_one_part(table) -> None:
    rows = [[f"P{number // 3}", *row[1:]] for number, row in enumerate(ROWS)]
    task = table(rows)
    numbers = task.cohort().patients
    assert numbers is not None
    assert numbers.tolist() == [number // 3 for number in range(60)]
    dataset = task.dataset(0)
    parts = [
        {int(one) for hospital in dataset.everyone for one in getattr(hospital, part).patients}
        for part in ("train", "validation", "test")
    ]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 20


def test_nobody_is_left(table) -> None:
    with pytest.raises(ChainwardError, match=r"cohort.csv: no row is left \(no label: 60\)"):
        table([[*row[:-1], ""] for row in ROWS]).cohort()


# --- labels -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("no", "yes", "positive"),
    [
        ("0", "1", None),
        ("0.0", "1.0", None),
        ("no", "yes", None),
        ("No", "YES", None),
        ("n", "y", None),
        ("false", "true", None),
        ("F", "T", None),
        ("alive", "dead", "dead"),
        ("Alive", "Dead", "dead"),
        ("1", "2", "2"),
        ("0", "1", "1"),
        ("1.0", "0", "0"),
    ],
)
def test_labels(no: str, yes: str, positive: str | None, table) -> None:
    rows = [[*row[:-1], yes if row[-1] == "1" else no] for row in ROWS]
    cohort = table(rows, positive=positive).cohort()
    assert cohort.labels.tolist() == [int(row[-1]) for row in ROWS]
    assert not cohort.notes


@pytest.mark.parametrize(
    ("value", "positive", "told"),
    [
        ("2", None, r"column 'died', line 8: '2' is no label: they are 0 or 1 here; name the positive value"),
        ("yes", None, r"column 'died', line 8: 'yes' is no label: they are 0 or 1"),
        ("1", "dead", r"column 'died': no row has the label 'dead'"),
    ],
)
def test_other_labels_are_refused(value: str, positive: str | None, told: str, table) -> None:
    with pytest.raises(ChainwardError, match=rf"cohort.csv: {told}"):
        table(changed(6, "died", value), positive=positive).cohort()


def test_several_values_beside_the_positive_one_are_told(table) -> None:
    rows = changed(0, "died", "home", changed(1, "died", "rehabilitation"))
    cohort = table([[*row[:-1], "dead" if row[-1] == "1" else row[-1]] for row in rows], positive="dead").cohort()
    (note,) = cohort.notes
    assert note == "3 other values of the label died count as 0 (rows: 27, 1, 1): empty those that are no label."
    assert set(cohort.labels.tolist()) == {0, 1}


def test_labels_that_are_all_the_same_are_refused(table) -> None:
    with pytest.raises(ChainwardError, match=r"cohort.csv: column 'died': all labels are the same"):
        table([[*row[:-1], "1"] for row in ROWS]).cohort()


# --- hospitals ----------------------------------------------------------------------------------------------------


def test_hospitals_of_one_class_and_of_one_patient_work(table) -> None:
    rows = [
        *ROWS,
        ["P1", "Alone", "", "50", "1.5", "no", "1"],
        *(["Q" + row[0], "All", *row[2:-1], "1"] for row in ROWS),
    ]
    task = table(rows)
    assert np.bincount(task.cohort().hospitals).tolist() == [20, 60, 1, 20, 20]
    for seed in range(5):
        dataset = task.dataset(seed)
        everyone = sum(len(part) for one in dataset.everyone for part in (one.train, one.validation, one.test))
        assert everyone == 121
        assert all(np.isfinite(one.train.features).all() for one in dataset.everyone)


def test_a_column_of_patients_is_not_taken_for_hospitals(table) -> None:
    with pytest.raises(ChainwardError, match=r"column 'id': 60 hospitals for 60 rows, as if it were patients"):
        table(site="id", patient=None).cohort()


# --- columns ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "2.5", ""], "number", [1, 2.5, np.nan]),
        (["1,5", "2", "-3,25"], "number", [1.5, 2, -3.25]),
        (["1.234,5", "2", "-3,25"], "number", [1234.5, 2, -3.25]),
        (["1,234.5", "2", "NaN"], "number", [1234.5, 2, np.nan]),
        (["1 234,5", "2", "n/a"], "number", [1234.5, 2, np.nan]),
        (["1'234.5", "2", "#N/A"], "number", [1234.5, 2, np.nan]),
        (["1e3", "2.5E-1", "−4"], "number", [1000, 0.25, -4]),
        (["0", "1", ""], "flag", [0, 1, np.nan]),
        (["yes", "No", "-"], "flag", [1, 0, np.nan]),
        (["true", "FALSE", "."], "flag", [1, 0, np.nan]),
        (["red", "blue", "NULL"], "category", ["red", "blue", None]),
        (["none", "unknown", "?"], "category", ["none", "unknown", None]),
    ],
)
def test_what_a_column_is(cells: list[str], kind: str, values: list[Any], table) -> None:
    content = "\n".join(["died;hospital;x", *(f"{at % 2};A;{cells[at % 3]}" for at in range(30))])
    cohort = table(content, patient=None).cohort()
    assert [(one.name, one.kind) for one in cohort.columns] == [("x", kind)]
    if kind == "category":
        assert cohort.frame["x"].tolist() == values * 10
    else:
        assert np.array_equal(cohort.frame["x"], np.array(values * 10, dtype=float), equal_nan=True)


@pytest.mark.parametrize(
    ("separator", "cells", "found"),
    [
        (",", ['"1,234"', '"2,500"'], [1234, 2500]),
        (",", ["1.234", "2.500"], [1.234, 2.5]),
        (";", ["0,123", "2,500"], [0.123, 2.5]),
        (";", ["1.234;0,5", "2.500;0,7"], [1234, 2500]),
        (";", ["1,234;0.5", "2,500;0.7"], [1234, 2500]),
    ],
)
def test_thousands_or_decimals_is_told_by_the_file(separator: str, cells: list[str], found: list[float], table) -> None:
    header = separator.join(["died", "hospital", "x", *("y" for cell in cells[:1] if ";" in cell)])
    content = "\n".join([header, *(separator.join([str(at % 2), "A", cells[at % 2]]) for at in range(30))])
    cohort = table(content, patient=None).cohort()
    assert cohort.frame["x"].tolist() == found * 15
    told = [note for note in cohort.notes if note.startswith("Points part thousands in x")]
    assert bool(told) == (cells[0] == "1.234;0,5")


@pytest.mark.parametrize("cell", ["1,234", "1.234"])
def test_numbers_of_which_nothing_tells_the_decimal_mark_are_refused(cell: str, table) -> None:
    content = "\n".join(["died;hospital;x", *(f"{at % 2};A;{(cell, '2')[at % 2]}" for at in range(30))])
    with pytest.raises(
        Revealing, match=rf"cohort.csv: column 'x', line 2: '{cell}' can be read with either decimal mark"
    ):
        table(content, patient=None).cohort()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("12,5 mg", "is no number, as the rest of it is"),
        ("<5", "is no number, as the rest of it is"),
        ("high", "is no number"),
        ("3,75", "has another decimal mark than the rest of it"),
        ("0x1F", "is no number"),
        ("1_000", "is no number"),
    ],
)
def test_a_cell_that_is_no_number_is_named(value: str, told: str, table) -> None:
    rows = changed(7, "lactate", f'"{value}"')
    with pytest.raises(Revealing, match=rf"cohort.csv: column 'lactate', line 9: '{value}' {told}.*--drop lactate"):
        table(rows).cohort()
    assert "lactate" not in table(rows, drop=["lactate"]).cohort().frame
    named = table(rows, categories=["lactate"]).cohort()
    assert {one.name: one.kind for one in named.columns}["lactate"] == "category"


@pytest.mark.parametrize("value", ["1e16", "-2e15", "1e400", "inf", "-Infinity", "9" * 40])
def test_a_huge_value_is_missing_and_counted(value: str, table) -> None:
    cohort = table(changed(5, "lactate", value)).cohort()
    assert np.isnan(cohort.frame["lactate"][5])
    assert cohort.repaired == {"a number beyond 1e15 or not finite is missing": 1}
    assert np.isfinite(table(changed(5, "lactate", value)).dataset(0).hospitals[0].train.features).all()


def test_a_spreadsheets_error_is_missing_and_counted(table) -> None:
    cohort = table(changed(5, "lactate", "#DIV/0!", changed(9, "ward", "#REF!"))).cohort()
    assert np.isnan(cohort.frame["lactate"][5])
    assert cohort.frame["ward"][9] is None
    assert cohort.repaired == {"a spreadsheet's error in place of a value is missing": 2}


def test_what_nobody_can_learn_from_is_left_out_by_name(table) -> None:
    extra = [
        ("country", lambda at: "CH"),
        ("comment", lambda at: f"free text {at}"),
        ("record", lambda at: str(900_000 - 7 * at)),
        ("born", lambda at: f"19{40 + at % 50}-02-0{1 + at % 9}"),
        ("nothing", lambda at: ""),
    ]
    rows = [[f"R{at}", *patient(at)[1:], *(cell(at) for _, cell in extra)] for at in range(120)]
    cohort = table(rows, header=",".join([HEADER, *(name for name, _ in extra)])).cohort()
    assert [one.name for one in cohort.columns] == ["ward", "age", "lactate", "diabetes"]
    told = " ".join(cohort.notes)
    for name, reason in (
        ("country", "one value in every row"),
        ("comment", "identifiers and free text"),
        ("record", "no two whole numbers alike"),
        ("born", "dates"),
        ("nothing", "no value"),
    ):
        assert any(name in note and reason in note for note in cohort.notes), (name, told)
    assert "CH" not in told.replace("CHF", "")
    assert "free text 1" not in told


def test_a_column_without_a_name_is_left_out(table) -> None:
    rows = [[str(at), *row] for at, row in enumerate(ROWS)]
    cohort = table(rows, header=f",{HEADER}").cohort()
    assert [one.name for one in cohort.columns] == ["ward", "age", "lactate", "diabetes"]
    assert cohort.notes == ("A column without a name is left out.",)


def test_no_column_is_left(table) -> None:
    with pytest.raises(ChainwardError, match=r"cohort.csv: no column is left to learn from"):
        table(drop=["ward", "age", "lactate", "diabetes"]).cohort()


# --- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-{day:02}",
        "2024-03-{day:02} 07:30",
        "2024-03-{day:02}T07:30:00Z",
        "{day:02}.03.2024",
        "03/{day:02}/2024",
        "{day}",
    ],
)
def test_a_split_by_time_tests_the_latest(written: str, table) -> None:
    rows = [[*row, written.format(day=1 + (7 * at) % 28)] for at, row in enumerate(ROWS)]
    task = table(rows, header=f"{HEADER},admitted", time="admitted")
    assert task.has_times
    assert "admitted" not in task.cohort().frame
    dataset = task.dataset(0, Division(BY_TIME))
    for hospital in dataset.hospitals:
        days = {
            part: [1 + (7 * int(one)) % 28 for one in getattr(hospital, part).patients] for part in ("train", "test")
        }
        assert max(days["train"]) <= min(days["test"])


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("soon", r"column 'admitted', line 61: 'soon' is no time as the others are"),
        ("2024-02-30", r"column 'admitted', line 61: '2024-02-30' is no time"),
    ],
)
def test_a_time_that_is_none_is_named(last: str, told: str, table) -> None:
    rows = [[*row, "2024-03-01"] for row in ROWS[:-1]] + [[*ROWS[-1], last]]
    with pytest.raises(Revealing, match=told):
        table(rows, header=f"{HEADER},admitted", time="admitted").cohort()


def test_a_day_that_may_be_a_month_is_refused(table) -> None:
    rows = [[*row, "03/04/2024"] for row in ROWS]
    with pytest.raises(ChainwardError, match="column 'admitted': dates may be day/month/year or month/day/year"):
        table(rows, header=f"{HEADER},admitted", time="admitted").cohort()


def test_a_row_without_a_time_is_left_out_where_times_count(table) -> None:
    rows = [[*row, "2024-03-01" if at else ""] for at, row in enumerate(ROWS)]
    assert table(rows, header=f"{HEADER},admitted", time="admitted").cohort().excluded == {"no time": 1}


def test_without_times_there_is_no_split_by_time(table) -> None:
    assert not table().has_times
    with pytest.raises(ChainwardError, match="has no times"):
        table().dataset(0, Division(BY_TIME))


# --- parameters ---------------------------------------------------------------------------------------------------


def test_a_table_that_is_not_named_or_not_there(tmp_path: Path) -> None:
    assert "name a table and its columns" in str(tasks.load("csv").requires())
    gone = tasks.load("csv", path=str(tmp_path / "gone.csv"), label="died", site="hospital")
    assert "gone.csv: no such file" in str(gone.requires())
    with pytest.raises(DataMissing, match=r"gone.csv: no such file"):
        gone.dataset(0)


def test_a_path_may_start_at_home(table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table()
    monkeypatch.setenv("HOME", str(tmp_path))
    found = tasks.load("csv", path="~/cohort.csv", label="died", site="hospital")
    assert found.requires() is None
    assert len(found.cohort()) == 60


@pytest.mark.parametrize(
    "params",
    [{"label": "x", "site": "x"}, {"label": "x", "site": "y", "drop": ["x"]}, {"site": "y", "patient": "y"}],
)
def test_a_column_is_one_thing(params: dict[str, Any]) -> None:
    with pytest.raises(BadParameter, match="is named for two things"):
        tasks.load("csv", path="x.csv", **params)


def test_a_network_learns_from_what_was_read(table) -> None:
    from sklearn.linear_model import LogisticRegression

    dataset = table().dataset(0)
    features = np.concatenate([one.train.features for one in dataset.hospitals])
    labels = np.concatenate([one.train.labels for one in dataset.hospitals])
    unseen = np.concatenate([one.test.features for one in dataset.hospitals])
    truth = np.concatenate([one.test.labels for one in dataset.hospitals])
    found = auroc(truth, LogisticRegression().fit(features, labels).predict_proba(unseen)[:, 1])
    assert found is not None
    assert found > 0.95
