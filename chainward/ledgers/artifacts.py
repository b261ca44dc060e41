"""Compiled contracts: ABI and creation code, as committed beside the sources and carried by the wheel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chainward.errors import ChainwardError
from chainward.folders import ARTIFACTS
from chainward.ledgers import abi
from chainward.names import is_identifier, quoted


@dataclass(frozen=True)
class Function:
    """One function: its 4-byte selector and the ABI types of its inputs and outputs."""

    name: str
    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def encode(self, arguments: Iterable[Any]) -> bytes:
        """Return the calldata."""
        return self.selector + abi.encode(self.inputs, tuple(arguments))

    def decode(self, data: bytes) -> tuple[Any, ...]:
        """Return the results."""
        return abi.decode(self.outputs, data)


@dataclass(frozen=True)
class Event:
    """One event: its name, and name, type and whether indexed of each argument."""

    name: str
    arguments: tuple[tuple[str, str, bool], ...]

    def decode(self, topics: Iterable[bytes], data: bytes) -> dict[str, Any]:
        """Return the arguments by name, from the topics after the first and the data; indexed dynamic values stay the
        hashes they are in a log."""
        indexed = iter(abi.decode(self._kinds(True), b"".join(topics)))
        plain = iter(abi.decode(self._kinds(False), data))
        return {name: next(indexed if is_indexed else plain) for name, _, is_indexed in self.arguments}

    def _kinds(self, indexed: bool) -> tuple[str, ...]:
        return tuple(kind for _, kind, is_indexed in self.arguments if is_indexed == indexed)


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    contract: str
    bytecode: bytes
    constructor: tuple[str, ...]
    functions: Mapping[str, Function]
    events: Mapping[bytes, Event]


def find(contract: str, folders: tuple[Path, ...] = ()) -> Artifact:
    """Return the artifact of `contract` from one of `folders`, else from chainward's own.

    Raises:
        ChainwardError: there is none.
    """
    if not is_identifier(contract):
        raise ChainwardError(f"no contract is called {quoted(contract)}; its name is an identifier")
    for folder in (*folders, ARTIFACTS):
        path = folder / f"{contract}.json"
        if path.is_file():
            return load(path)
    raise ChainwardError(f"no compiled contract {contract}.json; run `make contracts`")


@lru_cache(maxsize=256)
def load(path: Path) -> Artifact:
    """Read one artifact file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = document["abi"]
    constructor: Mapping[str, Any] = next(
        (entry for entry in entries if entry["type"] == "constructor"), {"inputs": []}
    )
    return Artifact(
        document["contract"],
        bytes.fromhex(document["bytecode"].removeprefix("0x")),
        _types(constructor["inputs"]),
        {entry["name"]: _function(entry) for entry in entries if entry["type"] == "function"},
        {_topic(entry): _event(entry) for entry in entries if entry["type"] == "event"},
    )


def _type(entry: Mapping[str, Any]) -> str:
    kind: str = entry["type"]
    if kind.startswith("tuple"):
        return f"({','.join(map(_type, entry['components']))}){kind.removeprefix('tuple')}"
    return kind


def _types(entries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(map(_type, entries))


def _topic(entry: Mapping[str, Any]) -> bytes:
    return keccak(text=f"{entry['name']}({','.join(_types(entry['inputs']))})")


def _function(entry: Mapping[str, Any]) -> Function:
    return Function(entry["name"], _topic(entry)[:4], _types(entry["inputs"]), _types(entry["outputs"]))


def _event(entry: Mapping[str, Any]) -> Event:
    return Event(entry["name"], tuple((item["name"], _type(item), item["indexed"]) for item in entry["inputs"]))
