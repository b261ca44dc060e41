"""Noise that hides a single patient in what a hospital publishes, and what it hides: differential privacy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp, xlog1py, xlogy

from chainward.methods.aggregation import Floats

ORDERS = np.arange(2, 257)
"""The Rényi orders that a subsampled mechanism is accounted at."""


def laplace_scale(rows: int, regularisation: float, epsilon: float) -> float:
    """Return 2 / (d alpha epsilon), the scale of BlockFLow's output perturbation for d rows.

    It is sensitivity / epsilon for the exact minimiser of a logistic loss with L2 coefficient alpha on rows of norm at
    most 1 (Chaudhuri, Monteleoni 2008). Their noise has a length that is Gamma distributed; Laplace noise of this scale
    on each weight, as BlockFLow adds it, is weaker. An infinite epsilon gives 0, no noise.

    Raises:
        ValueError: an argument is not positive.

    Examples:
        >>> round(laplace_scale(rows=1000, regularisation=0.01, epsilon=1.0), 6)
        0.2
    """
    if rows <= 0 or not regularisation > 0 or not epsilon > 0:
        raise ValueError("output perturbation needs rows, a positive regularisation and a positive epsilon")
    return 2 / (rows * regularisation * epsilon)


def laplace_noised(weights: npt.NDArray[np.float32], scale: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return weights [P] with Lap(0, scale) added to each.

    Examples:
        >>> laplace_noised(np.float32([1, 2]), scale=0.0, rng=np.random.default_rng(0)).tolist()
        [1.0, 2.0]
    """
    noised: npt.NDArray[np.float32] = (weights + rng.laplace(0, scale, weights.shape)).astype(np.float32)
    return noised


def clipped(vectors: npt.ArrayLike, bound: float) -> Floats:
    """Return g min(1, C / ||g||) for each of vectors [..., P], so that none is longer than the bound C.

    Raises:
        ValueError: the bound is not positive.

    Examples:
        >>> clipped([[3, 4], [0.3, 0.4]], bound=1).round(6).tolist()
        [[0.6, 0.8], [0.3, 0.4]]
    """
    if not bound > 0:
        raise ValueError("vectors are clipped to a positive bound")
    long = np.asarray(vectors, dtype=np.float64)
    short: Floats = long * (bound / np.maximum(np.linalg.norm(long, axis=-1, keepdims=True), bound))
    return short


def gaussian_sigma(sensitivity: float, epsilon: float, delta: float) -> float:
    """Return C sqrt(2 ln(1.25 / delta)) / epsilon, the noise on each coordinate of a vector that moves by C at most.

    One publication is then (epsilon, delta)-private (Dwork, Roth 2014, theorem 3.22). That is proved for epsilon up to
    1; C times `noise_multiplier` is for any, and for many publications.

    Raises:
        ValueError: sensitivity or epsilon is not positive, or delta not between 0 and 1.

    Examples:
        >>> round(gaussian_sigma(sensitivity=1, epsilon=1, delta=1e-5), 3)
        4.845
    """
    if not sensitivity > 0 or not epsilon > 0 or not 0 < delta < 1:
        raise ValueError("Gaussian noise needs a positive sensitivity and epsilon, and a delta between 0 and 1")
    return sensitivity * math.sqrt(2 * math.log(1.25 / delta)) / epsilon


def epsilon_spent(noise: float, steps: int, delta: float, sampling: float = 1.0) -> float:
    """Return the epsilon of (epsilon, delta)-privacy after `steps` Gaussian mechanisms of sigma = `noise` * C.

    The least over orders a of T rdp(a) + ln(1 / delta) / (a - 1) (Mironov 2017, proposition 3). With all patients in
    every step, rdp(a) = a / (2 sigma^2) and the least is rho + 2 sqrt(rho ln(1 / delta)), rho = T / (2 sigma^2). Where
    a step takes each patient with probability `sampling`, orders are those of ORDERS, and it is never more than that.

    Raises:
        ValueError: noise or steps is not positive, delta not between 0 and 1, or sampling not in (0, 1].

    Examples:
        A step that takes one patient in a hundred tells far less of each.

        >>> round(epsilon_spent(noise=1.0, steps=100, delta=1e-5), 2)
        97.99
        >>> round(epsilon_spent(noise=1.0, steps=100, delta=1e-5, sampling=0.01), 2)
        1.62
    """
    if not noise > 0 or steps < 1 or not 0 < delta < 1 or not 0 < sampling <= 1:
        raise ValueError("accounting needs noise, a step, a delta between 0 and 1 and a sampling rate in (0, 1]")
    rho = steps / (2 * noise**2)
    whole = rho + 2 * math.sqrt(rho * -math.log(delta))
    if sampling == 1:
        return whole
    return min(whole, float(np.min(steps * sampled_gaussian_rdp(noise, sampling) - math.log(delta) / (ORDERS - 1))))


def noise_multiplier(epsilon: float, steps: int, delta: float, sampling: float = 1.0) -> float:
    """Return the least `noise` with which `epsilon_spent` is epsilon, to nine digits; 0 for an infinite epsilon.

    Raises:
        ValueError: as `epsilon_spent`, or epsilon is not positive.

    Examples:
        >>> round(noise_multiplier(epsilon=1, steps=100, delta=1e-5, sampling=0.01), 2)
        1.24
    """
    epsilon_spent(1.0, steps, delta, sampling)
    if not epsilon > 0:
        raise ValueError("no noise attains an epsilon that is not positive")
    if math.isinf(epsilon):
        return 0.0
    whole = math.sqrt(steps / 2) * (math.sqrt(epsilon - math.log(delta)) + math.sqrt(-math.log(delta))) / epsilon
    if sampling == 1:
        return whole

    def excess(logarithm: float) -> float:
        return epsilon_spent(math.exp(logarithm), steps, delta, sampling) - epsilon

    return math.exp(brentq(excess, math.log(whole) - 20, math.log(whole) + 1e-9, xtol=1e-10))


def sampled_gaussian_rdp(noise: float, sampling: float) -> Floats:
    """Return the Rényi divergence of one Poisson-sampled Gaussian mechanism at each of ORDERS.

    ln( sum_k C(a, k) (1 - q)^(a - k) q^k exp(k (k - 1) / (2 sigma^2)) ) / (a - 1), k = 0 … a, with q = `sampling`
    (Mironov, Talwar, Zhang 2019, section 3.3).
    """
    order, drawn = ORDERS[:, None], np.arange(ORDERS[-1] + 1)
    left = np.maximum(order - drawn, 0)
    ways = gammaln(order + 1) - gammaln(drawn + 1) - gammaln(left + 1)
    terms = ways + xlog1py(left, -sampling) + xlogy(drawn, sampling) + drawn * (drawn - 1) / (2 * noise**2)
    divergence: Floats = logsumexp(np.where(drawn <= order, terms, -np.inf), axis=1) / (ORDERS - 1)
    return divergence
