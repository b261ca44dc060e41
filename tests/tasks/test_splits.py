import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainward.tasks.division import BY_TIME, LEAVE_ONE_HOSPITAL_OUT, SPLITS
from chainward.tasks.splits import FOLDS, split

ROWS = st.integers(0, 120)
POPULATIONS = ROWS.flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 4)), arrays(np.int64, n, elements=st.integers(0, 1))
    )
)


def strata(hospitals, labels):
    return [(h, y, np.flatnonzero((hospitals == h) & (labels == y))) for h in range(5) for y in (0, 1)]


@settings(max_examples=60, deadline=None)
@given(POPULATIONS, st.integers(0, 3))
def test_five_seeds_test_everyone_once(population, partition):
    hospitals, labels = population
    splits = [split(hospitals, labels, FOLDS * partition + fold) for fold in range(FOLDS)]
    tested = np.concatenate([part.test for part in splits])
    assert sorted(tested) == list(range(len(labels)))
    for part in splits:
        rows = np.concatenate([part.train, part.validation, part.test])
        assert sorted(rows) == list(range(len(labels)))


@settings(max_examples=60, deadline=None)
@given(POPULATIONS, st.integers(0, 20))
def test_shares_are_as_even_as_counts_allow(population, seed):
    hospitals, labels = population
    part = split(hospitals, labels, seed)
    for hospital, _, members in strata(hospitals, labels):
        tested = np.isin(members, part.test).sum()
        assert len(members) // FOLDS <= tested <= -(-len(members) // FOLDS)
        assert np.isin(members, part.validation).sum() == (len(members) - tested + 5) // 10
        everyone = np.flatnonzero(hospitals == hospital)
        assert abs(np.isin(everyone, part.test).sum() - len(everyone) / FOLDS) < 1
    assert abs(len(part.test) - len(labels) / FOLDS) < 1


def test_eight_negatives_reach_every_fold_and_spare_one_for_validation():
    hospitals, labels = np.zeros(123, dtype=np.int64), np.array([0] * 8 + [1] * 115)
    for seed in range(10):
        part = split(hospitals, labels, seed)
        assert 1 <= (labels[part.test] == 0).sum() <= 2
        assert (labels[part.validation] == 0).sum() == 1


def test_four_of_a_class_all_train_or_are_tested():
    part = split(np.zeros(44, dtype=np.int64), np.array([1] * 4 + [0] * 40), 0)
    assert not np.isin(part.validation, range(4)).any()


def test_seeds_repeat_and_partitions_differ():
    hospitals, labels = np.repeat([0, 1], 50), np.tile([0, 1], 50)
    first, again, later = (split(hospitals, labels, seed) for seed in (2, 2, 7))
    assert np.array_equal(first.test, again.test)
    assert np.array_equal(first.validation, again.validation)
    assert not np.array_equal(first.test, later.test)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="seed"):
        split(np.zeros(3, dtype=np.int64), np.zeros(3), -1)


@settings(max_examples=60, deadline=None)
@given(POPULATIONS, st.integers(0, 3))
def test_leaving_each_hospital_out_once_tests_everyone_once(population, turn):
    hospitals, labels = population
    present = np.unique(hospitals)
    seeds = range(len(present) * turn, len(present) * (turn + 1))
    splits = [split(hospitals, labels, seed, LEAVE_ONE_HOSPITAL_OUT) for seed in seeds]
    for part, hospital in zip(splits, present, strict=True):
        assert part.test.tolist() == np.flatnonzero(hospitals == hospital).tolist()
        rows = np.concatenate([part.train, part.validation, part.test])
        assert sorted(rows) == list(range(len(labels)))


STAYS = ROWS.flatmap(
    lambda n: st.tuples(
        arrays(np.int64, n, elements=st.integers(0, 4)),
        arrays(np.int64, n, elements=st.integers(0, 1)),
        arrays(np.int64, n, elements=st.integers(0, 30)),
    )
)


@settings(max_examples=80, deadline=None)
@given(STAYS, st.integers(0, 9), st.sampled_from(SPLITS))
def test_a_patient_of_several_stays_is_in_one_part(population, seed, how):
    hospitals, labels, patients = population
    times = np.random.default_rng(seed).integers(0, 1000, len(labels))
    part = split(hospitals, labels, seed, how, patients, times)
    whose = [set(patients[rows].tolist()) for rows in (part.train, part.validation, part.test)]
    assert not whose[0] & whose[1]
    assert not whose[0] & whose[2]
    assert not whose[1] & whose[2]
    rows = np.concatenate([part.train, part.validation, part.test])
    assert len(rows) == len(set(rows.tolist()))
    left = set(range(len(labels))) - set(rows.tolist())
    assert how in (LEAVE_ONE_HOSPITAL_OUT, BY_TIME) or not left
    assert how == BY_TIME or set(patients[sorted(left)].tolist()) <= whose[2]
    for hospital in np.unique(hospitals[part.test]) if how == BY_TIME else ():
        cut = times[part.test[hospitals[part.test] == hospital]].min()
        assert (times[rows[(hospitals[rows] == hospital) & ~np.isin(rows, part.test)]] <= cut).all()


@settings(max_examples=40, deadline=None)
@given(POPULATIONS, st.integers(0, 9), st.sampled_from(SPLITS))
def test_to_say_that_every_row_is_a_patient_changes_nothing(population, seed, how):
    hospitals, labels = population
    times = np.random.default_rng(seed).integers(0, 1000, len(labels))
    plain = split(hospitals, labels, seed, how, times=times)
    said = split(hospitals, labels, seed, how, np.arange(len(labels)), times)
    for name in ("train", "validation", "test"):
        assert np.array_equal(getattr(plain, name), getattr(said, name))


@settings(max_examples=40, deadline=None)
@given(POPULATIONS, st.integers(0, 9))
def test_by_time_nobody_trains_on_who_comes_after_the_tested(population, seed):
    hospitals, labels = population
    times = np.random.default_rng(seed).permutation(len(labels))
    part = split(hospitals, labels, seed, BY_TIME, times=times)
    for hospital in np.unique(hospitals):
        tested = times[part.test[hospitals[part.test] == hospital]]
        others = np.setdiff1d(np.flatnonzero(hospitals == hospital), part.test)
        assert len(tested) == (hospitals == hospital).sum() // FOLDS
        assert not len(tested) or not len(others) or tested.min() > times[others].max()
