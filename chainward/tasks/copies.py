"""Whether a data file here is the published one, and if not, what became of it: named by its cause."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainward.errors import ChainwardError
from chainward.tasks.sources import Located, Source, as_published, located

Status = Literal["ok", "missing", "changed"]


@dataclass(frozen=True)
class Copy:
    """A file of a source as it is here: whether it is the published one, where it lies, and what there is to say."""

    name: str
    status: Status
    place: str | None
    detail: str


def copies(source: Source) -> tuple[Copy, ...]:
    """Every file of a source, in its order, read and compared with its pinned digest."""
    return tuple(_copy(source, name) for name in source.files)


def _copy(source: Source, name: str) -> Copy:
    found = located(source, name)
    if found is None:
        return Copy(name, "missing", None, _absent(source))
    pinned = source.files[name]
    if not pinned:  # what nobody can check need not be read, which may take hours
        return Copy(name, "ok", str(found), "; ".join(["not pinned: any content is taken", *_wrapped(found, name)]))
    try:
        content = found.content()
    except ChainwardError as reason:
        return Copy(name, "changed", str(found), str(reason))
    published = as_published(content, pinned)
    if published is None:
        return Copy(name, "changed", str(found), cause(content, name, source.files))
    return Copy(name, "ok", str(found), "; ".join([*_wrapped(found, name), *_endings(content, published)]))


def _absent(source: Source) -> str:
    archives = f", and not in {', '.join(source.archives)}" if source.archives else ""
    return f"not in {source.folder}/{archives}"


def _wrapped(found: Located, name: str) -> Iterator[str]:
    """How a sound copy lies here, where it is not the file as published."""
    if found.member is not None:
        yield f"read from {found.path.name}" + (f" as {found.member}" if found.member != name else "")
    elif found.path.suffix == ".gz":
        yield "the same content, compressed"
    elif found.path.name != Path(name).name:
        yield f"the same content under the name {found.path.name}"


def _endings(content: bytes, published: bytes) -> Iterator[str]:
    if content != published:
        mine = "CRLF" if b"\r\n" in content else "LF"
        yield f"the same content with {mine} line endings, read with those it was published with"


def cause(content: bytes, name: str, files: Mapping[str, str]) -> str:
    """Why a content is not that of the file `name` among `files` (names to digests), in words that say what to do.

    Examples:
        >>> cause(b"", "a.csv", {"a.csv": 64 * "0"})
        'is empty; get the file again'
    """
    pinned = files[name]
    other = next((one for one, digest in files.items() if digest and as_published(content, digest) is not None), None)
    if other is not None:
        return f"has the content of {other}; give each file its own name"
    for told, mended in _MENDED.items():
        if _is(mended, content, pinned):
            return f"is the published file, but {told}"
    start = content[:512].lstrip().lower()
    if not content.strip():
        return "is empty; get the file again"
    if start.startswith((b"<!doctype html", b"<html")):
        return "is a web page, perhaps of a login, not the data; get the file again"
    if content.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the data; get the file itself"
    return f"has SHA-256 {hashlib.sha256(content).hexdigest()}, expected {pinned}; replace it with the published file"


def _is(mended: Callable[[bytes], bytes], content: bytes, pinned: str) -> bool:
    try:
        return as_published(mended(content), pinned) is not None
    except (ValueError, OSError, EOFError):
        return False


# What people and programs do to a file on its way, and how to undo it.
_MENDED: Mapping[str, Callable[[bytes], bytes]] = {
    "compressed without saying so: add .gz to its name": gzip.decompress,
    "compressed twice: decompress it once": lambda content: gzip.decompress(gzip.decompress(content)),
    "with a byte-order mark before it: save it without one": lambda content: content.removeprefix(b"\xef\xbb\xbf"),
    "in UTF-16: save it in UTF-8": lambda content: content.decode("utf-16").encode(),
    "in UTF-16: save it in Latin-1": lambda content: content.decode("utf-16").encode("latin-1"),
    "in UTF-8 where it was in Latin-1: save it in Latin-1": lambda content: content.decode().encode("latin-1"),
    "in Latin-1 where it was in UTF-8: save it in UTF-8": lambda content: content.decode("latin-1").encode(),
    "with another end: one line break too many or too few": lambda content: content.rstrip(b"\r\n") + b"\n",
    "with one line break too many or too few at its end": lambda content: content.rstrip(b"\r\n"),
    "with old Macintosh line endings: convert them": lambda content: content.replace(b"\r", b"\n"),
}
