"""Ways a hospital can spoil what it gives to others, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Poison = Callable[[Vector, Vector, float, np.random.Generator], Vector]


def sign_flip(received: Vector, trained: Vector, strength: float, _: np.random.Generator) -> Vector:
    """Return the step reversed and scaled, w_t - c (w_k - w_t), weights [P].

    Examples:
        >>> sign_flip(np.float32([1, 1]), np.float32([2, 0]), 1.0, np.random.default_rng(0)).tolist()
        [0.0, 2.0]
    """
    return received - np.float32(strength) * (trained - received)


def scaled(received: Vector, trained: Vector, strength: float, _: np.random.Generator) -> Vector:
    """Return the step scaled, w_t + c (w_k - w_t), weights [P]: model replacement with c = N."""
    return received + np.float32(strength) * (trained - received)


def gaussian(_: Vector, trained: Vector, strength: float, rng: np.random.Generator) -> Vector:
    """Return the trained weights [P] under Gaussian noise of standard deviation c."""
    return trained + np.float32(strength) * rng.standard_normal(trained.shape, dtype=np.float32)


def random_weights(_: Vector, trained: Vector, strength: float, rng: np.random.Generator) -> Vector:
    """Return weights [P] that never were trained, Gaussian of standard deviation c."""
    return np.float32(strength) * rng.standard_normal(trained.shape, dtype=np.float32)


def inverted(_: Vector, trained: Vector, strength: float, __: np.random.Generator) -> Vector:
    """Return a model [P] that says the opposite, -c w_k."""
    return -np.float32(strength) * trained


def free_rider(received: Vector, _: Vector, __: float, ___: np.random.Generator) -> Vector:
    """Return the weights [P] that were received, as if trained."""
    return received.copy()


def label_flip(labels: npt.NDArray[np.generic], share: float, rng: np.random.Generator) -> npt.NDArray[np.generic]:
    """Return labels [n] of 0 and 1 with a share of them, drawn at random, turned around.

    Raises:
        ValueError: the share is not between 0 and 1.

    Examples:
        >>> label_flip(np.array([0, 1, 1, 0]), share=1.0, rng=np.random.default_rng(0)).tolist()
        [1, 0, 0, 1]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share of labels lies between 0 and 1, not at {share}")
    turned = labels.copy()
    rows = rng.permutation(len(labels))[: round(share * len(labels))]
    turned[rows] = 1 - turned[rows]
    return turned


POISONS: Mapping[str, Poison] = {
    "sign_flip": sign_flip,
    "scaled": scaled,
    "gaussian": gaussian,
    "random_weights": random_weights,
    "inverted": inverted,
    "free_rider": free_rider,
}
"""Attacks on what training gives. `label_flip` acts on the patients instead."""
