import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.stats import trim_mean

from chainward.methods import aggregation
from chainward.methods.aggregation import (
    coordinate_median,
    geometric_median,
    lower_median,
    mean,
    trimmed_mean,
    weighted_mean,
)

MERGES = (weighted_mean, coordinate_median, geometric_median)
NOT_FINITE = (np.nan, np.inf, -np.inf)
TRIANGLE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


def column(*values):
    """Updates of one coordinate, [K, 1]."""
    return [[float(value)] for value in values]


@st.composite
def cohorts(draw, largest=7):
    """Updates [K, P] on a small grid, so that some coincide, and whole weights [K]."""
    count, size = draw(st.integers(1, largest)), draw(st.integers(1, 4))
    updates = draw(arrays(np.float64, (count, size), elements=st.integers(-4, 4).map(float)))
    return updates, draw(st.lists(st.integers(1, 5), min_size=count, max_size=count))


def distances(point, updates, weights):
    return float(np.asarray(weights, dtype=float) @ np.linalg.norm(np.asarray(updates) - point, axis=1))


# ------------------------------------------------------------------------------------ weighted mean


def test_federated_average_of_the_digest():
    assert weighted_mean(column(2, 6), (1, 3)) == 5


def test_swarm_means_of_the_digest():
    assert weighted_mean(column(1, 2, 9), (1, 1, 1)) == 4
    assert weighted_mean(column(1, 2, 9), (1, 1, 3)) == 6


@given(cohorts())
def test_a_weighted_mean_is_that_of_numpy(cohort):
    updates, weights = cohort
    found = weighted_mean(updates, weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.average(updates, axis=0, weights=weights), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(weighted_mean(updates, [8 * weight for weight in weights]), found)


def test_a_mean_has_equal_weights():
    np.testing.assert_array_equal(mean([[1.0, 4.0], [3.0, 0.0], [5.0, 2.0]]), [3, 2])


def test_a_weighted_mean_does_not_lose_small_parts():
    """Summed in float64: in float32 the ones would vanish beside 1e8."""
    assert weighted_mean(column(1e8, 1, 1, 1, 1, -1e8), [1] * 6) == pytest.approx(4 / 6, rel=1e-6)


@pytest.mark.parametrize(("updates", "weights"), [([], []), (column(1, 2), (0, 0)), (column(1, 2), (1, -1))])
def test_a_weighted_mean_of_nothing_is_refused(updates, weights):
    with pytest.raises(ValueError, match="at least one update"):
        weighted_mean(updates, weights)


# ---------------------------------------------------------------------------------- coordinate median


def test_coordinate_medians_of_the_digest():
    np.testing.assert_array_equal(coordinate_median([[1, 9], [2, 7], [10, 8]]), [2, 8])
    assert coordinate_median(column(1, 2, 9)) == 2
    assert coordinate_median(column(1, 2, 9), (1, 1, 3)) == 9
    assert coordinate_median(column(1, 2, 9), (1, 1, 2)) == 5.5


@given(cohorts())
def test_equal_weights_give_the_median_of_numpy(cohort):
    updates, _ = cohort
    found = coordinate_median(updates)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.median(updates, axis=0).astype(np.float32))


@given(cohorts())
def test_a_whole_weight_is_that_many_copies(cohort):
    updates, weights = cohort
    copies = np.repeat(updates, weights, axis=0)
    np.testing.assert_array_equal(coordinate_median(updates, weights), np.median(copies, axis=0).astype(np.float32))


@given(cohorts())
def test_weights_of_one_are_no_weights(cohort):
    updates, _ = cohort
    np.testing.assert_array_equal(coordinate_median(updates, [1] * len(updates)), coordinate_median(updates))


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("weights", [None, [1, 1, 1, 1, 1]])
def test_a_minority_that_is_not_finite_leaves_the_median_finite(value, weights):
    """What is not a number lies above all numbers."""
    found = coordinate_median(column(value, value, 1, 2, 3), weights)
    assert found == (3 if value > 0 or np.isnan(value) else 1)


@pytest.mark.parametrize("weights", [None, [1, 1, 1, 1]])
def test_a_median_between_infinities_is_no_number(weights):
    assert np.isnan(coordinate_median(column(-np.inf, -np.inf, np.inf, np.inf), weights)).all()


# -------------------------------------------------------------------------------------- trimmed mean


def test_trimmed_means_of_the_digest():
    assert trimmed_mean(column(0, 1, 2, 100), 1) == 1.5
    assert trimmed_mean(column(0, 1, 2, 100), 0) == 25.75


@given(cohorts(), st.data())
def test_a_trimmed_mean_is_that_of_scipy(cohort, data):
    updates, _ = cohort
    cut = data.draw(st.integers(0, (len(updates) - 1) // 2))
    found = trimmed_mean(updates, cut)
    assert found.dtype == np.float32
    share = (cut + 0.5) / len(updates) if 2 * cut + 1 < len(updates) else cut / len(updates)
    np.testing.assert_allclose(found, trim_mean(updates, share), rtol=1e-6, atol=1e-6)


@given(cohorts())
def test_a_trimmed_mean_lies_between_the_mean_and_the_median(cohort):
    updates, _ = cohort
    np.testing.assert_allclose(trimmed_mean(updates, 0), mean(updates), atol=1e-6)
    np.testing.assert_array_equal(trimmed_mean(updates, (len(updates) - 1) // 2), coordinate_median(updates))


@given(cohorts(), st.randoms(use_true_random=False), st.integers(-3, 3))
def test_a_trimmed_mean_ignores_order_and_moves_with_the_updates(cohort, random, offset):
    updates, _ = cohort
    order, cut = random.sample(range(len(updates)), len(updates)), (len(updates) - 1) // 3
    moved = trimmed_mean(updates[order] + offset, cut)
    np.testing.assert_allclose(moved, trimmed_mean(updates, cut) + offset, atol=1e-5)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_as_many_as_are_cut_may_be_no_numbers(value):
    honest = np.random.default_rng(4).normal(size=(5, 6))
    lying = np.vstack([np.full((2, 6), value), honest])
    merged = trimmed_mean(lying, 2)
    assert (merged >= honest.min(axis=0).astype(np.float32)).all()
    assert (merged <= honest.max(axis=0).astype(np.float32)).all()
    assert not np.isfinite(trimmed_mean(lying, 1)).any()


@pytest.mark.parametrize(("count", "cut"), [(4, 2), (3, 2), (1, 1), (5, -1), (0, 0)])
def test_cutting_all_or_fewer_than_none_is_refused(count, cut):
    with pytest.raises(ValueError, match=f"{count} updates cannot lose {cut} at both ends"):
        trimmed_mean(np.zeros((count, 2)), cut)


# ---------------------------------------------------------------------------------- geometric median


def test_geometric_median_stops_as_published_at_a_step_of_a_millionth():
    np.testing.assert_allclose(geometric_median(TRIANGLE, tolerance=1e-6), [0.2113260] * 2, atol=5e-8)


def test_geometric_medians_of_the_digest():
    np.testing.assert_allclose(geometric_median(TRIANGLE), [0.2113248654] * 2, atol=5e-11)
    np.testing.assert_allclose(geometric_median(TRIANGLE), [(3 - 3**0.5) / 6] * 2, atol=1e-11)
    assert distances(geometric_median(TRIANGLE), TRIANGLE, [1] * 3) == pytest.approx(1.9318516526, abs=5e-11)
    assert geometric_median(column(1, 2, 9)) == pytest.approx(2, abs=1e-9)
    assert geometric_median(column(1, 2, 9), (1, 1, 3)) == pytest.approx(9, abs=1e-9)


def test_the_usual_tolerance_stops_earlier():
    """1e-6, as the white paper has it, is off in the seventh digit."""
    np.testing.assert_allclose(geometric_median(TRIANGLE, tolerance=1e-6), [0.2113260] * 2, atol=5e-8)


@settings(deadline=None)
@given(cohorts())
def test_no_point_has_a_smaller_sum_of_distances(cohort):
    """Against scipy's simplex search, from the mean and from beside the best update, and the updates themselves."""
    updates, weights = cohort
    best = min(updates, key=lambda update: distances(update, updates, weights))
    starts = (np.average(updates, axis=0, weights=weights), best + 1e-3)
    searched = [
        minimize(distances, start, (updates, weights), "Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}).fun
        for start in starts
    ]
    least = min(distances(best, updates, weights), *searched)
    found = geometric_median(updates, weights)
    assert found.dtype == np.float64
    assert distances(found, updates, weights) <= least + 1e-4


def test_the_geometric_median_is_that_of_a_numeric_minimiser():
    """200 cohorts against quasi-Newton steps down the sum of distances, whose gradient is that of unit pulls."""

    def pulls(point, updates, weights):
        apart = point - updates
        return (weights / np.linalg.norm(apart, axis=1)) @ apart

    for seed in range(200):
        rng = np.random.default_rng(seed)
        updates = rng.normal(size=(rng.integers(6, 20), rng.integers(2, 8))) * rng.lognormal(size=(1, 1))
        weights = rng.integers(1, 4, len(updates))
        start = updates.mean(axis=0)
        searched = minimize(distances, start, (updates, weights), "BFGS", pulls, options={"gtol": 1e-9})
        found = geometric_median(updates, weights)
        assert distances(found, updates, weights) <= searched.fun * (1 + 1e-12)
        np.testing.assert_allclose(found, searched.x, atol=1e-5 * np.abs(updates).max())


@pytest.mark.parametrize("value", NOT_FINITE)
def test_updates_that_are_not_finite_are_left_out_of_the_geometric_median(value):
    lying = np.vstack([[[value, 0.0]], TRIANGLE])
    np.testing.assert_array_equal(geometric_median(lying), geometric_median(TRIANGLE))
    np.testing.assert_array_equal(geometric_median(lying, [9, 1, 2, 3]), geometric_median(TRIANGLE, [1, 2, 3]))
    with pytest.raises(ValueError, match="at least one update that is finite"):
        geometric_median(lying[:1])


def test_a_geometric_median_that_is_an_update_is_found_exactly():
    """Two that pull at 121 degrees pull with 0.985 of their weight, and the iteration only creeps towards the third."""
    angle = np.radians(121)
    np.testing.assert_array_equal(geometric_median([[0, 0], [1, 0], [np.cos(angle), np.sin(angle)]]), [0, 0])


def test_the_longest_float32_does_not_move_the_geometric_median_far():
    lying = np.vstack([np.random.default_rng(6).normal(size=(8, 4)), np.full((3, 4), 3e38)]).astype(np.float32)
    assert np.abs(geometric_median(lying)).max() < 5


def test_an_update_at_the_mean_does_not_hold_the_estimate():
    """Weiszfeld's own step does not leave the update it starts on, whose sum of distances is 18.08."""
    updates = [[0, 0], [4, 2], [1, 0], [1, 4], [-6, -6]]
    assert np.mean(updates, axis=0).tolist() == [0, 0]
    found = geometric_median(updates)
    np.testing.assert_allclose(found, [0.782363, 0.167832], atol=1e-6)
    assert distances(found, updates, [1] * 5) == pytest.approx(17.783519, abs=1e-6)


def test_most_of_the_weight_in_one_place_decides():
    np.testing.assert_allclose(geometric_median([[5.0, 5.0], [5.0, 5.0], [-90.0, 3.0]]), [5, 5], atol=1e-9)


# ------------------------------------------------------------------------------------------ together


@pytest.mark.parametrize("merge", MERGES)
def test_identical_updates_are_their_own_merge(merge):
    update = np.random.default_rng(0).normal(size=50).astype(np.float32)
    np.testing.assert_array_equal(merge([update] * 5, [1, 2, 3, 4, 5]).astype(np.float32), update)


@pytest.mark.parametrize("merge", MERGES)
def test_the_order_of_updates_does_not_matter(merge):
    rng = np.random.default_rng(1)
    updates, weights, order = rng.normal(size=(6, 9)), rng.integers(1, 100, 6), rng.permutation(6)
    np.testing.assert_allclose(merge(updates[order], weights[order]), merge(updates, weights), atol=1e-6)


@pytest.mark.parametrize("merge", [*MERGES, lambda updates, _: coordinate_median(updates)])
def test_a_cohort_in_parts_has_the_same_merge(merge, monkeypatch):
    rng = np.random.default_rng(5)
    updates, weights = rng.normal(size=(7, 23)).astype(np.float32), rng.integers(1, 100, 7)
    whole = merge(updates, weights)
    monkeypatch.setattr(aggregation, "BLOCK", 25)
    np.testing.assert_allclose(merge(updates, weights), whole, rtol=1e-6)


@pytest.mark.parametrize("merge", [*MERGES, lambda updates, _: trimmed_mean(updates, 60)])
def test_memory_is_a_few_copies_of_the_cohort(merge):
    updates = np.random.default_rng(6).standard_normal((200, 25_000), dtype=np.float32)
    tracemalloc.start()
    merge(updates, np.ones(200))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * updates.nbytes


def test_the_median_of_two_is_their_mean():
    updates = np.random.default_rng(2).normal(size=(2, 40))
    np.testing.assert_array_equal(coordinate_median(updates), mean(updates))


def test_medians_hold_against_one_that_lies():
    honest = np.random.default_rng(3).normal(size=(4, 5))
    lying = np.vstack([honest, np.full((1, 5), 1e6)])
    assert np.abs(mean(lying)).min() > 1e5
    assert np.abs(coordinate_median(lying)).max() < 5
    assert np.abs(geometric_median(lying)).max() < 5


@pytest.mark.parametrize(("values", "median"), [([3], 3), ([4, 1], 1), ([9, 1, 5], 5), ([7, 1, 5, 3], 3)])
def test_the_lower_of_two_middle_values(values, median):
    assert lower_median(values) == median
