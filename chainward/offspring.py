"""Everything a process started, found by a variable in its environment, which children inherit whoever their parent
is by then."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

RUN = "CHAINWARD_RUN"
"""Names the run in the environment of all that a run starts."""

TRIAL = "CHAINWARD_TRIAL"
"""Names the trial in the environment of all that a trial starts in a process of its own."""

_PATIENCE_S = 3.0


def marked(variable: str, value: str) -> Iterator[psutil.Process]:
    """Yield this user's other running processes that were started with this variable in their environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(variable) == value:
                yield process


def end(variable: str, value: str) -> None:
    """End all of them at once, also those they start meanwhile."""
    until = time.monotonic() + _PATIENCE_S
    while (found := [*marked(variable, value)]) and time.monotonic() < until:
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=0.2)
