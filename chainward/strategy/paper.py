"""The TOML beside a paper's file: its words under [card], and what it claims, one [[claim]] each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from chainward.errors import ChainwardError

Table = TypeVar("Table")


def read(path: Path) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises:
        ChainwardError: it is missing, cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise ChainwardError(f"{path.name}: cannot be read ({error}); give a readable TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise ChainwardError(f"{path.name}: {error}") from None


def checked(kind: type[Table], table: Any, where: str) -> Table:
    """Return a table as the dataclass `kind`, strictly typed and without fields that it does not know.

    Raises:
        ChainwardError: a field is missing, unknown or of a wrong type; the message is `where` and the field.
    """
    if not isinstance(table, Mapping):
        raise ChainwardError(f"{where}: must be a table")
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in table:
        if name not in known:
            raise ChainwardError(f"{where}: no field {name!r}; it has {', '.join(known)}")
    try:
        # Strictly typed, and by way of JSON: a strict adapter takes no Python list for a tuple.
        return TypeAdapter(kind).validate_json(to_json(table), strict=True)
    except ValidationError as error:
        raise ChainwardError(f"{where}: {mistake(error)}") from None


def mistake(error: ValidationError) -> str:
    """Return the first mistake that was found, in one line: the field, what it must be and what was given."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "value_error":  # our own words, which say what was given
        return ": ".join(filter(None, (field, str(first["ctx"]["error"]))))
    given = "" if first["type"].startswith("missing") else f" (got {str(first['input'])[:60]!r})"
    return f"{field}: {first['msg']}{given}"
