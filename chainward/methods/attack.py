"""Ways a hospital can spoil what it gives to others, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward.methods.content import DIGEST_BYTES, content_id

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


def cut(value: Any, _: np.random.Generator) -> Any:
    """Return what is too short: half of an array [n, ...], a text, bytes or a tuple."""
    sliced = isinstance(value, str | bytes) or (isinstance(value, np.ndarray) and value.ndim)
    return value[: len(value) // 2] if sliced else value


def lengthened(value: Any, _: np.random.Generator) -> Any:
    """Return what is too long: an array [n, ...], a text or bytes, twice."""
    if isinstance(value, np.ndarray):
        return np.concatenate([value, value]) if value.ndim else value
    return 2 * value if isinstance(value, str | bytes) else value


def mistyped(value: Any, _: np.random.Generator) -> Any:
    """Return what is of another type: a number for a text, a text for anything else."""
    return 0 if isinstance(value, str) else "?"


def unserved(value: Any, rng: np.random.Generator) -> Any:
    """Return the id of content that nobody has, for a content id."""
    return content_id(rng.bytes(DIGEST_BYTES)) if isinstance(value, str) else value


def mismatched(value: Any, rng: np.random.Generator) -> Any:
    """Return something else of the same form: other numbers in an array, other bytes."""
    if isinstance(value, np.ndarray):
        return np.asarray(rng.standard_normal(value.shape)).astype(value.dtype)
    return rng.bytes(len(value)) if isinstance(value, bytes) else value


def not_a_number(value: Any, _: np.random.Generator) -> Any:
    """Return NaN for each number of an array of floats, and for a float."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.full_like(value, np.nan)
    return float("nan") if isinstance(value, float) else value


def huge(value: Any, _: np.random.Generator) -> Any:
    """Return numbers that are as large as their type holds."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "b":
        return np.full_like(value, (np.finfo if value.dtype.kind == "f" else np.iinfo)(value.dtype).max)
    if isinstance(value, bool | str | bytes | np.ndarray):
        return value
    return 1e300 if isinstance(value, float) else 2**63 - 1


def malformed(value: Any, form: str, rng: np.random.Generator) -> Any:
    """Return a reply or a content as somebody sends it who does not keep to its form, `form` being one of `MALFORMED`.

    Examples:
        >>> malformed({"a": ("text", 1)}, "mistyped", np.random.default_rng(0))
        {'a': (0, '?')}
    """
    if isinstance(value, Mapping):
        return {key: malformed(item, form, rng) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = tuple(malformed(item, form, rng) for item in value)
        return items[: len(items) // 2] if form == "short" and len(items) > 1 else items
    return MALFORMED[form](value, rng)


MALFORMED: Mapping[str, Callable[[Any, np.random.Generator], Any]] = {
    "short": cut,
    "long": lengthened,
    "mistyped": mistyped,
    "unserved": unserved,
    "mismatched": mismatched,
    "nan": not_a_number,
    "huge": huge,
}
"""Ways in which what somebody sends can differ from what it must be."""

POISONS: Mapping[str, Poison] = {
    "sign_flip": sign_flip,
    "scaled": scaled,
    "gaussian": gaussian,
    "random_weights": random_weights,
    "inverted": inverted,
    "free_rider": free_rider,
}
"""Attacks on what training gives. `label_flip` acts on the patients instead."""
