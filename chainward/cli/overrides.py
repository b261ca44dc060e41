"""What the options of `chainward run` put over a plan's fields."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from contextlib import suppress
from typing import Any

from chainward.cli import tables
from chainward.errors import ChainwardError
from chainward.names import quoted


def overrides(options: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that options give, as a plan's document has them.

    Raises:
        ChainwardError: an option is not written as its help says.
    """
    given = dict(options)
    nested = {
        "ledger": {"name": given.pop("ledger"), "consensus": given.pop("consensus")},
        "faults": {"absent": _absences(given.pop("absent")), "delay": _delays(given.pop("delay"))},
        "speeds": _pairs(given.pop("speed")),
        "training": _pairs(given.pop("training")),
        "leaks": tables.reasons(given.pop("leaks")),
        "flower": {"insecure": True} if given.pop("insecure") else {},
        "partition": _partition(given.pop("partition")),
        "params": _parameters(given.pop("params")),
    }
    given["seeds"] = _seeds(given["seeds"], given.pop("seed"))
    given["attacks"] = _attacks(given["attacks"])
    given["tasks"] = tables.entries(given["tasks"], {name: given.pop(name) for name in tables.OPTIONS})
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return _given(plain | {name: _given(table) for name, table in nested.items()})


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Without what was not said."""
    return {name: value for name, value in options.items() if value not in (None, [], {})}


def _seeds(count: int | None, values: tuple[int, ...]) -> int | list[int] | None:
    """How many, or the values; a plan's field takes either."""
    if count is not None and values:
        raise ChainwardError("--seeds and --seed: give how many from 0, or values, not both")
    return list(values) if values else count


def _parameters(values: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Read STRATEGY.FIELD=VALUE."""
    found: dict[str, dict[str, Any]] = {}
    for place, text in _pairs(values).items():
        strategy, dot, field = place.rpartition(".")
        if not (strategy and dot and field and text):
            raise ChainwardError(f"--param {quoted(place)}: write STRATEGY.FIELD=VALUE, as two_cp.setting=consortium")
        found.setdefault(strategy, {})[field] = _value(text)
    return found


def _value(text: str) -> Any:
    """A value as TOML or JSON has it, else text."""
    with suppress(ValueError, RecursionError):
        if "\n" not in text:
            return tomllib.loads(f"value = {text}")["value"]
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return text


def _partition(value: str | None) -> dict[str, str]:
    """Read KIND[:NAME=VALUE,...]."""
    if value is None:
        return {}
    kind, colon, fields = value.partition(":")
    if colon and not all("=" in field for field in fields.split(",")):
        raise ChainwardError(f"--partition {value!r}: write KIND or KIND:NAME=VALUE,..., as labels:hospitals=10")
    return {"kind": kind, **_pairs(tuple(fields.split(",")) if colon else ())}


def _absences(values: tuple[str, ...]) -> dict[str, list[int]]:
    """Read HOSPITAL or HOSPITAL:3,4."""
    absent: dict[str, list[int]] = {}
    for value in values:
        name, colon, rounds = value.partition(":")
        if name in absent:
            raise ChainwardError(
                f"--absent {value!r}: {name!r} is named twice; give all its rounds at once, as {name}:3,4"
            )
        if colon and not rounds.strip():
            raise ChainwardError(f"--absent {value!r}: write HOSPITAL for all rounds, or HOSPITAL:3,4")
        try:
            absent[name] = [int(number) for number in rounds.split(",") if number]
        except ValueError:
            raise ChainwardError(f"--absent {value!r}: write HOSPITAL or HOSPITAL:3,4 with rounds as numbers") from None
    return absent


def _delays(values: tuple[str, ...]) -> dict[str, float]:
    """Read HOSPITAL:SECONDS."""
    delays: dict[str, float] = {}
    for value in values:
        name, _, seconds = value.rpartition(":")
        if name in delays:
            raise ChainwardError(f"--delay {value!r}: {name!r} is named twice; give one delay")
        try:
            delays[name] = float(seconds)
        except ValueError:
            raise ChainwardError(f"--delay {value!r}: write HOSPITAL:SECONDS") from None
    return delays


def _attacks(values: tuple[str, ...]) -> list[dict[str, str]]:
    """Read KIND[:SHARE[:STRENGTH]]."""
    for value in values:
        if value.count(":") > 2:
            raise ChainwardError(f"--attack {value!r}: write KIND, KIND:SHARE or KIND:SHARE:STRENGTH")
    return [dict(zip(("kind", "share", "strength"), value.split(":"), strict=False)) for value in values]


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    """Read NAME=VALUE."""
    pairs = [(name, value) for name, _, value in (text.partition("=") for text in values)]
    twice = next((name for name, count in Counter(name for name, _ in pairs).items() if count > 1), None)
    if twice is not None:
        raise ChainwardError(f"{twice!r} is given twice; give it once")
    return dict(pairs)
