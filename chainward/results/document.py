"""JSON of typed values: one way to write it, one to read it, and the digest of its own content inside it."""

from __future__ import annotations

import hashlib
import re
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from chainward.errors import ChainwardError

T = TypeVar("T")

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")
"""No text for a number, no unknown field, nothing that is not finite."""

_SEAL = re.compile(rb'\{"content":"([0-9a-f]{64})",')


class Unsound(ChainwardError):
    """A file of a report folder is not what it should be; the message says what is wrong with it."""


def encode(adapter: TypeAdapter[T], value: T, indent: int | None = None) -> bytes:
    """Return the JSON of a value, on one line unless indented.

    Raises:
        ValueError: the reader would refuse it, such as for a number that is not finite.
    """
    data = adapter.dump_json(value, indent=indent, warnings="error")
    decode(adapter, data)
    return data


def decode(adapter: TypeAdapter[T], data: bytes) -> T:
    """Return the value that JSON holds.

    Raises:
        Unsound: it is not exactly what `encode` writes for some value; the message names the field.
    """
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("completed", "failed"))
        raise Unsound(one_line(f"{where}: {first['msg']}" if where else first["msg"])) from None


def one_line(text: str, length: int = 200) -> str:
    """Return the start of a text from outside, without line breaks and other controls."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:length]


def digest(data: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def seal(content: bytes) -> bytes:
    """Return the JSON object with a first field `content`, the SHA-256 of the object without that field."""
    return b'{"content":"%s",%s' % (digest(content).encode(), content.removeprefix(b"{"))


def unseal(data: bytes) -> bytes:
    """Return the object without its seal.

    Raises:
        Unsound: there is no seal, or it is another content's.
    """
    found = _SEAL.match(data)
    if found is None:
        raise Unsound("it does not begin with the digest of its content")
    content = b"{" + data[found.end() :]
    if digest(content) != found[1].decode():
        raise Unsound("its content is not that of its digest")
    return content
