"""Data files that chainward does not ship: where they lie, what they must hash to, where they come from."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import platformdirs

from chainward.errors import ChainwardError, DataMissing


@dataclass(frozen=True)
class Source:
    """Files published together: `url` ends where a file's name begins, `files` maps names to SHA-256 digests.

    They are looked for, and put, in `folder`, relative to `$CHAINWARD_DATA` or the user's data folder. A digest is of
    the content: a file may lie there compressed (`NAME.gz`), under another name (`aliases`: name -> names), or as a
    member of an archive that the publisher gives out (`archives`, zip or tar). Without a digest ("") any content is
    taken: a loader pins what the file says, or data grow, or nobody may pass them on. Then `credentialed` says how one
    comes to them.
    """

    name: str
    url: str
    folder: str
    files: Mapping[str, str]
    licence: str
    citation: str = ""
    archives: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    credentialed: str = ""


EXPLORER = Source(
    name="explorer",
    url="https://raw.githubusercontent.com/tsungtingkuo/explorerchain/b3c4e8dee108f738c31014c0236f4cbd116a2f48/data/",
    folder="explorer",
    licence="BSD-2-Clause, (c) 2012 Shuang Wang",
    files={
        "ca_test_1.txt": "ef9e6ba016b81229a16d3acbd30453de468f9e57b89ff2d758f421326a6b0488",
        "ca_test_2.txt": "24d829ae6f032e5bb53ca4626514774eee3c1865d8f30ce407ce1290ce8bc985",
        "ca_train_1.txt": "5d6a4ba4df6c01f1216b0592c137cea73b16a35025fe837e278d4f0ea95a1f15",
        "ca_train_2.txt": "981116ed4ad52f46c514d165866cd244ce8fdfcdb8b5a3a61076aac6de68e60a",
        "edin_test_1.txt": "1855eebc2b4731952d4874a96cbf99daa8a88c52dd5d00d30bf5074619c37b34",
        "edin_test_2.txt": "33be4d35789d0079f999988978d9cc34a5e19daae778d1f1c1eca3a8f45dc183",
        "edin_train_1.txt": "3f8ccf8edf13c4afdc0042b593bb37a6a92b67914b96689f0a580a984defd997",
        "edin_train_2.txt": "0467bdbc314c7b9a8d44dada06cbda3927d0e60ca8f3454439d1e73b20cc8c44",
    },
)
"""The four train and four test files of ExplorerChain's repository at a fixed commit.

The digests are those of the authors' bytes. The names under `url` are recalled, not looked up: the digest decides
on first use whether what arrives is the same file.
"""


def folder() -> Path:
    """The user's data folder, where downloads are put."""
    return platformdirs.user_data_path("chainward", appauthor=False)


def find(relative: str) -> Path | None:
    """The file `relative` under `$CHAINWARD_DATA`, else under the user's data folder, else None."""
    given = os.environ.get("CHAINWARD_DATA")
    places = [Path(given), folder()] if given else [folder()]
    return next((place / relative for place in places if (place / relative).is_file()), None)


def spellings(source: Source, name: str) -> tuple[str, ...]:
    """The names under which a file of `source` may lie: its own, its aliases, each also compressed."""
    return tuple(other for one in (name, *source.aliases.get(name, ())) for other in (one, f"{one}.gz"))


def located(source: Source, name: str) -> Located | None:
    """Where the content of a file of `source` lies on this machine: itself, compressed, renamed or in an archive."""
    for spelling in spellings(source, name):
        if path := find(f"{source.folder}/{spelling}"):
            return Located(path, None)
    for archive in source.archives:
        path = find(f"{source.folder}/{archive}")
        if path and (member := _member_called(name, path)):
            return Located(path, member)
    return None


def _member_called(name: str, archive: Path) -> str | None:
    """The member `name`, or the only one so called in any folder; of a broken archive `name`: reading it says why."""
    status = archive.stat()
    try:
        members = _members(archive, status.st_mtime_ns, status.st_size)
    except _BROKEN:
        return name
    if name in members:
        return name
    deeper = [member for member in members if member.endswith(f"/{name}")]
    return deeper[0] if len(deeper) == 1 else None


@lru_cache(maxsize=64)
def _members(archive: Path, _: int, __: int) -> frozenset[str]:
    """The members of an archive as it was at a time and of a size: to list a compressed one is to read it whole."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            return frozenset(opened.namelist())
    with tarfile.open(archive) as tar:
        return frozenset(tar.getnames())


_BROKEN = (OSError, EOFError, KeyError, RuntimeError, zlib.error, zipfile.BadZipFile, tarfile.TarError)


@dataclass(frozen=True)
class Located:
    """A file, or a member of the archive that a file is."""

    path: Path
    member: str | None

    def __str__(self) -> str:
        return f"{self.path}, member {self.member}" if self.member else str(self.path)

    def content(self) -> bytes:
        """The bytes, decompressed.

        Raises:
            ChainwardError: the file is no such archive or broken, or the archive has no such member.
        """
        try:
            if self.member is not None:
                return _member(self.path, self.member)
            return gzip.decompress(self.path.read_bytes()) if self.path.suffix == ".gz" else self.path.read_bytes()
        except _BROKEN as reason:
            what = f"its member {self.member}" if self.member else "it"
            why = " ".join(str(reason).split())
            raise ChainwardError(f"{self.path}: {what} cannot be read ({why}); get the file again") from reason


def _member(path: Path, name: str) -> bytes:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    with tarfile.open(path) as tar:
        member = tar.extractfile(name)
        if member is None:
            raise KeyError(f"{name} is no file")
        return member.read()


def requires(source: Source, names: tuple[str, ...]) -> str | None:
    """None when every one of `names` is on this machine, else one line on what to fetch."""
    absent = [name for name in names if located(source, name) is None]
    if not absent:
        return None
    given = os.environ.get("CHAINWARD_DATA")
    wrong = f"; CHAINWARD_DATA is {given}, which is no folder" if given and not Path(given).is_dir() else ""
    place = f"set CHAINWARD_DATA to a folder that holds {source.folder}/"
    got = source.credentialed or f"run `chainward data get {source.name}`"
    return f"{', '.join(absent)} not found: {got}, or {place}{wrong}"


def paths(source: Source, names: tuple[str, ...]) -> tuple[Path, ...]:
    """Where these files lie on this machine, an archive where a file is in one.

    Raises DataMissing when one is not there.
    """
    found = [located(source, name) for name in names]
    if None in found:
        raise DataMissing(requires(source, names))
    return tuple(one.path for one in found if one)


def read(source: Source, name: str) -> bytes:
    """The checked content of one file of `source`, decompressed, with the line endings it was published with.

    Raises DataMissing when it is not on this machine and ChainwardError when it is not the pinned file.
    """
    found = located(source, name)
    if found is None:
        raise DataMissing(requires(source, (name,)))
    content, expected = found.content(), source.files[name]
    return _checked(str(found), content, expected) if expected else content


def verified(path: Path, sha256: str) -> bytes:
    """The bytes of `path`, with the line endings they were published with.

    Raises ChainwardError when their SHA-256 is not `sha256`.
    """
    return _checked(str(path), path.read_bytes(), sha256)


def as_published(content: bytes, sha256: str) -> bytes | None:
    r"""The content, or what it is with the other line endings, of which this is the SHA-256; None for another content.

    Examples:
        >>> pinned = hashlib.sha256(b"a\nb\n").hexdigest()
        >>> as_published(b"a\r\nb\r\n", pinned), as_published(b"a\nc\n", pinned)
        (b'a\nb\n', None)
    """
    if hashlib.sha256(content).hexdigest() == sha256:
        return content
    lines = content.replace(b"\r\n", b"\n")
    others = (lines, lines.replace(b"\n", b"\r\n"))
    return next((other for other in others if hashlib.sha256(other).hexdigest() == sha256), None)


def _checked(place: str, content: bytes, sha256: str) -> bytes:
    published = as_published(content, sha256)
    if published is None:
        found = hashlib.sha256(content).hexdigest()
        raise ChainwardError(f"{place} has SHA-256 {found}, expected {sha256}: replace it with the published file")
    return published
