"""A process that waits for the end of a run, whatever ends it, and takes away what the run left.

Workers and what they start end with the run by themselves where they can. A guard is for what cannot: a server's
helper in a session of its own, a program that a strategy started, keys in a temporary folder.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chainward import leftovers, offspring

_PATIENCE_S = 10.0


@contextmanager
def left_to_a_guard() -> Iterator[None]:
    """Have a guard for what is started inside; after a run that ended by itself there is nothing for it to do."""
    mark = secrets.token_hex(8)
    guard = subprocess.Popen(
        [sys.executable, "-m", __name__, mark],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a signal to the run's whole group does not end it
    )
    os.environ[offspring.RUN] = mark
    try:
        yield
    finally:
        del os.environ[offspring.RUN]
        with suppress(subprocess.TimeoutExpired):
            guard.communicate(timeout=_PATIENCE_S)


def main(mark: str) -> None:
    """Wait until the run closes its end of the pipe, by its own will or not, and clean up."""
    sys.stdin.buffer.read()
    offspring.end(offspring.RUN, mark)
    leftovers.clean_temporary()


if __name__ == "__main__":
    main(sys.argv[1])
