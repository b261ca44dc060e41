"""Canonical bytes of what parties send, store and keep: deterministic CBOR (RFC 8949) with typed arrays (RFC 8746)."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import cbor2
import numpy as np

_TAG_OF_DTYPE = {"<f4": 85, "<f8": 86, "<i4": 78, "<i8": 79, "|u1": 64, "<u8": 71}
_DTYPE_OF_TAG = {tag: np.dtype(dtype) for dtype, tag in _TAG_OF_DTYPE.items()}
_MULTI_DIMENSIONAL = 40
_CID_HEAD = bytes([0x01, 0x55, 0x12, 32])  # version 1, raw, sha2-256 of so many bytes


def encode(value: Any) -> bytes:
    """Encode numbers, text, bytes, tuples, mappings, NumPy arrays and dataclasses (as their fields).

    Raises:
        TypeError: the value holds something that has no canonical form.

    Examples:
        >>> encode({"b": 1, "a": 2}) == encode({"a": 2, "b": 1})
        True
    """
    return cbor2.dumps(value, canonical=True, default=_encode_other)


def decode(data: bytes) -> Any:
    """Invert `encode`; sequences come back as tuples, dataclasses as mappings of their fields.

    Examples:
        >>> decode(encode({"a": [1, 2.5]}))
        {'a': (1, 2.5)}
    """
    return _frozen(cbor2.loads(data))


def size(value: Any) -> int:
    """Bytes of the canonical encoding.

    Examples:
        >>> size(np.zeros(1000, np.float32))
        4012
    """
    return len(encode(value))


def content_id(data: bytes) -> str:
    """CIDv1 (raw, sha2-256, base32) of some bytes, as IPFS gives it.

    Examples:
        >>> content_id(b"hello")
        'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'
    """
    return cid(hashlib.sha256(data).digest())


def cid(digest: bytes) -> str:
    """CIDv1 (raw, sha2-256, base32) of what has this SHA-256 [32 bytes]."""
    return "b" + base64.b32encode(_CID_HEAD + digest).decode().rstrip("=").lower()


def fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, not copied."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _encode_other(encoder: cbor2.CBOREncoder, value: Any) -> None:
    if isinstance(value, np.ndarray):
        contiguous = np.ascontiguousarray(value)
        tag = _TAG_OF_DTYPE.get(contiguous.dtype.str)
        if tag is None:
            raise TypeError(
                f"arrays of {contiguous.dtype} have no canonical form; use float32, float64, int64 or uint8"
            )
        typed = cbor2.CBORTag(tag, contiguous.tobytes())
        encoder.encode(cbor2.CBORTag(_MULTI_DIMENSIONAL, [list(value.shape), typed]))
    elif isinstance(value, np.generic):
        encoder.encode(value.item())
    elif isinstance(value, Mapping):
        encoder.encode(dict(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        encoder.encode(fields(value))
    else:
        raise TypeError(f"a {type(value).__name__} has no canonical form")


def _frozen(value: Any) -> Any:
    if isinstance(value, cbor2.CBORTag):
        if value.tag != _MULTI_DIMENSIONAL:
            raise ValueError(f"tag {value.tag} is of nothing that is encoded here")
        shape, typed = value.value
        array = np.frombuffer(typed.value, dtype=_DTYPE_OF_TAG[typed.tag])
        return array.reshape(shape) if math.prod(shape) else np.empty(shape, array.dtype)
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {_frozen(key): _frozen(item) for key, item in value.items()}
    return value
