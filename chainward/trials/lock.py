"""One run a folder: two at a time would each write a manifest of half."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from chainward.errors import ChainwardError
from chainward.files import replace_file

_LOCK, _OWNER = ".run.lock", ".run.json"


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Let nobody else run in `folder` meanwhile. The lock is the system's, so that it ends with its process.

    Raises:
        ChainwardError: somebody does; the message says who.
    """
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ChainwardError(f"{folder}: {_owner(folder)} runs there; wait for it, or choose another --out") from None
    except OSError as error:
        raise ChainwardError(f"{folder / _LOCK}: cannot be locked ({error.strerror}); choose another --out") from None
    owner = folder / _OWNER
    try:
        replace_file(owner, json.dumps(_me()).encode())
        yield
    finally:
        with suppress(OSError):
            owner.unlink()
        lock.release()


def _me() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["chainward", *sys.argv[1:]]),
    }


def _owner(folder: Path) -> str:
    try:
        found = json.loads((folder / _OWNER).read_bytes())
        return f"process {found['pid']} on {found['host']}, since {found['since']} ({found['command']}),"
    except (OSError, ValueError, KeyError, TypeError):  # it has only just begun
        return "another process"
