"""The manifest of a report: the digest of every file, their Merkle root, and how they were made.

A record is named by the digest of its content, so that to pack it changes no manifest. Manifests of schema 5 name no
plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, StringConstraints, TypeAdapter

from chainward.results.document import STRICT
from chainward.results.record import Digest, Provenance

SCHEMA: Literal[6] = 6

FileName = Annotated[
    str,
    StringConstraints(pattern=r"^(papers\.json|plan\.toml|records/[0-9a-f]{64}\.json|predictions/[0-9a-f]{64}\.npz)$"),
]


@dataclass(frozen=True)
class Manifest:
    """`files`: SHA-256 by path in the folder. `command`: what was typed. `environment`: where the run ended."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    schema: Literal[5, 6]
    plan: str
    command: str
    environment: Provenance
    files: Mapping[FileName, Digest]
    merkle_root: Digest

    @property
    def trials(self) -> tuple[str, ...]:
        """Ids of the records it names."""
        names = (path.removeprefix("records/") for path in self.files if path.startswith("records/"))
        return tuple(name.removesuffix(".json") for name in names)

    @property
    def whole(self) -> bool:
        """Whether its Merkle root is that of its files."""
        return self.merkle_root == root_of(self.files)


@cache
def adapter() -> TypeAdapter[Manifest]:
    """Return what reads and writes manifests."""
    return TypeAdapter(Manifest)


def manifest_of(files: Mapping[str, str], plan: str, command: str, environment: Provenance) -> Manifest:
    """Return the manifest of files, given by path and digest."""
    ordered = {path: files[path] for path in sorted(files)}
    return Manifest(SCHEMA, plan, command, environment, ordered, root_of(ordered))


def root_of(files: Mapping[str, str]) -> str:
    """Return the Merkle root of files by path; a leaf is the SHA-256 of path, NUL and digest."""
    return merkle_root([hashlib.sha256(f"{path}\0{files[path]}".encode()).hexdigest() for path in sorted(files)])


def merkle_root(leaves: Sequence[str]) -> str:
    """Return the root of a binary SHA-256 tree over hex digests; an odd node is carried up unchanged."""
    level = [bytes.fromhex(leaf) for leaf in leaves] or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        rest = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(left + right).digest() for left, right in pairs] + rest
    return level[0].hex()
