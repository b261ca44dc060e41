"""The processes that something leaves behind."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def nothing_left(patience_s: float = 10.0) -> Iterator[str]:
    """Fail if a process outlives the block that started it, whoever its parent is by then; yields its mark.

    Children inherit the environment, so what was started inside is known by a variable of its own. Without /proc
    nothing is found.
    """
    mark = f"CHAINWARD_TEST_{secrets.token_hex(8)}"
    os.environ[mark] = "1"
    try:
        yield mark
    finally:
        del os.environ[mark]
    end = time.monotonic() + patience_s
    while marked(mark) and time.monotonic() < end:
        time.sleep(0.1)
    assert not marked(mark), [commands(pid) for pid in marked(mark)]


def marked(mark: str) -> set[int]:
    """Running processes with this variable in their environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{mark}=".encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def commands(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""
