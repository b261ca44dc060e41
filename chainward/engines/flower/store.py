"""A content store in a folder that several processes share; it stands where an IPFS node would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chainward import codec
from chainward.errors import ChainwardError
from chainward.files import replace_file
from chainward.names import is_content_id, quoted


class DirectoryStore:
    """One file a content, named by its CIDv1. What does not belong under its name is refused."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes) -> str:
        """Keep `data` and return its CIDv1."""
        cid = codec.content_id(data)
        if not self._path(cid).is_file():
            replace_file(self._path(cid), data)
        return cid

    def get(self, cid: str) -> bytes:
        """Return what `put` kept under `cid`.

        Raises:
            ChainwardError: nothing is kept under it, or what is there is something else.
        """
        if not is_content_id(cid) or not self._path(cid).is_file():
            raise ChainwardError(f"nothing is stored under {quoted(cid)}")
        data = self._path(cid).read_bytes()
        if codec.content_id(data) != cid:
            raise ChainwardError(f"what is stored under {cid} is not what was put there")
        return data

    def snapshot(self) -> Mapping[str, bytes]:
        """Return everything by its CIDv1."""
        return {path.name: path.read_bytes() for path in self._folder.glob("*") if is_content_id(path.name)}

    def restore(self, content: Mapping[str, bytes]) -> None:
        """Put back the content of a checkpoint."""
        for data in content.values():
            self.put(data)

    def _path(self, cid: str) -> Path:
        return self._folder / cid
