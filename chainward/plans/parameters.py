"""Strategies' parameters given one by one: put into every entry of a strategy in a plan's document."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from chainward.errors import ChainwardError
from chainward.names import LONGEST, quoted
from chainward.strategy import discovery

Parameters = Mapping[str, Mapping[str, Any]]
"""Strategy -> parameter -> value."""


def put(document: Mapping[str, Any], given: Parameters) -> dict[str, Any]:
    """Return a plan's document with these parameters at each place that names their strategy, in parts too.

    Examples:
        >>> put({"strategies": ["fedavg", "pooled"]}, {"fedavg": {"weighted": False}})
        {'strategies': [{'key': 'fedavg', 'weighted': False}, 'pooled']}

    Raises:
        ChainwardError: the document names no such strategy, or it has no such parameter; the message has the closest.
    """
    named = list(dict.fromkeys(_named(document)))
    for key, fields in given.items():
        if key not in named:
            raise ChainwardError(f"--param {key}: the plan has no strategy {_unknown(key, named)}")
        known = [field.name for field in dataclasses.fields(discovery.load(key))]
        if wrong := next((name for name in fields if name not in known), None):
            raise ChainwardError(f"--param {key}.{wrong}: {key} has no parameter {_unknown(wrong, known)}")
    return _put(document, given)


def _put(document: Mapping[str, Any], given: Parameters) -> dict[str, Any]:
    changed = dict(document)
    if isinstance(entries := document.get("strategies"), list | tuple):
        changed["strategies"] = [_entry(entry, given) for entry in entries]
    if isinstance(parts := document.get("parts"), list):
        changed["parts"] = [_put(part, given) if isinstance(part, Mapping) else part for part in parts]
    return changed


def _entry(entry: Any, given: Parameters) -> Any:
    key = _key(entry)
    if key not in given:
        return entry
    return {**(entry if isinstance(entry, Mapping) else {"key": key}), **given[key]}


def _named(document: Mapping[str, Any]) -> Iterator[str]:
    entries, parts = document.get("strategies"), document.get("parts")
    yield from (key for entry in (entries if isinstance(entries, list | tuple) else ()) if (key := _key(entry)))
    for part in parts if isinstance(parts, list) else ():
        yield from _named(part) if isinstance(part, Mapping) else ()


def _key(entry: Any) -> str:
    key = entry.get("key") if isinstance(entry, Mapping) else entry
    return key if isinstance(key, str) else ""


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name[:LONGEST], known, n=1)
    suggestion = f"; did you mean {quoted(close[0])}?" if close else ""
    return f"{quoted(name)}{suggestion or ';'} it has {', '.join(known) or 'none'}"
