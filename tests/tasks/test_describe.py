import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from chainward.report.page.data import page
from chainward.report.tables.data import described
from chainward.tasks import load
from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column, Series
from chainward.tasks.describe import FEWEST, bins, by_chance, describe, hidden, stability_index, total_tells

COLUMNS = (
    Column("age", unit="a", least=0, most=120),
    Column("sex", "flag"),
    Column("kind", "category", levels=("one", "two")),
    Column("admitted", "time"),
)


def cohort(sizes=(40, 40, 20), **changes):
    """Three hospitals: ages 0 to 9 at the first two, of whom one lacks ages; 5 to 14 at the third."""
    sites = np.repeat(np.arange(len(sizes)), sizes)
    number = np.arange(len(sites))
    age = number % 10 + np.where(sites == 2, 5.0, 0.0)
    age[(sites == 1) & (number % 4 == 0)] = np.nan
    frame = pd.DataFrame(
        {
            "age": age,
            "sex": (number % 2).astype(float),
            "kind": np.where(number % 5 == 0, "two", "one").astype(object),
            "admitted": pd.date_range("2020-01-01", periods=len(sites)),
        }
    )
    parts = {"excluded": {"no label": 7, "<b>young</b>": 2}, "rows": len(sites) + 9, **changes}
    names = tuple(f"site {n}" for n in range(len(sizes)))
    return Cohort(COLUMNS, frame, number % 3 == 0, sites, names, **parts)


@dataclass(frozen=True)
class Little(Task):
    key, title, outcome, licence, citation = "little", "A <script>title</script>", "death", "CC0", "Us & Them"
    training = Training("logistic", 0, 0.1, 32, 10)
    rounds = 1

    def cohort(self):
        return cohort()


def test_the_index_by_hand():
    own, others = np.array([30, 10]), np.array([20, 20])
    p, q = 30.5 / 41, 20.5 / 41
    by_hand = (p - q) * math.log(p / q) + ((1 - p) - (1 - q)) * math.log((1 - p) / (1 - q))
    assert stability_index(own, others) == pytest.approx(by_hand)
    assert stability_index(own, others) == pytest.approx(stability_index(others, own))
    assert stability_index(own, own) == 0
    assert math.isfinite(stability_index(np.array([40, 0]), np.array([0, 40])))


def test_what_chance_reaches_is_what_a_simulation_reaches():
    rng = np.random.default_rng(0)
    shares = np.full(10, 0.1)
    drawn = [stability_index(rng.multinomial(300, shares), rng.multinomial(2000, shares)) for _ in range(4000)]
    assert np.quantile(drawn, 0.95) == pytest.approx(by_chance(300, 2000, 10), rel=0.08)


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        (np.arange(100.0), [10] * 10),
        (np.repeat([0.0, 1.0], [95, 5]), [95, 5]),
        (np.repeat([0.0, 1.0], [5, 95]), [5, 95]),
        (np.append(np.repeat([0.0, 1.0], 50), [np.nan] * 3), [50, 50]),
        (np.zeros(5), [5]),
    ],
)
def test_bins_are_deciles_and_equal_values_share_one(values, sizes):
    found = bins(values)
    assert np.bincount(found[found >= 0]).tolist() == sizes
    assert ((found == -1) == np.isnan(values)).all()


def test_of_nothing_there_are_no_bins():
    assert bins(np.array([np.nan, np.nan])).tolist() == [-1, -1]
    assert bins(np.array([])).tolist() == []


def test_counts_by_hospital_and_column():
    found = describe(cohort())
    assert [column.name for column in found.columns] == ["age", "sex", "kind"]
    assert found.rows.tolist() == found.patients.tolist() == [40, 40, 20]
    assert found.positives.tolist() == [14, 13, 7]
    assert found.missing.tolist() == [[0, 0, 0], [10, 0, 0], [0, 0, 0]]
    assert np.isfinite(found.drift).all()
    assert found.drift[2, 0] > found.chance[2, 0]
    assert (found.drift[:, 1:] < found.chance[:, 1:]).all()


def test_drift_by_hand_of_a_category():
    found = describe(cohort())
    own, others = np.array([32, 8]), np.array([48, 12])
    assert found.drift[0, 2] == pytest.approx(stability_index(own, others))


def test_several_rows_of_one_patient_count_once():
    found = describe(cohort(patients=np.arange(100) // 4))
    assert found.rows.tolist() == [40, 40, 20]
    assert found.patients.tolist() == [10, 10, 5]


def test_a_series_is_missing_where_it_was_never_measured_and_drifts_by_its_mean():
    values = np.full((100, 3, 1), np.nan, dtype=np.float32)
    values[:80, 1, 0] = np.arange(80) % 10
    found = describe(cohort(series=Series((Column("pulse"),), values)))
    assert found.columns[-1].name == "pulse"
    assert found.missing[:, -1].tolist() == [0, 0, 20]
    assert np.isnan(found.drift[2, -1])
    assert found.drift[0, -1] < found.chance[0, -1]


@pytest.mark.parametrize("sizes", [(100, 0, 0), (96, 3, 1), (100,)])
def test_hospitals_of_nobody_of_few_and_alone(sizes):
    found = describe(cohort(sizes))
    assert found.rows.tolist() == list(sizes)
    assert np.isnan(found.drift[1:]).all()
    text = page(described(Little(), cohort(sizes)))
    assert all(f"site {place}" in text for place in range(len(sizes)))


@pytest.mark.parametrize(
    ("counts", "unseen"),
    [
        ([0, 5, 9], [0, 0, 0]),
        ([3, 4, 9], [1, 1, 1]),  # the two would sum to 7
        ([3, 4, 4, 9], [1, 1, 1, 0]),
        ([4, 4, 4, 8, 9], [1, 1, 1, 1, 0]),  # each would be a third of 12
        ([3, 7, 9, 0], [1, 1, 0, 0]),
        ([4, 6, 6, 0], [1, 1, 1, 0]),  # no hidden one is larger than one told, so 4 is 10 - 6
        ([1, 5, 9], [1, 1, 1]),
        ([52, 1, 1], [1, 1, 1]),
        ([0, 1, 1, 53], [0, 1, 1, 1]),
        ([1, 0, 0], [1, 0, 0]),
    ],
)
def test_a_small_count_is_hidden_and_cannot_be_worked_out(counts, unseen):
    assert hidden(np.array(counts)).tolist() == [bool(one) for one in unseen]


def test_no_small_count_follows_from_what_is_told_and_the_total():
    """Every way to fill in what is hidden that agrees with the words, the total and the order is tried."""
    for sizes in itertools.product(range(8), repeat=4):
        cannot_be_worked_out(np.array(sizes))


def cannot_be_worked_out(counts):
    unseen = hidden(counts)
    if not unseen.any() or total_tells(counts):
        assert (counts[~unseen & (counts > 0)] >= FEWEST).all()
        return
    told = counts[~unseen & (counts > 0)]
    most = told.min() if len(told) else counts.sum()
    ranges = [range(1, FEWEST) if count < FEWEST else range(FEWEST, most + 1) for count in counts[unseen]]
    ways = [way for way in itertools.product(*ranges) if sum(way) == counts[unseen].sum()]
    small = [
        set(column) for column, count in zip(zip(*ways, strict=True), counts[unseen], strict=True) if count < FEWEST
    ]
    assert all(len(one) > 1 for one in small)


def test_where_all_is_hidden_a_total_that_tells_is_hidden_too():
    assert total_tells(np.array([1, 1, 0]))
    assert total_tells(np.array([4, 4]))
    assert not total_tells(np.array([52, 1, 1]))
    assert not total_tells(np.array([9, 9]))


def test_two_single_patients_beside_a_large_hospital_cannot_be_worked_out():
    """Of 117, 40 and 40 patients 52, 1 and 1 have an empty cell: 54 - 52 would be two hospitals of one each."""
    empty = np.concatenate([np.arange(117) < 52, np.arange(40) < 1, np.arange(40) < 1])
    one = cohort((117, 40, 40))
    one.frame["age"] = np.where(empty, np.nan, 50.0)
    found = described(Little(), one)
    assert found["columns"][0]["missing"] == pytest.approx(54 / 197, abs=1e-4)
    assert [hospital["missing"]["age"] for hospital in found["hospitals"]] == ["hidden", "< 5", "< 5"]


def test_heart_tells_no_single_missing_heart_rate():
    heart = load("heart")
    if lacking := heart.requires():
        pytest.skip(lacking)
    found = described(heart, heart.cohort())
    told = {hospital["name"]: hospital["missing"]["thalach"] for hospital in found["hospitals"]}
    assert told == {"Cleveland": 0, "Hungary": "< 5", "Switzerland": "< 5", "VA Long Beach": "hidden"}


def test_rows_read_do_not_tell_how_many_a_reason_left_out():
    alone = cohort(excluded={"no label": 2}, rows=102)
    assert described(Little(), alone)["rows"]["read"] == "hidden"
    assert "102" not in page(described(Little(), alone))
    many = cohort(excluded={"no label": 7}, rows=107)
    assert described(Little(), many)["rows"]["read"] == 107


def test_what_is_told_holds_no_small_count():
    found = described(Little(), cohort((40, 57, 3)))
    told = {hospital["name"]: hospital for hospital in found["hospitals"]}
    assert [hospital["name"] for hospital in found["hospitals"]] == ["site 1", "site 0", "site 2"]
    assert told["site 2"]["rows"] == "< 5"
    assert told["site 0"]["rows"] == "hidden"  # or 100 - 57 - 40 would tell
    assert told["site 1"]["rows"] == 57
    assert isinstance(told["site 2"]["prevalence"], str)
    assert set(told["site 2"]["missing"].values()) <= {"< 5", "hidden"}
    assert found["excluded"] == {"no label": 7, "<b>young</b>": "< 5"}
    assert found["rows"] == {"read": "hidden", "kept": 100, "positive": 34}


def test_a_page_escapes_what_comes_from_outside():
    text = page(described(Little(), cohort()))
    assert "<script" not in text
    assert "&lt;script&gt;title" in text
    assert "<b>young" not in text
    assert "Us &amp; Them" in text
    assert text == page(described(Little(), cohort()))


def test_many_hospitals_are_all_in_the_numbers_and_the_largest_on_the_page():
    task = load("synthetic", hospitals=150, patients=20, size_skew=0.5)
    found = described(task, task.cohort())
    assert len(found["hospitals"]) == 150
    text = page(found)
    assert "The 100 largest of 150" in text
    assert len(text) < 400_000


def test_no_hospital_drifts_in_patients_of_one_law():
    """Bold cells are chance: one in twenty."""
    found = describe(load("synthetic", hospitals=40, patients=200).cohort())
    assert 0.02 < (found.drift > found.chance).mean() < 0.09
