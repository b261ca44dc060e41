"""Files that are either old or new, whatever happens, and reading what somebody else may have put there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from threading import get_ident

from chainward.errors import ChainwardError


def replace_file(path: Path, data: bytes) -> None:
    """Write `data` so that `path` holds either the old or the whole new content, even if the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


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
