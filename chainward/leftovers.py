"""What a process that died leaves on disk: its name says whose it is, so that the next run can take it away."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

_TAG = re.compile(r"(?P<host>[0-9a-f]{4})-(?P<pid>\d+)-(?P<start>\d+)")
_CLOCK_STEP_S = 60.0
"""A process's start is told by the clock, which may be set meanwhile: a start this close is the same process's."""


def owner_tag() -> str:
    """Return this process's name among all of all machines that share a disk: machine, process, start."""
    return _tag(os.getpid())


def is_orphaned(name: str) -> bool:
    """Say whether `name` carries the tag of a process of this machine that is gone."""
    found = _TAG.search(name)
    if found is None or found["host"] != _host():
        return False
    try:
        started: float = psutil.Process(int(found["pid"])).create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # it is there, and somebody else's
        return False
    return abs(started - int(found["start"])) > _CLOCK_STEP_S


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new temporary folder, named after its owner and readable by its user only."""
    return tempfile.TemporaryDirectory(prefix=f"chainward-{owner_tag()}-", ignore_cleanup_errors=True)


def clean_temporary() -> None:
    """Remove the temporary folders of this user's processes that are gone."""
    for folder in Path(tempfile.gettempdir()).glob("chainward-*"):
        if is_orphaned(folder.name) and _is_mine(folder):
            shutil.rmtree(folder, ignore_errors=True)


def clean_parts(folder: Path) -> None:
    """Remove the half-written files in `folder` and below whose writers are gone; see `chainward.files`."""
    for path in folder.rglob("*.part"):
        if is_orphaned(path.name):
            with suppress(OSError):
                path.unlink()


def _is_mine(path: Path) -> bool:
    with suppress(OSError):
        return path.is_dir() and not path.is_symlink() and (os.name != "posix" or path.stat().st_uid == os.getuid())
    return False


@cache
def _tag(pid: int) -> str:
    return f"{_host()}-{pid}-{int(psutil.Process(pid).create_time())}"


@cache
def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:4]
