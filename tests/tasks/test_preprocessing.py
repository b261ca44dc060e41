from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainward.errors import ChainwardError
from chainward.tasks import partition
from chainward.tasks.base import BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, SPLITS
from chainward.tasks.preprocessing import Column, Table, dataset, prepare, summarise

COLUMNS = (Column("age"), Column("stage", levels=(1, 2, 3)), Column("marker"))
NUMBERS = [0, 2]


@st.composite
def hospitals(draw):
    """Up to four hospitals' values, any of them missing."""
    number = st.floats(-1e3, 1e3, width=32) | st.just(np.nan)
    level = st.sampled_from([1.0, 2.0, 3.0, np.nan])
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=4))
    return [
        np.column_stack(
            [
                draw(arrays(np.float64, size, elements=number)),
                draw(arrays(np.float64, size, elements=level)),
                draw(arrays(np.float64, size, elements=number)),
            ]
        )
        for size in sizes
    ]


@settings(max_examples=80, deadline=None)
@given(hospitals())
def test_combined_summaries_are_the_pooled_statistics(parts):
    pooled = np.concatenate(parts)
    preparation = prepare(COLUMNS, [summarise(COLUMNS, part) for part in parts])
    assert preparation.indicated.tolist() == np.isnan(pooled).any(axis=0).tolist()
    for position, column in enumerate(NUMBERS):
        seen = pooled[~np.isnan(pooled[:, column]), column]
        mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, 1.0)
        assert preparation.mean[position] == pytest.approx(mean, abs=1e-9)
        if deviation > 1e-3 * max(1.0, abs(mean)):
            assert preparation.deviation[position] == pytest.approx(deviation, rel=1e-6)
        else:
            assert preparation.deviation[position] > 0


@settings(max_examples=40, deadline=None)
@given(hospitals())
def test_features_are_finite_and_named(parts):
    preparation = prepare(COLUMNS, [summarise(COLUMNS, part) for part in parts])
    features = preparation.apply(np.concatenate(parts))
    assert features.shape == (sum(map(len, parts)), len(preparation.names))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_features_of_a_patient_by_hand():
    values = np.array([[10.0, 1.0, 5.0], [20.0, np.nan, np.nan], [30.0, 3.0, 5.0]])
    preparation = prepare(COLUMNS, [summarise(COLUMNS, values[:1]), summarise(COLUMNS, values[1:])])
    assert preparation.names == ("age", "marker", "stage=1", "stage=2", "stage=3", "stage missing", "marker missing")
    edge = np.sqrt(1.5)
    assert preparation.apply(values) == pytest.approx(
        np.array([[-edge, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1], [edge, 0, 0, 0, 1, 0, 0]]), abs=1e-6
    )


def test_a_hospital_discloses_counts_and_sums_only():
    summary = summarise(COLUMNS, np.ones((500, 3)))
    assert summary.nbytes == 8 * (1 + 3 + 2 + 2)
    assert (summary.patients, summary.total.tolist()) == (500, [500.0, 500.0])


def table(rows=200):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 3))
    values[:, 1] = rng.integers(1, 4, size=rows)
    values[rng.random((rows, 3)) < 0.1] = np.nan
    return Table(COLUMNS, values, rng.integers(0, 2, rows), rng.integers(0, 3, rows), ("a", "b", "c"))


def changed(whole, rows):
    values = whole.values.copy()
    values[np.ix_(rows, NUMBERS)] = 1e6
    return replace(whole, values=values)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_patients_who_do_not_train_never_influence_those_who_do(part):
    whole = table()
    before = dataset(whole, 3, BY_PATIENT, ())
    rows = np.concatenate([getattr(hospital, part).patients for hospital in before.hospitals])
    after = dataset(changed(whole, rows), 3, BY_PATIENT, ())
    for mine, theirs in zip(before.hospitals, after.hospitals, strict=True):
        assert np.array_equal(mine.train.features, theirs.train.features)
        assert not np.array_equal(getattr(mine, part).features, getattr(theirs, part).features)
    assert before.digest != after.digest


def test_a_training_patient_does_influence_the_others():
    whole = table()
    before = dataset(whole, 3, BY_PATIENT, ())
    after = dataset(changed(whole, before.hospitals[0].train.patients[:1]), 3, BY_PATIENT, ())
    assert not np.array_equal(before.hospitals[1].test.features, after.hospitals[1].test.features)


def test_a_cohort_holds_everyone_once_and_repeats_byte_for_byte():
    whole = table()
    first, again, other = (dataset(whole, seed, BY_PATIENT, ("a note",)) for seed in (0, 0, 1))
    parts = [part for hospital in first.hospitals for part in (hospital.train, hospital.validation, hospital.test)]
    assert sorted(np.concatenate([part.patients for part in parts])) == list(range(200))
    assert first.digest == again.digest != other.digest
    assert first.preprocessing == {"a": 64, "b": 64, "c": 64}
    assert first.notes == ("a note",)


def in_hospitals(sizes):
    """A table with so many patients at each hospital, half of them positive."""
    hospitals = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(hospitals)
    values = np.random.default_rng(1).normal(size=(rows, 3))
    values[:, 1] = 1
    return Table(COLUMNS, values, np.arange(rows) % 2, hospitals, tuple("abcdefgh"[: len(sizes)]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(0, 9), st.sampled_from(SPLITS))
def test_who_has_a_training_patient_takes_part_and_who_has_none_is_outside(sizes, seed, split):
    whole = in_hospitals(sizes)
    if not partition.split(whole.hospitals, whole.labels, seed, split).train.size:
        with pytest.raises(ChainwardError, match="no hospital has a training patient"):
            dataset(whole, seed, split, ())
        return
    found = dataset(whole, seed, split, ())
    assert sorted(hospital.name for hospital in found.everyone) == list("abcdefgh"[: len(sizes)])
    assert all(len(hospital.train) for hospital in found.hospitals)
    assert not any(len(hospital.train) + len(hospital.validation) for hospital in found.outside)
    assert set(found.preprocessing) == {hospital.name for hospital in found.hospitals}
    for hospital in found.outside:
        assert any(hospital.name in note for note in found.notes)
    rows = [part.patients for one in found.everyone for part in (one.train, one.validation, one.test)]
    assert sorted(np.concatenate(rows)) == list(range(sum(sizes)))


@pytest.mark.parametrize("seed", range(6))
def test_a_hospital_left_out_is_tested_whole_and_moves_nothing(seed):
    whole = in_hospitals([40, 20, 60])
    found = dataset(whole, seed, LEAVE_ONE_HOSPITAL_OUT, ("a note",))
    (left,) = found.outside
    assert left.name == "abc"[seed % 3]
    assert left.test.patients.tolist() == np.flatnonzero(whole.hospitals == seed % 3).tolist()
    assert [len(hospital.test) for hospital in found.hospitals] == [0, 0]
    assert [len(hospital.validation) for hospital in found.hospitals] == [
        len(hospital.train) // 9 for hospital in found.hospitals
    ]
    assert sum(len(hospital.validation) for hospital in found.hospitals) == (120 - len(left.test)) / 10
    assert found.notes == ("a note", f"{left.name} has no training patient in this seed and sits out.")
    after = dataset(changed(whole, left.test.patients), seed, LEAVE_ONE_HOSPITAL_OUT, ("a note",))
    assert after.digest != found.digest
    for mine, theirs in zip(found.hospitals, after.hospitals, strict=True):
        assert np.array_equal(mine.train.features, theirs.train.features)


def test_more_seeds_than_hospitals_draw_other_validation_patients():
    first, later = (dataset(in_hospitals([30, 20, 25]), seed, LEAVE_ONE_HOSPITAL_OUT, ()) for seed in (1, 4))
    assert np.array_equal(first.outside[0].test.patients, later.outside[0].test.patients)
    drawn = [
        np.concatenate([hospital.validation.patients for hospital in one.hospitals]).tolist() for one in (first, later)
    ]
    assert drawn[0] != drawn[1]


def test_many_who_sit_out_are_named_as_far_as_one_can_read():
    table = Table(
        COLUMNS, np.ones((60, 3)), np.tile([0, 1], 30), np.arange(60), tuple(f"hospital {n}" for n in range(60))
    )
    first = dataset(table, 0, BY_PATIENT, ())
    (note,) = first.notes
    assert len(first.outside) == 12
    assert all(hospital.name in note for hospital in first.outside)
    two = Table(COLUMNS, table.values[:2], table.labels[:2], np.arange(2), tuple(f"hospital {n}" for n in range(60)))
    (note,) = dataset(two, 4, BY_PATIENT, ()).notes
    named = ", ".join(f"hospital {n}" for n in range(2, 22))
    assert note == f"{named} and 38 more have no training patient in this seed and sit out."
