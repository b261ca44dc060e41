"""Files that are either old or new, whatever happens, and reading what somebody else may have put there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from threading import get_ident

from chainward.errors import ChainwardError
from chainward.leftovers import owner_tag


class Unwritable(ChainwardError, OSError):
    """A file cannot be written: the disk is full, say, or belongs to somebody else."""

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written ({self.strerror}); make room, or choose another folder with --out"


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either the old or the whole new content, even if the machine stops.

    Raises:
        Unwritable: that fails; the old content is still there.
    """
    replace_files({path: data})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write several files as `replace_file` does; none is replaced before all new contents are on the disk.

    Raises:
        Unwritable: that fails; every file still is the old or the whole new one.
    """
    staged: dict[Path, Path] = {}
    at = None
    try:
        for at, data in contents.items():
            at.parent.mkdir(parents=True, exist_ok=True)
            staged[at] = at.with_name(f"{at.name}.{owner_tag()}.{get_ident()}.part")
            _write(staged[at], data)
        for at, part in staged.items():
            part.replace(at)
        for at in {path.parent: path for path in contents}.values():
            _settle(at.parent)
    except OSError as error:
        raise Unwritable(error.errno, error.strerror, str(at)) from None
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Have the names in a folder on the disk too, where a system lets one ask for it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_file(path: Path, largest: int) -> bytes:
    """Return the content of a regular file; anything else is refused without waiting for it.

    Raises:
        FileNotFoundError: there is none.
        ChainwardError: it is a folder, a pipe or a device, larger than `largest` bytes, or cannot be read.
    """
    try:
        # A pipe would wait for somebody to write.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ChainwardError(f"cannot be read ({error.strerror})") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ChainwardError("is no regular file")
        if found.st_size > largest:
            raise ChainwardError(f"is larger than {largest:,} bytes")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
