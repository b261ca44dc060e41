"""Noise and what it hides: by hand, against an accountant in use, and what it grows and falls with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from chainward.methods.privacy import (
    ORDERS,
    clipped,
    epsilon_spent,
    gaussian_sigma,
    laplace_scale,
    noise_multiplier,
    sampled_gaussian_rdp,
)

DELTA = 1e-5

# ------------------------------------------------------------------------------ BlockFLow's Laplace noise


def test_hand_vector() -> None:
    assert laplace_scale(100, 1.0, 0.01) == pytest.approx(2.0)


def test_falls_with_rows_regularisation_and_epsilon() -> None:
    assert laplace_scale(200, 1.0, 0.01) == pytest.approx(1.0)
    assert laplace_scale(100, 2.0, 0.01) == pytest.approx(1.0)
    assert laplace_scale(100, 1.0, 0.02) == pytest.approx(1.0)


def test_an_infinite_epsilon_needs_no_noise() -> None:
    assert laplace_scale(100, 1.0, math.inf) == 0


@pytest.mark.parametrize(
    "arguments", [(0, 1.0, 1.0), (100, 0.0, 1.0), (100, 1.0, 0.0), (100, 1.0, math.nan), (100, -1.0, 1.0)]
)
def test_refuses_what_is_not_positive(arguments: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        laplace_scale(*arguments)


# ------------------------------------------------------------------------------------------ clipping


def test_clipped_by_hand() -> None:
    np.testing.assert_allclose(clipped([3.0, 4.0], 1.0), [0.6, 0.8], rtol=1e-15)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.floats(1e-3, 1e3))
def test_a_clipped_vector_keeps_its_direction_and_a_short_one_itself(vector: list[float], bound: float) -> None:
    length, short = np.linalg.norm(vector), clipped(vector, bound)
    assert np.linalg.norm(short) == pytest.approx(min(length, bound))
    np.testing.assert_allclose(short * max(length, bound), np.array(vector) * bound, rtol=1e-9, atol=1e-300)
    if length <= bound:
        np.testing.assert_array_equal(short, vector)


def test_each_of_many_vectors_is_clipped_by_itself() -> None:
    np.testing.assert_allclose(clipped([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]], 1.0), [[0.6, 0.8], [0.3, 0.4], [0, 0]])


@pytest.mark.parametrize("bound", [0.0, -1.0, math.nan])
def test_a_bound_that_is_not_positive_is_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="positive bound"):
        clipped([1.0], bound)


# -------------------------------------------------------------------------------- one Gaussian mechanism


def test_sigma_by_hand() -> None:
    assert gaussian_sigma(1.0, 1.0, DELTA) == pytest.approx(4.8448052626, abs=5e-11)
    assert gaussian_sigma(3.0, 0.5, DELTA) == pytest.approx(6 * 4.8448052626, abs=5e-10)


@pytest.mark.parametrize(
    "arguments", [(0.0, 1.0, DELTA), (1.0, 0.0, DELTA), (1.0, 1.0, 0.0), (1.0, 1.0, 1.0), (1.0, math.nan, DELTA)]
)
def test_sigma_refuses_what_hides_nothing(arguments: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive sensitivity and epsilon"):
        gaussian_sigma(*arguments)


# -------------------------------------------------------------------------------------- the accountant


def test_full_batches_by_hand() -> None:
    assert epsilon_spent(4.0, 100, DELTA) == pytest.approx(15.1213147805, abs=5e-11)


def test_full_batches_are_the_least_over_all_orders() -> None:
    orders = np.linspace(1.001, 50, 1_000_000)
    least = np.min(100 * orders / (2 * 4.0**2) + math.log(1 / DELTA) / (orders - 1))
    assert epsilon_spent(4.0, 100, DELTA) == pytest.approx(least, rel=1e-8)


def test_sampled_batches_by_hand() -> None:
    """2CP's: eight of 143 patients, 286 steps; their own accountant says 2.73555, at an order between integers."""
    assert epsilon_spent(2.0, 286, DELTA, 8 / 143) == pytest.approx(2.73640, abs=5e-6)
    spent = 286 * sampled_gaussian_rdp(2.0, 8 / 143) + math.log(1 / DELTA) / (ORDERS - 1)
    assert ORDERS[np.argmin(spent)] == 9


@pytest.mark.parametrize(
    ("noise", "sampling", "divergences"),
    [
        (2.0, 8 / 143, (0.0008885301080560019, 0.004535950663264171, 5.070831085586611, 29.105289448327458)),
        (0.8, 0.01, (0.00037700224391934634, 1.8508509301807754, 45.32173187455177, 195.37677032308642)),
        (1.1, 0.2, (0.050129586506293455, 1.914604095225875, 24.811296445770733, 104.16937453328279)),
        (5.0, 0.001, (4.0810773357445685e-08, 1.8370162296337482e-07, 1.309302199435978e-06, 5.279396656578202e-06)),
        (0.5, 0.5, (2.6671960885860426, 17.220209421870077, 127.29585048324068, 511.3041345952026)),
    ],
)
def test_divergences_are_those_of_opacus(noise: float, sampling: float, divergences: tuple[float, ...]) -> None:
    """What `opacus.accountants.analysis.rdp.compute_rdp` of opacus 1.6.0 gives at orders 2, 9, 64 and 256."""
    found = sampled_gaussian_rdp(noise, sampling)[np.array([2, 9, 64, 256]) - ORDERS[0]]
    np.testing.assert_allclose(found, divergences, rtol=1e-9)


@pytest.mark.parametrize("noise", [0.5, 1.0, 4.0])
def test_sampling_everybody_is_a_full_batch(noise: float) -> None:
    np.testing.assert_allclose(sampled_gaussian_rdp(noise, 1.0), ORDERS / (2 * noise**2), rtol=1e-12)
    assert epsilon_spent(noise, 50, DELTA, 1 - 1e-12) == pytest.approx(epsilon_spent(noise, 50, DELTA), rel=1e-9)


@given(st.floats(0.3, 20), st.integers(1, 1_000), st.floats(1e-4, 1))
def test_less_is_spent_with_noise_and_sampling_and_more_with_steps(noise: float, steps: int, sampling: float) -> None:
    spent = epsilon_spent(noise, steps, DELTA, sampling)
    within = 1 + 1e-9
    assert epsilon_spent(1.5 * noise, steps, DELTA, sampling) <= spent * within
    assert epsilon_spent(noise, steps, DELTA, sampling / 2) <= spent * within
    assert epsilon_spent(noise, 2 * steps, DELTA, sampling) >= spent / within
    assert epsilon_spent(noise, steps, DELTA / 10, sampling) >= spent / within


@given(st.floats(0.01, 100), st.integers(1, 1_000), st.one_of(st.just(1.0), st.floats(1e-4, 1)))
def test_the_noise_for_an_epsilon_spends_it(epsilon: float, steps: int, sampling: float) -> None:
    noise = noise_multiplier(epsilon, steps, DELTA, sampling)
    assert epsilon_spent(noise, steps, DELTA, sampling) == pytest.approx(epsilon, rel=1e-7)


def exact_delta(noise: float, epsilon: float) -> float:
    """The least delta with which one Gaussian mechanism is (epsilon, delta)-private (Balle, Wang 2018, theorem 8)."""
    half, shift = 1 / (2 * noise), epsilon * noise
    return float(norm.cdf(half - shift) - math.exp(epsilon) * norm.cdf(-half - shift))


@pytest.mark.parametrize("epsilon", [0.01, 0.3, 1.0, 2.0, 10.0, 50.0])
def test_both_ways_to_noise_hide_what_they_promise(epsilon: float) -> None:
    """The classic one as far as it is proved, and not for all beyond: at 50 it hides nothing."""
    assert exact_delta(noise_multiplier(epsilon, 1, DELTA), epsilon) <= DELTA
    assert epsilon > 1 or exact_delta(gaussian_sigma(1.0, epsilon, DELTA), epsilon) <= DELTA
    assert exact_delta(gaussian_sigma(1.0, 50.0, DELTA), 50.0) > 0.1


def test_an_infinite_epsilon_is_attained_without_noise() -> None:
    assert noise_multiplier(math.inf, 10, DELTA) == 0
    assert noise_multiplier(math.inf, 10, DELTA, 0.1) == 0


@pytest.mark.parametrize(
    ("noise", "steps", "delta", "sampling"),
    [
        (0.0, 1, DELTA, 1.0),
        (math.nan, 1, DELTA, 0.5),
        (1.0, 0, DELTA, 1.0),
        (1.0, 1, 0.0, 1.0),
        (1.0, 1, 1.0, 1.0),
        (1.0, 1, DELTA, 0.0),
        (1.0, 1, DELTA, 1.1),
    ],
)
def test_accounting_refuses_what_has_no_meaning(noise: float, steps: int, delta: float, sampling: float) -> None:
    with pytest.raises(ValueError, match="accounting needs noise"):
        epsilon_spent(noise, steps, delta, sampling)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan])
def test_no_noise_attains_no_epsilon(epsilon: float) -> None:
    with pytest.raises(ValueError, match="not positive"):
        noise_multiplier(epsilon, 1, DELTA)
    with pytest.raises(ValueError, match="accounting needs noise"):
        noise_multiplier(1.0, 0, DELTA)
