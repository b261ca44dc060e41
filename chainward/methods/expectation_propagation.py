"""EXPLORER: Bayesian logistic regression by expectation propagation, all in float64.

The variant of Kuo et al. 2020 (10.1093/jamia/ocaa023): a Gaussian over the coefficients, the bias first, that takes in
one patient after another and meets every patient again in the next pass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import PlainValidator
from scipy.special import expit

from chainward.errors import ChainwardError
from chainward.methods.ranks import mean_ranks

Floats = npt.NDArray[np.float64]

K = math.pi / 8
"""MacKay's constant: a logistic function moderated by a variance v is one of slope 1 / sqrt(1 + K v)."""


MOST_FEATURES = 1_000
"""A belief about more has a covariance of over 8 MB, of which every patient in every pass makes another."""


class Gaussian(NamedTuple):
    """A belief about the D = d + 1 coefficients: mean [D] and covariance [D, D]."""

    mean: Floats
    covariance: Floats

    def rounded(self, decimals: int) -> Gaussian:
        """Return the belief as it is published."""
        return Gaussian(self.mean.round(decimals), self.covariance.round(decimals))


def checked(published: Any, coefficients: int) -> Gaussian:
    """Return the belief about so many coefficients that somebody published as "mean" and "covariance".

    A covariance that was rounded may lack a little to be positive.

    Raises:
        ValueError: it is none: other names, shapes or types; numbers beyond 1e9; a negative variance.
    """
    if not isinstance(published, Mapping) or set(published) != set(Gaussian._fields):
        raise ValueError("no mean and covariance")
    model = Gaussian(**published)
    for axes, value in enumerate(published[name] for name in Gaussian._fields):
        shape = (coefficients,) * (axes + 1)
        if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
            raise ValueError(f"no float64 of shape {shape}")
        if not np.all(np.abs(value) <= 1e9):
            raise ValueError("a number beyond 1e9, or none")
    if not np.allclose(model.covariance, model.covariance.T, rtol=0, atol=1e-5):
        raise ValueError("a covariance that is not symmetric")
    try:
        np.linalg.cholesky(model.covariance + 1e-5 * coefficients * np.eye(coefficients))
    except np.linalg.LinAlgError:
        raise ValueError("a negative variance") from None
    return model


@cache
def form(coefficients: int) -> Any:
    """Return the form of a published belief about so many coefficients, by which Pydantic reads it; see `checked`."""
    return Annotated[Gaussian, PlainValidator(lambda published: checked(published, coefficients))]


class Fit(NamedTuple):
    """The posterior, and how many passes over the patients it took."""

    posterior: Gaussian
    passes: int


def prior(features: int, variance: float = 5.0) -> Gaussian:
    """Return the first belief about `features` coefficients and the bias: mean 0, `variance` each, independent.

    Raises:
        ChainwardError: there are more than `MOST_FEATURES`.
    """
    if features > MOST_FEATURES:
        told = f"a covariance of {features:,} features, and at most {MOST_FEATURES:,} are learned"
        raise ChainwardError(
            f'expectation propagation keeps {told}; take a task of fewer (of a series, view = "summary")'
        )
    return Gaussian(np.zeros(features + 1), variance * np.eye(features + 1))


def fit(
    features: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    before: Gaussian,
    tolerance: float = 1e-8,
    max_passes: int = 200,
) -> Fit:
    """Return the belief after the patients features [n, d], labels [n] (0 or 1), taken in file order.

    `before` is the prior, or the posterior of another site, of which nothing is ever removed: every patient's message
    starts empty. After a pass in which no mean moves by `tolerance` one more pass is made.

    Examples:
        >>> belief = fit(np.array([[-1.0], [1.0]]), np.array([0, 1]), before=prior(features=1)).posterior
        >>> predict(belief, np.array([[-1.0], [1.0]])).round(2).tolist()
        [0.02, 0.98]
    """
    signed = _signed(features, labels)
    mean, covariance = before.mean.astype(np.float64), before.covariance.astype(np.float64)
    widths, places = np.full(len(signed), np.inf), np.ones(len(signed))
    passes, converged, last = 0, False, False
    while passes < max_passes and not last:
        passes, last, old = passes + 1, converged, mean
        for i, row in enumerate(signed):
            mean, covariance, widths[i], places[i] = _include(row, mean, covariance, float(widths[i]), float(places[i]))
        converged = bool(np.abs(mean - old).max() < tolerance)
    return Fit(Gaussian(mean, covariance), passes)


def predict(model: Gaussian, features: npt.NDArray[Any], exponent: float = 0.5) -> Floats:
    """Return P(label = 1) [n] of features [n, d]: sigmoid((1 + K v)^exponent (1, x)'m) with v = (1, x)'V (1, x).

    The authors' code has the exponent +0.5; MacKay's moderation, the textbook's, is -0.5.
    """
    rows = with_bias(features)
    variance = np.einsum("ni,ij,nj->n", rows, model.covariance, rows)
    probability: Floats = expit((1 + K * variance) ** exponent * (rows @ model.mean))
    return probability


def error(model: Gaussian, features: npt.NDArray[Any], labels: npt.NDArray[Any], exponent: float = 0.5) -> int | None:
    """Return 1 - AUC of a belief on patients, in millionths; None unless both outcomes are there.

    Examples:
        >>> error(Gaussian(np.array([0.0, 1.0]), np.eye(2)), np.array([[-1.0], [1.0]]), np.array([1, 0]))
        1000000
    """
    found = auc(labels, predict(model, features, exponent))
    return None if math.isnan(found) else round(1_000_000 * (1 - found))


def auc(labels: npt.NDArray[Any], scores: npt.ArrayLike) -> float:
    """Return (sum of the positives' ranks - P (P + 1) / 2) / (P N), ties having their mean rank; NaN without both.

    Examples:
        >>> auc(np.array([0, 1, 1]), [0.2, 0.2, 0.9])
        0.75
    """
    positive = np.asarray(labels) > 0.5
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return math.nan
    ranks = float(mean_ranks(scores)[positive].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def with_bias(features: npt.NDArray[Any]) -> Floats:
    """Return rows (1, x) [n, d + 1]."""
    return np.column_stack([np.ones(len(features)), features.astype(np.float64)])


def flops(features: npt.NDArray[Any], passes: int) -> float:
    """Floating-point operations of `passes` over features [n, d]: 6 D^2 a patient for V a and two rank-one updates."""
    rows, columns = features.shape
    return float(6 * passes * rows * (columns + 1) ** 2)


def _signed(features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Floats:
    """Rows a_i = s_i (1, x_i) [n, D] with s_i = 1 for label 1 and -1 for label 0."""
    signs = np.where(np.asarray(labels) > 0.5, 1.0, -1.0)
    return signs[:, None] * with_bias(features)


def _include(
    row: Floats, mean: Floats, covariance: Floats, width: float, place: float
) -> tuple[Floats, Floats, float, float]:
    """Replace one patient's message, of variance `width` v_i and mean `place` m_i, in the light of the others."""
    # 1. V a_i and q = a_i'V a_i
    vx = covariance @ row
    q = float(row @ vx)
    # 2. the cavity, the belief without this patient: v_i / (v_i - q) is the factor, 1 for an empty message
    factor = 1 / (1 - q / width)
    v0x, q0 = vx * factor, q * factor
    moved = v0x / width
    cavity = vx[:, None] * moved  # as `np.outer` does, in half the time
    cavity += covariance
    m0 = mean + moved * (float(row @ mean) - place)
    # 3. a cavity with a negative variance: the patient is left out of this pass
    if q0 < 0:
        return mean, covariance, width, place
    # 4. the slope of the moderated logistic function
    denominator = K * q0 + 1
    margin = float(row @ m0)
    alpha = float(expit(-margin / math.sqrt(denominator))) / math.sqrt(denominator)
    # 5. the new mean, and the curvature there
    mean = m0 + v0x * alpha
    g = alpha * (K * float(row @ mean) + alpha)
    # 6. the new message and covariance; a patient without any slope says nothing
    width = denominator / g - q0 if g else math.inf
    place = margin + (q0 + width) * alpha if math.isfinite(width) else 1.0
    cavity -= v0x[:, None] * (v0x * (g / denominator))
    return mean, cavity, width, place
