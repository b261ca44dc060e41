"""Values that survive being saved: written in canonical form and read back, they are what they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainward import codec


def largest_array(value: Any) -> int:
    """Return how many numbers the largest array in a value holds."""
    if isinstance(value, np.ndarray):
        return int(value.size)
    if isinstance(value, Mapping):
        return max(map(largest_array, value.values()), default=0)
    return max(map(largest_array, value), default=0) if isinstance(value, tuple) else 0


def changes(value: Any, where: str) -> Iterator[str]:
    """Yield what is no longer the same after saving and loading `value`, each with its place under `where`.

    A list comes back as a tuple, a NumPy scalar as a number, a nested dataclass as a mapping: a resumed trial would go
    on with something else than it stopped with.
    """
    try:
        again = codec.decode(codec.encode(value))
    except Exception as error:  # whatever keeps it from being saved is the answer
        yield f"{where} cannot be saved: {error}"
        return
    yield from _differences(value, again, where)


def _differences(value: Any, again: Any, where: str) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(again, Mapping):
        if list(map(repr, value)) != list(map(repr, again)) and set(value) != set(again):
            yield f"{where} has keys {list(value)}, loaded {list(again)}"
            return
        for key in value:
            yield from _differences(value[key], again[key], f"{where}[{key!r}]")
    elif type(value) is not type(again) and not isinstance(value, str):
        yield f"{where} is a {type(value).__name__}, loaded a {type(again).__name__}"
    elif isinstance(value, tuple):
        for number, (item, same) in enumerate(zip(value, again, strict=True)):
            yield from _differences(item, same, f"{where}[{number}]")
    elif isinstance(value, np.ndarray):
        if value.dtype != again.dtype or value.shape != again.shape or value.tobytes() != again.tobytes():
            yield f"{where} is another array when loaded"
    elif value != again and value == value:
        yield f"{where} is {value!r}, loaded {again!r}"
