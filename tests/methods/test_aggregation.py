import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize

from chainward.methods.aggregation import coordinate_median, geometric_median, lower_median, mean, weighted_mean

MERGES = (weighted_mean, coordinate_median, geometric_median)
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


# ---------------------------------------------------------------------------------- geometric median


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
