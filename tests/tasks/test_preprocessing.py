from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainward.errors import ChainwardError
from chainward.tasks import splits
from chainward.tasks.cohort import Cohort, Column, Series
from chainward.tasks.divide import divide
from chainward.tasks.division import BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, PER_HOSPITAL, SPLITS, Division
from chainward.tasks.encoding import encode
from chainward.tasks.preprocessing import prepare, summarise
from chainward.tasks.sketches import limits, sketched

COLUMNS = (Column("age"), Column("stage", "category", levels=("1", "2", "3")), Column("marker"))
NUMBERS = [0, 2]


def cohort_of(values, labels=None, hospitals=None, names=("a",), columns=COLUMNS, **more):
    """A cohort of values [n, c], where a category's numbers are its texts."""
    frame = pd.DataFrame(values, columns=[column.name for column in columns])
    for column in columns:
        if column.kind == "category":
            texts = [None if np.isnan(value) else f"{value:g}" for value in frame[column.name]]
            frame[column.name] = pd.Series(texts, dtype=object)
    labels = np.zeros(len(frame)) if labels is None else labels
    hospitals = np.zeros(len(frame), dtype=np.int64) if hospitals is None else hospitals
    return Cohort(columns, frame, labels, hospitals, tuple(names), rows=len(frame), **more)


def encoded_of(values):
    return encode(cohort_of(values))


def prepared(parts):
    """How hospitals with values [n, c] each prepare theirs together."""
    own = [encoded_of(part) for part in parts]
    within = limits(own[0], [sketched(part) for part in own])
    return prepare(own[0], within, [summarise(part, within) for part in own])


def dataset(cohort, seed, split, **division):
    return divide(cohort, seed, Division(split, **division))


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
    preparation = prepared(parts)
    assert preparation.indicated.tolist() == np.isnan(pooled).any(axis=0).tolist()
    for position, column in enumerate(NUMBERS):
        seen = pooled[~np.isnan(pooled[:, column]), column]
        mean, deviation = (seen.mean(), seen.std()) if len(seen) else (0.0, np.inf)
        assert preparation.mean[position] == pytest.approx(mean, abs=1e-9)
        if deviation > 1e-3 * max(1.0, abs(mean)):
            assert preparation.deviation[position] == pytest.approx(deviation, rel=1e-6)
        else:
            assert preparation.deviation[position] > 0


@settings(max_examples=40, deadline=None)
@given(hospitals())
def test_features_are_finite_and_named(parts):
    preparation, everyone = prepared(parts), encoded_of(np.concatenate(parts))
    features = preparation.apply(everyone)
    assert features.shape == (sum(map(len, parts)), len(preparation.names(everyone)))
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_features_of_a_patient_by_hand():
    values = np.array([[10.0, 1.0, 5.0], [20.0, np.nan, np.nan], [30.0, 3.0, 5.0]])
    preparation, encoded = prepared([values[:1], values[1:]]), encoded_of(values)
    assert preparation.names(encoded) == (
        "age",
        "marker",
        "stage=1",
        "stage=2",
        "stage=3",
        "stage missing",
        "marker missing",
    )
    edge = np.sqrt(1.5)
    assert preparation.apply(encoded) == pytest.approx(
        np.array([[-edge, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1], [edge, 0, 0, 0, 1, 0, 0]]), abs=1e-6
    )


def test_a_hospital_discloses_counts_and_sums_only():
    encoded = encoded_of(np.ones((500, 3)))
    summary = summarise(encoded, limits(encoded, [sketched(encoded)]))
    assert summary.kinds == {"counts": 8 * (1 + 3), "sums": 8 * (2 + 2)}
    assert (summary.patients, summary.numbers.total.tolist()) == (500, [500.0, 500.0])


def table(rows=200):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 3))
    values[:, 1] = rng.integers(1, 4, size=rows)
    values[rng.random((rows, 3)) < 0.1] = np.nan
    return cohort_of(values, rng.integers(0, 2, rows), rng.integers(0, 3, rows), ("a", "b", "c"))


def changed(whole, rows):
    frame = whole.frame.copy()
    for column in whole.columns:
        frame.loc[frame.index[rows], column.name] = None if column.kind == "category" else 1e6
    return replace(whole, frame=frame)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_patients_who_do_not_train_never_influence_those_who_do(part):
    whole = table()
    before = dataset(whole, 3, BY_PATIENT)
    rows = np.concatenate([getattr(hospital, part).patients for hospital in before.hospitals])
    after = dataset(changed(whole, rows), 3, BY_PATIENT)
    for mine, theirs in zip(before.hospitals, after.hospitals, strict=True):
        assert np.array_equal(mine.train.features, theirs.train.features)
        assert not np.array_equal(getattr(mine, part).features, getattr(theirs, part).features)
    assert before.digest != after.digest


def test_a_training_patient_does_influence_the_others():
    whole = table()
    before = dataset(whole, 3, BY_PATIENT)
    after = dataset(changed(whole, before.hospitals[0].train.patients[:1]), 3, BY_PATIENT)
    assert not np.array_equal(before.hospitals[1].test.features, after.hospitals[1].test.features)


def test_a_cohort_holds_everyone_once_and_repeats_byte_for_byte():
    whole = replace(table(), notes=("a note",))
    first, again, other = (dataset(whole, seed, BY_PATIENT) for seed in (0, 0, 1))
    parts = [part for hospital in first.hospitals for part in (hospital.train, hospital.validation, hospital.test)]
    assert sorted(np.concatenate([part.patients for part in parts])) == list(range(200))
    assert first.digest == again.digest != other.digest
    assert first.preprocessing == {key: {"counts": 32, "sums": 32} for key in "abc"}
    assert first.notes == ("a note",)


def in_hospitals(sizes):
    """A table with so many patients at each hospital, half of them positive."""
    hospitals = np.repeat(np.arange(len(sizes)), sizes)
    rows = len(hospitals)
    values = np.random.default_rng(1).normal(size=(rows, 3))
    values[:, 1] = 1
    times = np.datetime64("2020-01-01", "s") + np.random.default_rng(2).permutation(rows)
    names = tuple("abcdefgh"[: len(sizes)])
    return cohort_of(values, np.arange(rows) % 2, hospitals, names, times=times, notes=("a note",))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(0, 9), st.sampled_from(SPLITS))
def test_who_has_a_training_patient_takes_part_and_who_has_none_is_outside(sizes, seed, split):
    whole = in_hospitals(sizes)
    if not splits.split(whole.hospitals, whole.labels, seed, split, times=whole.times).train.size:
        with pytest.raises(ChainwardError, match="no hospital has a training patient"):
            dataset(whole, seed, split)
        return
    found = dataset(whole, seed, split)
    assert sorted(hospital.name for hospital in found.everyone) == list("abcdefgh"[: len(sizes)])
    assert all(len(hospital.train) for hospital in found.hospitals)
    assert not any(len(hospital.train) for hospital in found.outside)
    assert set(found.preprocessing) == {hospital.name for hospital in found.hospitals}
    for hospital in found.outside:
        assert any(hospital.name in note for note in found.notes)
    rows = [part.patients for one in found.everyone for part in (one.train, one.validation, one.test)]
    assert sorted(np.concatenate(rows)) == list(range(sum(sizes)))


@pytest.mark.parametrize("seed", range(6))
def test_a_hospital_left_out_is_tested_whole_and_moves_nothing(seed):
    whole = in_hospitals([40, 20, 60])
    found = dataset(whole, seed, LEAVE_ONE_HOSPITAL_OUT)
    (left,) = found.outside
    assert left.name == "abc"[seed % 3]
    assert left.test.patients.tolist() == np.flatnonzero(whole.hospitals == seed % 3).tolist()
    assert [len(hospital.test) for hospital in found.hospitals] == [0, 0]
    assert [len(hospital.validation) for hospital in found.hospitals] == [
        len(hospital.train) // 9 for hospital in found.hospitals
    ]
    assert sum(len(hospital.validation) for hospital in found.hospitals) == (120 - len(left.test)) / 10
    assert found.notes == ("a note", f"{left.name} has no training patient in this seed and sits out.")
    after = dataset(changed(whole, left.test.patients), seed, LEAVE_ONE_HOSPITAL_OUT)
    assert after.digest != found.digest
    for mine, theirs in zip(found.hospitals, after.hospitals, strict=True):
        assert np.array_equal(mine.train.features, theirs.train.features)


def test_more_seeds_than_hospitals_draw_other_validation_patients():
    first, later = (dataset(in_hospitals([30, 20, 25]), seed, LEAVE_ONE_HOSPITAL_OUT) for seed in (1, 4))
    assert np.array_equal(first.outside[0].test.patients, later.outside[0].test.patients)
    drawn = [
        np.concatenate([hospital.validation.patients for hospital in one.hospitals]).tolist() for one in (first, later)
    ]
    assert drawn[0] != drawn[1]


def test_many_who_sit_out_are_named_as_far_as_one_can_read():
    names = tuple(f"hospital {n}" for n in range(60))
    table = cohort_of(np.ones((60, 3)), np.tile([0, 1], 30), np.arange(60), names)
    first = dataset(table, 0, BY_PATIENT)
    (note,) = first.notes
    assert len(first.outside) == 12
    assert all(hospital.name in note for hospital in first.outside)
    two = cohort_of(np.ones((2, 3)), np.arange(2), np.arange(2), names)
    (note,) = dataset(two, 4, BY_PATIENT).notes
    named = ", ".join(f"hospital {n}" for n in range(2, 22))
    assert note == f"{named} and 38 more have no training patient in this seed and sit out."


def test_a_category_without_a_schema_has_the_levels_that_enough_training_patients_have():
    columns = (Column("ward", "category"), Column("age"))
    texts = ["icu"] * 60 + ["ward"] * 60 + ["rare"] * 8
    frame = pd.DataFrame({"ward": texts, "age": np.arange(128.0)})
    hospitals = np.repeat([0, 1], 64)
    whole = Cohort(columns, frame, np.arange(128) % 2, hospitals, ("a", "b"), rows=128)
    found = divide(whole, 0, Division())
    assert found.feature_names == ("age", "ward=icu", "ward=ward")
    told = {name: kinds["levels"] for name, kinds in found.preprocessing.items()}
    # a text and four bytes for its count: a knows icu and ward, b ward and rare
    assert told == {"a": len("icu") + len("ward") + 8, "b": len("ward") + len("rare") + 8}
    rare = np.concatenate(
        [one.train.features[np.isin(one.train.patients, np.arange(120, 128))] for one in found.hospitals]
    )
    assert len(rare)
    assert not rare[:, 1:].any()


def test_a_long_tail_is_held_between_the_quantiles_of_all_training_patients():
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=(1000, 1))
    values[::250] = 1e9
    columns = (Column("lactate", clipped=True),)
    whole = cohort_of(values, np.arange(1000) % 2, np.arange(1000) % 4, "abcd", columns)
    found = divide(whole, 0, Division())
    train = np.concatenate([one.train.features for one in found.hospitals])
    plain = divide(replace(whole, columns=(Column("lactate"),)), 0, Division())
    assert train.max() < 6 < np.concatenate([one.train.features for one in plain.hospitals]).max()
    rows = np.concatenate([one.train.patients for one in found.hospitals])
    highest = np.quantile(values[rows], 0.99)
    held = np.clip(values[rows], None, highest)
    assert np.corrcoef(held[:, 0], train[:, 0])[0, 1] > 0.999
    assert all(0 < kinds["quantile sketches"] < 12 * 1000 for kinds in found.preprocessing.values())


def test_each_hospital_can_prepare_its_own_and_discloses_no_sums():
    whole = table()
    found = dataset(whole, 0, BY_PATIENT, preparation=PER_HOSPITAL)
    for hospital in found.hospitals:
        assert hospital.train.features[:, 0].mean() == pytest.approx(0, abs=0.2)
        observed = hospital.train.features[hospital.train.features[:, 5] == 0]
        assert observed[:, 1].mean() == pytest.approx(0, abs=0.2)
    assert found.preprocessing == {key: {"columns": 3} for key in "abc"}
    far = whole.frame.assign(age=whole.frame["age"] + 1e4 * whole.hospitals)
    moved = dataset(replace(whole, frame=far), 0, BY_PATIENT, preparation=PER_HOSPITAL)
    for mine, theirs in zip(found.hospitals, moved.hospitals, strict=True):
        assert mine.train.features == pytest.approx(theirs.train.features, abs=1e-3)


def test_a_hospital_without_training_patients_cannot_prepare_its_own():
    with pytest.raises(ChainwardError, match=r'c has no training patient .* preparation = "federated"'):
        dataset(in_hospitals([30, 20, 25]), 2, LEAVE_ONE_HOSPITAL_OUT, preparation=PER_HOSPITAL)


def test_a_series_is_standardised_carried_forward_and_says_what_was_measured():
    values = np.full((60, 3, 1), np.nan, dtype=np.float32)
    values[:, 1, 0] = np.arange(60)
    whole = cohort_of(np.ones((60, 3)), np.arange(60) % 2, series=Series((Column("pulse"),), values))
    found = divide(whole, 0, Division())
    assert found.sequence == 3
    (hospital,) = found.hospitals
    features = hospital.train.features.reshape(len(hospital.train), 3, -1)
    names = np.array(found.feature_names).reshape(3, -1)
    assert names[:, 0].tolist() == ["pulse @0", "pulse @1", "pulse @2"]
    assert names[0].tolist()[1] == "pulse measured @0"
    pulse, measured = features[:, :, 0], features[:, :, 1]
    train = values[hospital.train.patients, 1, 0]
    standard = (train - train.mean()) / train.std()
    assert pulse == pytest.approx(np.column_stack([np.zeros(len(train)), standard, standard]), abs=1e-5)
    assert measured.tolist() == [[0, 1, 0]] * len(train)
    assert hospital.test.features.shape[1] == len(found.feature_names)
    assert found.preprocessing["a"]["series sums"] == 24


@pytest.mark.parametrize(("low", "high"), [(1999.0, 2008.0), (7.2, 7.6), (36.0, 41.0), (-300.0, -280.0)])
def test_what_spreads_little_beside_its_level_is_not_cut(low, high):
    values = np.random.default_rng(4).uniform(low, high, size=(500, 1))
    own = encode(cohort_of(values, np.arange(500) % 2, columns=(Column("year", clipped=True),)))
    held = limits(own, [sketched(own)])
    assert held.least[0] <= np.quantile(values, 0.01)
    assert held.most[0] >= np.quantile(values, 0.99)


def test_what_nobody_who_trains_has_or_all_have_alike_is_no_feature():
    whole = in_hospitals([30, 20, 25])
    values = whole.frame.assign(age=np.where(whole.hospitals == 1, 250.0, np.nan), marker=7.0)
    found = dataset(replace(whole, frame=values), 1, LEAVE_ONE_HOSPITAL_OUT)
    (left,) = found.outside
    names = list(found.feature_names)
    assert not left.test.features[:, [names.index("age"), names.index("marker")]].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9), st.sampled_from(["federated", PER_HOSPITAL]), st.floats(1, 1e12))
def test_no_feature_is_far_from_what_was_trained_on(seed, how, far):
    whole = table()
    frame = whole.frame.assign(age=np.where(np.arange(200) % 50 == seed, far, whole.frame["age"]))
    found = dataset(replace(whole, frame=frame), seed, BY_PATIENT, preparation=how)
    assert max(np.abs(one.test.features).max() for one in found.hospitals) <= 10


def test_a_level_is_counted_by_patients_and_not_by_stays():
    columns = (Column("diagnosis", "category"),)
    texts = ["rare"] * 12 + ["common"] * 88
    patients = np.array([0] * 12 + list(range(1, 89)))
    whole = Cohort(
        columns,
        pd.DataFrame({"diagnosis": texts}),
        np.arange(100) % 2,
        np.zeros(100, dtype=np.int64),
        ("a",),
        rows=100,
        patients=patients,
    )
    for seed in range(5):
        assert divide(whole, seed, Division()).feature_names == ("diagnosis=common",)


def test_the_digest_tells_names_and_what_was_disclosed():
    whole = table()
    renamed = replace(
        whole,
        columns=(replace(COLUMNS[0], name="years"), *COLUMNS[1:]),
        frame=whole.frame.rename(columns={"age": "years"}),
    )
    assert dataset(whole, 0, BY_PATIENT).digest != dataset(renamed, 0, BY_PATIENT).digest
