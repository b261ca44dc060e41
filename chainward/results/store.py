"""Records: one JSON file a trial, written whole or not at all, and the manifest that makes a set of them checkable."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chainward.errors import ChainwardError
from chainward.files import replace_file
from chainward.folders import CHECKOUT

SCHEMA = 1
MANIFEST = "manifest.json"
_PACKAGES = (
    "chainward",
    "torch",
    "pytorch-lightning",
    "numpy",
    "pandas",
    "pyrevm",
    "scipy",
    "cbor2",
    "eth-abi",
    "flwr",
    "eth-brownie",
)


def folder(out: Path) -> Path:
    """Return where the records of a report folder lie."""
    return out / "records"


def path_of(out: Path, identifier: str) -> Path:
    """Return the file of one record."""
    return folder(out) / f"{identifier}.json"


def write(out: Path, record: Mapping[str, Any]) -> Path:
    """Write one record; after a crash the file is either absent or whole.

    Raises:
        ChainwardError: the folder cannot be written.
    """
    path = path_of(out, record["id"])
    try:
        replace_file(path, encode(record))
    except OSError as error:
        raise ChainwardError(f"{out}: cannot be written ({error.strerror}); choose another folder with --out") from None
    return path


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the JSON of a record or of a part of one.

    Raises:
        TypeError, ValueError: it holds what JSON cannot, such as a number that is not finite.
    """
    return json.dumps(document, sort_keys=True, allow_nan=False).encode()


def read(path: Path) -> dict[str, Any] | None:
    """Return a sound record: it parses, has our schema and is filed under its own id. Else `None`."""
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    sound = isinstance(record, dict) and record.get("schema") == SCHEMA and record.get("id") == path.stem
    return record if sound else None


def read_all(out: Path) -> list[dict[str, Any]]:
    """Return every sound record of a report folder, in order of task, strategy, seed and id.

    Raises:
        ChainwardError: there is none.
    """
    records = [record for path in sorted(folder(out).glob("*.json")) if (record := read(path))]
    if not records:
        raise ChainwardError(f"{out}: no records here; run a plan first, e.g. `chainward run benchmarks/demo.toml`")
    return sorted(records, key=order)


def order(record: Mapping[str, Any]) -> tuple[str, str, int, str]:
    """Return the sort key of a record: task, strategy, seed, id."""
    specification = record["specification"]
    return specification["task"], specification["strategy"], specification["seed"], record["id"]


def provenance(device: str) -> dict[str, Any]:
    """Return what a reader needs to run this again: versions, platform, device, commit, time."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
        "commit": _commit(),
    }


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@cache
def _commit() -> str | None:
    """The commit of a checkout, with a mark when files differ from it; `None` in an installed wheel."""
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def merkle_root(leaves: Sequence[str]) -> str:
    """Return the root of a binary SHA-256 tree over hex digests; an odd node is carried up unchanged."""
    level = [bytes.fromhex(leaf) for leaf in leaves] or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        rest = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(left + right).digest() for left, right in pairs] + rest
    return level[0].hex()


def manifest(out: Path, identifiers: Iterable[str]) -> dict[str, Any]:
    """Return the manifest over these records: SHA-256 of each file, sorted by id, and their Merkle root."""
    digests = {name: hashlib.sha256(path_of(out, name).read_bytes()).hexdigest() for name in sorted(identifiers)}
    return {"schema": SCHEMA, "records": digests, "merkle_root": merkle_root(list(digests.values()))}


def write_manifest(out: Path, identifiers: Iterable[str], environment: Mapping[str, Any]) -> dict[str, Any]:
    """Write and return the manifest, with the environment it was made in."""
    document = {**manifest(out, identifiers), "environment": dict(environment)}
    replace_file(out / MANIFEST, json.dumps(document, indent=2, sort_keys=True).encode())
    return document


def read_manifest(out: Path) -> dict[str, Any]:
    """Return the manifest of a report folder.

    Raises:
        ChainwardError: there is none, or it does not parse.
    """
    try:
        document = json.loads((out / MANIFEST).read_bytes())
    except OSError:
        raise ChainwardError(f"{out}: no {MANIFEST}; `chainward run` writes it at the end of a plan") from None
    except ValueError as error:
        raise ChainwardError(f"{out / MANIFEST}: not valid JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("records"), dict) and "merkle_root" in document:
        return document
    raise ChainwardError(f"{out / MANIFEST}: names no records; run the plan again")


def verify(out: Path) -> list[str]:
    """Return what is wrong with a report folder: records that differ, are missing, or do not add up to the root."""
    document = read_manifest(out)
    expected: dict[str, str] = document["records"]
    problems = []
    for name, digest in expected.items():
        path = path_of(out, name)
        if not path.is_file():
            problems.append(f"record {name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            problems.append(f"record {name} was changed")
    try:
        root = merkle_root([expected[name] for name in sorted(expected)])
    except (TypeError, ValueError):  # a digest that is none
        root = None
    if root != document["merkle_root"]:
        problems.append("the manifest's Merkle root does not belong to its records")
    return problems
