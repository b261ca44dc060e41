"""What the fields of a plan may hold at all, whatever they are called: JSON's own values, of a sensible size."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from chainward.errors import ChainwardError
from chainward.names import is_plain, quoted

DEEPEST, LONGEST_TEXT, LONGEST_NAME = 16, 1000, 200
INTEGERS = range(-(2**63), 2**63)


def check(document: Mapping[str, Any]) -> None:
    """Refuse what no record, folder or terminal could hold: breadth first, so that no depth is too deep for it.

    Raises:
        ChainwardError: the message names the field and the limit.
    """
    waiting: deque[tuple[str, Any, int]] = deque([("", document, 0)])
    while waiting:
        where, value, depth = waiting.popleft()
        if told := _mistake(value, depth):
            raise ChainwardError(f"{where}: {told}" if where else told)
        waiting.extend((f"{where}.{name}" if where else str(name), item, depth + 1) for name, item in _items(value))


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value) if isinstance(value, list | tuple) else ()


def _mistake(value: Any, depth: int) -> str:
    """What is wrong with a value itself; empty where nothing is."""
    if isinstance(value, Mapping | list | tuple):
        names = value if isinstance(value, Mapping) else ()
        wrong = next((name for name in names if not 0 < len(name) <= LONGEST_NAME or not is_plain(name)), None)
        if wrong is not None:
            return f"a name has 1 to {LONGEST_NAME} printable characters, not {quoted(wrong)}"
        return f"tables and lists may be {DEEPEST} deep, not deeper" if depth > DEEPEST else ""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return f"text has at most {LONGEST_TEXT} characters, not {len(value)}"
        return "" if is_plain(value) else f"text has no control characters; this is {quoted(value)}"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "must be a finite number"
    if isinstance(value, int):
        return "" if value in INTEGERS else "a whole number has at most 64 bits"
    return f"a {type(value).__name__} has no place in a plan; write text or a number"
