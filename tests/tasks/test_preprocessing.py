from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

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
    before = dataset(whole, 3, ())
    rows = np.concatenate([getattr(hospital, part).patients for hospital in before.hospitals])
    after = dataset(changed(whole, rows), 3, ())
    for mine, theirs in zip(before.hospitals, after.hospitals, strict=True):
        assert np.array_equal(mine.train.features, theirs.train.features)
        assert not np.array_equal(getattr(mine, part).features, getattr(theirs, part).features)
    assert before.digest != after.digest


def test_a_training_patient_does_influence_the_others():
    whole = table()
    before = dataset(whole, 3, ())
    after = dataset(changed(whole, before.hospitals[0].train.patients[:1]), 3, ())
    assert not np.array_equal(before.hospitals[1].test.features, after.hospitals[1].test.features)


def test_a_cohort_holds_everyone_once_and_repeats_byte_for_byte():
    whole = table()
    first, again, other = (dataset(whole, seed, ("a note",)) for seed in (0, 0, 1))
    parts = [part for hospital in first.hospitals for part in (hospital.train, hospital.validation, hospital.test)]
    assert sorted(np.concatenate([part.patients for part in parts])) == list(range(200))
    assert first.digest == again.digest != other.digest
    assert first.preprocessing == {"a": 64, "b": 64, "c": 64}
    assert first.notes == ("a note",)
