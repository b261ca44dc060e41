"""What is wrong with a plan's document, in our words where those of the validation are not for users."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from chainward.names import quoted
from chainward.plans.plan import Plan


def first_mistake(error: ValidationError) -> str:
    """Return the first mistake in a plan's document: its field, what is wrong and, where that can be said, the fix."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "value_error":  # our own words, which say what was given
        return ": ".join(filter(None, (where, str(first["ctx"]["error"]))))
    if first["type"] == "extra_forbidden":
        return f"{where}: {_no_field(first['loc'])}"
    if first["type"] == "string_pattern_mismatch":
        return f"{where}: write letters, digits, '_', '.' and '-', not {quoted(str(first['input']))}"
    return f"{where}: {first['msg']} (got {quoted(str(first['input']))})"


def _no_field(place: Sequence[int | str]) -> str:
    """What fields there are where one is that does not exist, the closest first."""
    model: type[BaseModel] | None = Plan
    for name in place[:-1]:
        if model is not None and isinstance(name, str) and name in model.model_fields:
            model = next(_models(model.model_fields[name].annotation), None)
    known = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    offered = f"did you mean {close[0]!r}? " if close else ""
    return f"there is no such field; {offered}There is {', '.join(known)}"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
