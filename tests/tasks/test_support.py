"""SUPPORT2: its counts, what leaks, and cells that cannot be."""

import numpy as np
import pandas as pd
import pytest
from references import holds

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import sources, support
from chainward.tasks.delimited import texts
from chainward.tasks.support import Support


@pytest.fixture
def needed():
    if lacking := Support().requires():
        pytest.skip(lacking)


@pytest.mark.usefixtures("needed")
def test_the_task_holds_what_it_declares():
    holds(Support())


@pytest.mark.usefixtures("needed")
def test_sites_are_disease_groups_and_said_to_be():
    cohort = Support().cohort()
    assert dict(zip(cohort.names, np.bincount(cohort.hospitals), strict=True)) == {
        "ARF/MOSF w/Sepsis": 3515,
        "CHF": 1387,
        "COPD": 967,
        "Cirrhosis": 508,
        "Colon Cancer": 512,
        "Coma": 596,
        "Lung Cancer": 908,
        "MOSF w/Malig": 712,
    }
    assert any("pseudo-sites" in note for note in cohort.notes)
    assert "pseudo-sites" in Support.sites
    assert not {"dzgroup", "dzclass"} & set(cohort.frame)


@pytest.mark.usefixtures("needed")
def test_nothing_that_leaks_is_read():
    content = sources.read(support.SUPPORT2, support.FILE)
    there = content.splitlines()[0].decode().split(",")
    assert set(support.LEAKS) < set(there)
    assert not set(support.LEAKS) & set(support.READ)
    assert set(there) == set(support.LEAKS) | set(support.READ) | {"dzclass"}


@pytest.mark.usefixtures("needed")
def test_what_is_missing_and_what_is_repaired():
    cohort = Support().cohort()
    missing = cohort.frame.isna().sum()
    assert missing[["edu", "income", "pafi", "glucose", "race", "meanbp"]].tolist() == [1634, 2982, 2325, 4500, 42, 1]
    assert cohort.repaired == {"alb beyond 0 to 10 g/dL is missing": 2}
    zeros = {name: int((cohort.frame[name] == 0).sum()) for name in ("meanbp", "hrt", "resp")}
    assert zeros == {"meanbp": 51, "hrt": 83, "resp": 65}


def invented(**cells):
    """Two patients as `texts` reads them, the second with these cells."""
    first = {column.name: column.levels[0] if column.levels else "1" for column in support.COLUMNS}
    first |= {"age": "50", "temp": "37", "sod": "140", "ph": "7.4", "dzgroup": "CHF", "hospdead": "0"}
    return pd.DataFrame([first, first | cells], columns=support.READ, dtype=object)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"age": "fifty"}, "column 'age', row 2: 'fifty' is not a number"),
        ({"diabetes": "2"}, "column 'diabetes', row 2: '2' is not one of 0, 1"),
        ({"ca": "maybe"}, "column 'ca', row 2: 'maybe' is not one of no, yes, metastatic"),
        ({"dzgroup": "Flu"}, "column 'dzgroup', row 2: 'Flu' is not one of"),
        ({"hospdead": "2"}, "column 'hospdead', row 2: '2' is not one of 0, 1"),
        ({"hospdead": None}, "has an empty cell"),
        ({"dzgroup": None}, "has an empty cell"),
    ],
)
def test_a_cell_that_cannot_be_is_named(cells, told):
    with pytest.raises(ChainwardError, match=rf"support2\.csv: .*{told}"):
        support.cohort_of(invented(**cells))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "cannot be read as a table"),
        (b"age,sex\n1,2\n", "column 'num.co' is nowhere"),
        (b"age,age\n1,2\n", "column 'age' is twice"),
        (b"age\n1\n2,3,4\n", "column 'sex' is nowhere"),
    ],
)
def test_a_table_that_is_none_is_named(content, told):
    with pytest.raises(ChainwardError, match=rf"support2\.csv: .*{told}"):
        texts(content, support.FILE, support.READ)


def test_a_file_cut_off_or_longer_is_not_the_published_one(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    (tmp_path / "support2").mkdir()
    (tmp_path / "support2" / "support2.csv").write_text("age,sex\n50,male\n", encoding="utf-8")
    with pytest.raises(ChainwardError, match=r"support2\.csv has SHA-256"):
        Support().cohort()


def test_without_the_file_one_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    with pytest.raises(DataMissing, match="chainward data get support"):
        Support().dataset(0)
