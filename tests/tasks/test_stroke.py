"""The International Stroke Trial: its counts, its traps, and files that are not what they should be."""

import random
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from references import holds, pooled_auroc

from chainward import tasks
from chainward.errors import BadParameter, ChainwardError, DataMissing
from chainward.folders import CHECKOUT
from chainward.plans import file as plans
from chainward.tasks import sources, stroke
from chainward.tasks.delimited import texts
from chainward.tasks.division import BY_TIME, Division
from chainward.tasks.stroke import Stroke

EVERYBODY = {"hospitals": 466}


@pytest.fixture(scope="module")
def table():
    if lacking := Stroke().requires():
        pytest.skip(lacking)
    return texts(sources.read(stroke.IST, stroke.FILE), stroke.FILE, stroke.READ)


@pytest.fixture
def needed():
    if lacking := Stroke().requires():
        pytest.skip(lacking)


@pytest.mark.usefixtures("needed")
def test_the_task_holds_what_it_declares():
    holds(Stroke())


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("params", "patients", "sites", "prevalence"),
    [
        ({}, 19_435, 466, 0.0916),
        ({"at_least": 50}, 13_099, 118, None),
        ({"at_least": 100}, None, 49, None),
        ({"by": "country"}, 19_435, 36, 0.0916),
        ({"target": "dependent_6_months"}, 19_285, 464, 0.6287),
    ],
)
def test_cohorts_of_any_size(params, patients, sites, prevalence):
    cohort = Stroke(**(EVERYBODY | params)).cohort()
    sizes = np.bincount(cohort.hospitals, minlength=len(cohort.names))
    assert (len(cohort.names), cohort.rows) == (sites, 19_435)
    assert patients in (None, len(cohort))
    assert prevalence is None or abs(cohort.labels.mean() - prevalence) < 0.00005
    assert sizes.min() >= params.get("at_least", 1)
    assert cohort.rows == len(cohort) + sum(cohort.excluded.values())


@pytest.mark.usefixtures("needed")
def test_the_largest_hospitals_are_the_largest_and_few_are_among_many():
    twenty, many = Stroke().cohort(), Stroke(hospitals=30).cohort()
    sizes = np.bincount(twenty.hospitals)
    assert sorted(sizes)[-3:] == [296, 305, 524]
    assert set(twenty.names) < set(many.names)
    assert np.bincount(many.hospitals).min() <= sizes.min() == 154  # hospitals 33 and 81 have as many
    assert {"hospital 33", "hospital 81"} <= set(twenty.names)
    numbers = [int(name.split()[1]) for name in twenty.names]
    assert all(one < other for one, other in pairwise(numbers))
    assert twenty.excluded == {"not at one of the 20 largest hospitals": 19_435 - 4_801}


@pytest.mark.usefixtures("needed")
def test_the_figures_of_everybody():
    assert pooled_auroc(Stroke(hospitals=466).cohort()) == pytest.approx(0.808, abs=0.015)
    assert pooled_auroc(Stroke("dependent_6_months", hospitals=466).cohort()) == pytest.approx(0.798, abs=0.015)


def test_only_what_was_known_at_randomisation_is_a_feature():
    names = [column.name for column in stroke.COLUMNS]
    assert len(names) == 22
    assert set(stroke.READ) - set(names) == {"HOSPNUM", "COUNTRY", "RDATE", "ID14", "OCCODE"}
    assert all(name.startswith("R") or name in {"SEX", "AGE", "STYPE"} for name in names)
    assert "RDATE" not in names


@pytest.mark.usefixtures("needed")
def test_traps_of_the_source(table):
    cohort = Stroke(hospitals=466).cohort()
    missing = cohort.frame.isna().sum()
    assert missing[missing > 0].to_dict() == {"RATRIAL": 984, "RHEP24": 344, "RASP3": 984}
    assert (cohort.frame["RDEF5"] == "C").sum() == 3_945
    assert (table["RXHEP"] == "H").sum() == 245 == cohort.repaired["RXHEP = H is M"]
    assert (cohort.frame["RXHEP"] == "M").sum() == 4_611 + 245
    assert set(cohort.frame["RCONSC"]) == {"F", "D", "U"}
    assert len(cohort.notes) >= 6


def test_an_empty_cell_is_missing_and_the_word_na_is_a_word():
    frame = texts(b'one,two\n"",NA\nNA,\n', "file", ("two", "one"))
    assert frame.values.tolist() == [["NA", None], [None, "NA"]]


@pytest.mark.parametrize("written", [b"pa\x9f-92", "paź-92".encode(), b"pa?-92", b"pa-92"])
def test_october_is_read_whatever_became_of_its_letter(written):
    frame = texts(b"RDATE\n" + written + b"\nsty-91\ngru-95\n", stroke.FILE, ("RDATE",))
    assert stroke._months(frame).tolist() == ["1992-10", "1991-01", "1995-12"]


def test_a_date_that_is_none_names_column_and_row():
    with pytest.raises(ChainwardError, match=r"IST_corrected\.csv: column 'RDATE', row 2: 'Jan-91' is not a month"):
        stroke._months(pd.DataFrame({"RDATE": ["sty-91", "Jan-91"]}))


@pytest.mark.usefixtures("needed")
def test_time_goes_from_january_1991_to_may_1996_and_splits():
    task = Stroke()
    times = task.cohort().times
    assert str(times.min()).startswith("1991-01")
    assert str(times.max()).startswith("1996-05")
    assert task.has_times
    assert task.refuses(Division(split=BY_TIME)) is None
    assert len(task.dataset(0, Division(split=BY_TIME)).hospitals) == 20


def test_a_sound_copy_with_other_quotes_encoding_order_and_line_ends_is_the_same(table, monkeypatch):
    """As another program would save it: a mark, quotes everywhere, its own letter, columns turned round."""
    turned = table[list(reversed(table.columns))].copy()
    turned["RDATE"] = turned["RDATE"].str.replace("pa?", "paź")
    resaved = turned.to_csv(index=False, quoting=1, lineterminator="\r\n", encoding="utf-8").encode("utf-8-sig")
    before = Stroke().dataset(2).digest
    monkeypatch.setattr(sources, "read", lambda source, name: resaved)
    assert Stroke().dataset(2).digest == before


def mangled(table, kind, draw):
    """The table as text with one mistake, and what must be named where one can say."""
    text = table.to_csv(index=False)
    lines = text.splitlines()
    column = draw.choice(stroke.READ)
    row = draw.randrange(1, len(lines))
    if kind == "no column":
        return table.drop(columns=column).to_csv(index=False), column
    if kind == "a column twice":
        return pd.concat([table, table[[column]]], axis=1).to_csv(index=False), column
    if kind == "empty":
        return draw.choice(["", "\n", " "]), "IST_corrected"
    if kind == "truncated":
        return "\n".join(lines[:row])[:-3], "SHA-256|row|column"
    if kind == "a row twice":
        return "\n".join([*lines, lines[row]]), "SHA-256"
    if kind == "one more cell":
        return "\n".join([*lines[:row], lines[row] + ",1,2", *lines[row + 1 :]]), "cannot be read|SHA-256"
    changed = table.copy()
    place = draw.randrange(len(changed))
    changed.loc[place, column] = {"no number": "many", "huge": "9" * 30, "wrong bytes": "\x00\x9d"}[kind]
    return changed.to_csv(index=False), "SHA-256|RDATE"


KINDS = ("no column", "a column twice", "empty", "truncated", "a row twice", "one more cell")


@pytest.mark.parametrize("kind", [*KINDS, "no number", "huge", "wrong bytes"])
def test_a_file_that_is_not_the_published_one_is_refused_in_one_line(table, monkeypatch, kind):
    draw = random.Random(kind)
    for _ in range(8):
        few = table.iloc[: draw.randrange(5, 60)].reset_index(drop=True)
        text, told = mangled(few, kind, draw)
        monkeypatch.setattr(sources, "read", lambda source, name, text=text: text.encode("latin-1"))
        with pytest.raises(ChainwardError, match=told) as caught:
            Stroke().cohort()
        assert str(caught.value).startswith("IST_corrected.csv: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("AGE", "old", "column 'AGE', row 3: 'old' is not a number"),
        ("AGE", "inf", "column 'AGE', row 3: 'inf' is not a number"),
        ("RCT", "y", "column 'RCT', row 3: 'y' is not one of N, Y"),
        ("STYPE", "NA", "column 'STYPE', row 3: 'NA' is not one of TACS, PACS"),
        ("HOSPNUM", "one", "column 'HOSPNUM', row 3: 'one' is not a number"),
    ],
)
def test_a_cell_that_cannot_be_names_file_column_and_row(column, cell, told):
    frame = invented()
    frame.loc[2, column] = cell
    with pytest.raises(ChainwardError, match=f"IST_corrected.csv: {told}"):
        stroke.cohort_of(frame, Stroke())


def invented():
    """Six patients of two hospitals, as `texts` reads them, with months read."""
    flags = {column.name: ["N", "Y", "N", None, "Y", "N"] for column in stroke.COLUMNS if column.kind == "flag"}
    levels = {column.name: [column.levels[0]] * 6 for column in stroke.COLUMNS if column.kind == "category"}
    numbers = {"RDELAY": list("123456"), "AGE": ["70"] * 6, "RSBP": ["140"] * 6}
    rest = {"HOSPNUM": list("112221"), "COUNTRY": ["UK"] * 6, "RDATE": ["1991-01"] * 6}
    outcome = {"ID14": list("010010"), "OCCODE": list("219034")}
    return pd.DataFrame({**flags, **levels, **numbers, **rest, **outcome}, columns=stroke.READ, dtype=object)


def test_what_is_implausible_is_missing_and_counted():
    frame = invented()
    frame.loc[1, "AGE"], frame.loc[2, "RSBP"] = "700", "-1"
    cohort = stroke.cohort_of(frame, Stroke())
    assert cohort.repaired == {"AGE beyond 16 to 120 a is missing": 1, "RSBP beyond 40 to 350 mm[Hg] is missing": 1}
    assert np.isnan(cohort.frame["AGE"][1])


def test_an_unknown_outcome_is_left_out_by_name():
    cohort = stroke.cohort_of(invented(), Stroke("dependent_6_months"))
    assert cohort.excluded == {"dependent_6_months unknown": 2}
    assert cohort.labels.tolist() == [1, 1, 0, 0]


def test_no_site_large_enough_and_bad_parameters_are_refused():
    with pytest.raises(ChainwardError, match="'at_least': no hospital has 4 patients, the largest 3"):
        stroke.cohort_of(invented(), Stroke(at_least=4))
    for params in ({"hospitals": 0}, {"target": "death"}, {"by": "city"}, {"at_least": "50"}):
        with pytest.raises(BadParameter, match=f"'stroke', parameter '{next(iter(params))}'"):
            tasks.load("stroke", **params)


def test_without_the_file_one_line_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    assert "run `chainward data get stroke`" in Stroke().requires()
    with pytest.raises(DataMissing, match=r"IST_corrected\.csv not found"):
        Stroke().dataset(0)


@pytest.mark.parametrize("name", ["demo", "sensitivity"])
def test_plans_show_it_where_its_file_is_at_hand_and_say_how_to_get_it_where_not(monkeypatch, tmp_path, name):
    path = CHECKOUT / "benchmarks" / f"{name}.toml"
    monkeypatch.setattr(Stroke, "requires", lambda self: None)
    there = plans.read(path, {})
    assert there.left_out == ()
    assert {one.strategy for one in there.specifications() if one.task == "stroke"} >= {"fedavg", "bflc", "blockflow"}
    monkeypatch.undo()
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path)
    without = plans.read(path, {})
    assert "stroke" not in {one.task for one in without.specifications()}
    assert "chainward data get stroke" in "".join(without.left_out)


def test_sites_and_outcome_are_those_that_are_asked_for():
    assert (Stroke().sites, Stroke(by="country").sites) == ("hospitals", "countries")
    assert Stroke().outcome.startswith("death within 14 days")
    assert Stroke(target="dependent_6_months").outcome.startswith("dead or dependent after 6 months")
    assert Stroke().outcome == Stroke.outcome
