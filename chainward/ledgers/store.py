"""Content-addressed storage in memory; ids are CIDv1 as IPFS gives them, so that a node can stand in."""

from __future__ import annotations

from collections.abc import Mapping

from chainward import codec
from chainward.errors import ChainwardError
from chainward.names import is_content_id, quoted


class MemoryStore:
    """Keeps content by the CIDv1 (raw, sha2-256, base32) of its bytes."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep `data` and return its CIDv1."""
        cid = codec.content_id(data)
        self.content[cid] = data
        return cid

    def get(self, cid: str) -> bytes:
        """Return what `put` kept under `cid`.

        Raises:
            ChainwardError: nothing is kept under it.
        """
        if not is_content_id(cid) or cid not in self.content:
            raise ChainwardError(f"nothing is stored under {quoted(cid)}")
        return self.content[cid]

    def snapshot(self) -> Mapping[str, bytes]:
        """Return all content."""
        return self.content

    def restore(self, content: Mapping[str, bytes]) -> None:
        """Put back the content of a checkpoint."""
        self.content.update(content)
