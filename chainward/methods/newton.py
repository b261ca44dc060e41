"""Logistic regression by Newton's method from sums over patients that add up over sites, all in float64.

The steps of GLORE (Wu et al. 2012, 10.1136/amiajnl-2012-000862) as GloreChain takes them (Kuo et al. 2019,
10.1093/jamia/ocy180): with p = sigmoid(X beta), D = X' diag(p (1 - p)) X and E = X' (y - p), summed over sites,
beta := beta + (D + ridge I)^-1 E. The ridge bends the way and not where it ends, which is E = 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import PlainValidator
from scipy.special import expit

from chainward.errors import ChainwardError

Floats = npt.NDArray[np.float64]

MOST_FEATURES = 1_000
"""D of more is over 8 MB, a site and an iteration."""

LARGEST = 1e15
"""The largest magnitude of a number in D or E: sums of squares of raw laboratory values are far below."""

FARTHEST = 1e9
"""The largest magnitude of a coefficient."""

INDEPENDENT = 1e-10
"""A direction in which features of unit size vary less is one in which no patient differs, and the rest is rounding."""

LOST = 1e-150
"""Features of less than this have squares of 0."""

NOTHING, FAR = 1e-9, 1e-2
"""Where coefficients move so far and the likelihood gains so little, it has no maximum."""

ROUNDING = 1e-6
"""The share of E that may lie in such directions."""

STEEPEST = 60.0
"""Logits are held within this where their exponential is needed; beyond it a probability is 0 or 1 to 26 digits."""


class Statistics(NamedTuple):
    """What a site's patients say of D coefficients, the bias first: curvature D_k [D, D] and gradient E_k [D]."""

    curvature: Floats
    gradient: Floats


class Fit(NamedTuple):
    """Coefficients [D], the bias first, how many steps they took, and whether the last was within the tolerance."""

    coefficients: Floats
    iterations: int
    converged: bool


def statistics(features: npt.NDArray[Any], labels: npt.NDArray[Any], coefficients: Floats) -> Statistics:
    """Return D_k and E_k of patients features [n, d], labels [n] (0 or 1) at coefficients [d + 1].

    Examples:
        >>> curvature, gradient = statistics(np.empty((2, 0)), np.array([1, 1]), np.zeros(1))
        >>> curvature.tolist(), gradient.tolist()
        ([[0.5]], [1.0])
    """
    rows = with_bias(features)
    probability = expit(rows @ coefficients)
    weighted = rows * (probability * (1 - probability))[:, None]
    curvature = rows.T @ weighted
    return Statistics((curvature + curvature.T) / 2, rows.T @ (labels.astype(np.float64) - probability))


def total(parts: Iterable[Statistics]) -> Statistics:
    """Return the sums of D_k and E_k over sites, in their order.

    Raises:
        ValueError: there are none.
    """
    curvatures, gradients = zip(*parts, strict=True)
    return Statistics(sum(curvatures[1:], curvatures[0]), sum(gradients[1:], gradients[0]))


def step(coefficients: Floats, sums: Statistics, ridge: float = 1e-7) -> Floats:
    """Return coefficients [D] + (D + ridge I)^-1 E.

    In a direction in which no patient differs (a constant column, levels that add up to the bias) E is rounding, which
    a ridge of 1e-7 would make ten million times as large: there is no step, so that of coefficients that predict the
    same these have the least norm. If E has more there than rounding, since patients whom they predict wrongly are as
    good as sure, or if a coefficient would be beyond `FARTHEST`, there is no step at all: `coefficients` themselves are
    returned.

    Examples:
        >>> step(np.zeros(1), Statistics(np.array([[1.0]]), np.array([1.0]))).round(7).tolist()
        [0.9999999]
    """
    size = np.sqrt(np.clip(np.diag(sums.curvature), 0.0, None))
    here = np.flatnonzero(size)  # of features that somebody has
    curvature, gradient = sums.curvature[np.ix_(here, here)], sums.gradient[here]
    scaled = curvature / size[here] / size[here, None]  # so that grams and milligrams are alike
    values, vectors = np.linalg.eigh(scaled)
    kept, lost = (vectors[:, which] / size[here, None] for which in (values > INDEPENDENT, values <= INDEPENDENT))
    idle = np.linalg.qr(lost)[0]
    stray = np.concatenate([idle.T @ gradient, np.delete(sums.gradient, here)])
    if np.abs(stray).max(initial=0.0) > ROUNDING * max(1.0, np.abs(sums.gradient).max()):
        return coefficients
    ridged = kept.T @ (curvature + ridge * np.eye(len(here))) @ kept
    moved = kept @ np.linalg.solve(ridged, kept.T @ gradient)
    found = coefficients.copy()
    found[here] += moved - idle @ (idle.T @ moved)
    return found if np.all(np.abs(found) <= FARTHEST) else coefficients


def settled(before: Floats, after: Floats, tolerance: float = 1e-6) -> bool:
    """Whether no coefficient moved by more than the tolerance: the loop's condition."""
    return bool(np.abs(after - before).max() <= tolerance)


def maximum_likelihood(
    features: npt.NDArray[Any], labels: npt.NDArray[Any], tolerance: float = 1e-10, most: int = 100
) -> Fit:
    """Return unpenalised maximum likelihood of features [n, d] and labels [n], without sums and without a ridge.

    Each step is a weighted least-squares problem of the rows themselves, by singular values (iteratively reweighted
    least squares, McCullagh and Nelder 1989, 2.5). Of coefficients of equal likelihood these have the least norm. Where
    there is no maximum, since a plane separates the labels, it does not converge.

    Examples:
        >>> fit = maximum_likelihood(np.empty((4, 0)), np.array([1, 1, 0, 1]))
        >>> fit.coefficients.round(6).tolist(), fit.converged
        ([1.098612], True)
    """
    rows, signs = with_bias(features), np.where(np.asarray(labels) > 0.5, 1.0, -1.0)
    coefficients, loss = np.zeros(rows.shape[1]), len(rows) * math.log(2)
    for iteration in range(1, most + 1):
        logits = np.clip(rows @ coefficients, -STEEPEST, STEEPEST)
        root = 0.5 / np.cosh(logits / 2)  # of p (1 - p)
        moved = np.linalg.lstsq(rows * root[:, None], signs * np.exp(-signs * logits / 2), rcond=None)[0]
        coefficients, before = coefficients + moved, loss
        loss = float(np.logaddexp(0, -signs * (rows @ coefficients)).sum())
        if settled(coefficients - moved, coefficients, tolerance):
            return Fit(coefficients, iteration, converged=True)
        if abs(before - loss) < NOTHING and not settled(coefficients - moved, coefficients, FAR):
            break
    return Fit(coefficients, iteration, converged=False)


def predict(coefficients: Floats, features: npt.NDArray[Any]) -> Floats:
    """Return the probability [n] of label 1 for features [n, d] under coefficients [d + 1]."""
    probability: Floats = expit(with_bias(features) @ coefficients)
    return probability


def named(coefficients: Floats) -> dict[str, float]:
    """Return coefficients [d + 1] by name: bias, then x1 to xd.

    Examples:
        >>> named(np.array([0.5, -1.0]))
        {'bias': 0.5, 'x1': -1.0}
    """
    return {f"x{place}" if place else "bias": float(value) for place, value in enumerate(coefficients)}


def with_bias(features: npt.NDArray[Any]) -> Floats:
    """Return rows (1, x) [n, d + 1]."""
    return np.column_stack([np.ones(len(features)), features.astype(np.float64)])


def need_few(features: int) -> None:
    """Refuse more features than `MOST_FEATURES`.

    Raises:
        ChainwardError: there are more.
    """
    if features > MOST_FEATURES:
        told = f"a curvature of {features:,} features, and at most {MOST_FEATURES:,} are learned"
        raise ChainwardError(f'Newton steps need {told}; take a task of fewer (of a series, view = "summary")')


def checked(published: Any, coefficients: int) -> Statistics:
    """Return the D_k and E_k of so many coefficients that somebody published as "curvature" and "gradient".

    Raises:
        ValueError: they are none: other names, shapes or types; a number beyond `LARGEST`; a D_k that is not symmetric,
            or that no patients have, since it says that some have less than no variance, or that two features have
            more in common than either has of its own (Cauchy and Schwarz).
    """
    if not isinstance(published, Mapping) or set(published) != set(Statistics._fields):
        raise ValueError("no curvature and gradient")
    curvature = _numbers(published["curvature"], (coefficients, coefficients), LARGEST)
    gradient = _numbers(published["gradient"], (coefficients,), LARGEST)
    if not np.array_equal(curvature, curvature.T):
        raise ValueError("a curvature that is not symmetric")
    size = np.sqrt(np.clip(np.diag(curvature), 0.0, None)) + LOST
    if not np.all(np.abs(curvature) <= (1 + 1e-6) * np.outer(size, size)):
        raise ValueError("a curvature that no patients have")
    try:
        slack = 1e-9 * max(float(np.trace(curvature)), 0.0) + np.finfo(np.float64).tiny
        np.linalg.cholesky(curvature + slack * np.eye(coefficients))
    except np.linalg.LinAlgError:
        raise ValueError("a curvature that no patients have") from None
    return Statistics(curvature, gradient)


@cache
def form(coefficients: int) -> Any:
    """Return the form of published D_k and E_k of so many coefficients, by which Pydantic reads it; see `checked`."""
    return Annotated[Statistics, PlainValidator(lambda published: checked(published, coefficients))]


@cache
def form_of_coefficients(coefficients: int) -> Any:
    """Return the form of published coefficients [D], finite and within `FARTHEST`."""
    return Annotated[Any, PlainValidator(lambda published: _numbers(published, (coefficients,), FARTHEST))]


def flops(rows: int, coefficients: int) -> float:
    """Floating-point operations of D_k and E_k: a product of [D, n] and [n, D], and of two vectors."""
    return 2.0 * rows * coefficients * (coefficients + 2)


def step_flops(sites: int, coefficients: int) -> float:
    """Those of a step: the sums over sites, and a solution of D equations with D unknowns."""
    return float(sites * coefficients * (coefficients + 1) + 2 * coefficients**3 / 3)


def least_squares_flops(rows: int, coefficients: int, iterations: int) -> float:
    """Those of `maximum_likelihood`: singular values of [n, D] an iteration, 4 n D^2 + 8 D^3 (Golub, Van Loan, 5.4)."""
    return float(iterations * (4 * rows * coefficients**2 + 8 * coefficients**3))


def _numbers(value: Any, shape: tuple[int, ...], most: float) -> Floats:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise ValueError(f"no float64 of shape {shape}")
    if not np.all(np.abs(value) <= most):
        raise ValueError(f"a number beyond {most:g}, or none")
    return value
