"""Forms of what a party may send: content from outside is read by its form, or it is unreadable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from annotated_types import Len, Predicate
from pydantic import PlainValidator, StringConstraints, TypeAdapter, ValidationError, ValidationInfo

from chainward import codec
from chainward.methods.content import fingerprint, is_content_id

MOST_BYTES = 2**28
"""The size of the largest content that is read."""

LARGEST = 1e9
"""The largest magnitude of a number in an array: what lies beyond is no weight, and sums of it would overflow."""

Vector = npt.NDArray[np.float32]


class Unreadable(ValueError):
    """What a party sent has not the form that it must have."""


@dataclass(frozen=True)
class Garbled:
    """Stands for bytes that came as an answer and encode none; it has no form at all."""


@lru_cache(maxsize=256)
def array(shape: tuple[int | None, ...], dtype: str = "float32") -> Any:
    """Return the form of an array of this shape (None: any length) and type, each number finite and within `LARGEST`.

    Examples:
        >>> read(np.zeros(2, np.float32), array((2,))).tolist()
        [0.0, 0.0]
    """
    return Annotated[Any, PlainValidator(lambda value: _array(value, shape, dtype))]


def _array(value: Any, shape: tuple[int | None, ...], dtype: str) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != dtype:
        raise ValueError(f"no array of {dtype}")
    if value.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, value.shape, strict=True)):
        raise ValueError(f"has shape {value.shape}, not {shape}")
    if not np.all((value >= -LARGEST) & (value <= LARGEST)):  # also where it is not a number
        raise ValueError(f"has a number beyond {LARGEST:g}, or what is none")
    return value


def _weights(value: Any, info: ValidationInfo) -> Any:
    return _array(value, ((info.context or {}).get("parameters"),), "float32")


Weights = Annotated[Vector, PlainValidator(_weights)]
"""Weights [P] of the task's network."""


def hashed(digest: bytes) -> Any:
    """Return the form of the weights [P] whose `fingerprint` this is."""
    return Annotated[Weights, Predicate(lambda weights: fingerprint(weights) == digest)]


ContentId = Annotated[str, StringConstraints(pattern=r"^b[a-z2-7]{58}$"), Predicate(is_content_id)]
"""A CIDv1 (raw, sha2-256, base32), whose digest can be told."""

Digest = Annotated[bytes, Len(32, 32)]
"""A hash of 32 bytes."""


def _records(value: Any) -> Any:
    if not isinstance(value, dict) or set(value) != {"features", "labels"}:
        raise ValueError("no features and labels")
    features, labels = value["features"], value["labels"]
    dtype = "float64" if getattr(labels, "dtype", None) == "float64" else "float32"
    _array(features, (len(_array(labels, (None,), dtype)), None), dtype)
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("a label is neither 0 nor 1")
    return value


Records = Annotated[Any, PlainValidator(_records)]
"""Patients: features [n, d] and labels [n], 0 or 1, both float32 or both float64."""


def read(value: Any, form: Any, parameters: int | None = None) -> Any:
    """Return a value that has a form, `parameters` being P of the task's network.

    Raises:
        Unreadable: it has not; the message says where and why.
    """
    if isinstance(value, Garbled):
        raise Unreadable("encodes nothing")
    if form is Any:
        return value
    try:
        return _adapter(form).validate_python(value, strict=True, context={"parameters": parameters})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")) from None


def readable(given: Mapping[str, Any], reading: Callable[[str, Any], Any]) -> tuple[dict[str, Any], list[str]]:
    """Return what `reading` makes of each party's content, and of whom it cannot be read."""
    found: dict[str, Any] = {}
    unreadable = []
    for owner, content in given.items():
        try:
            found[owner] = reading(owner, content)
        except Unreadable:
            unreadable.append(owner)
    return found, unreadable


def decoded(get: Callable[[], bytes], form: Any, parameters: int | None = None) -> Any:
    """Return what the bytes that `get` returns encode, if it has a form.

    Raises:
        Unreadable: there are none or too many of them, they encode nothing, or something else.
    """
    try:
        data = get()
        value = codec.decode(data) if len(data) <= MOST_BYTES else None
    except Exception as error:  # bytes that somebody made up fail in any way
        raise Unreadable(f"no content: {error}") from None
    return read(value, form, parameters)


@lru_cache(maxsize=256)
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)
