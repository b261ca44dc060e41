"""The way from a trial to the process in which its Flower run lives: a Unix socket in a folder of this user's own."""

from __future__ import annotations

import select
import socket
import subprocess
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from chainward.errors import ChainwardError

START_S = 300.0
"""Seconds in which a program of Flower's must be there, also on a machine that has much else to do."""


class Bridge:
    """The trial's end, open while the other, `connect`, is waited for. The folder's permissions protect it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(1)

    def __enter__(self) -> Bridge:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def accept(self, process: subprocess.Popen[bytes], log: Callable[[], str]) -> Connection:
        """Return the connection once the run is there; it is made once.

        Raises:
            ChainwardError: `process` ended, or nobody came in time; the message ends with its log.
        """
        end = time.monotonic() + START_S
        while process.poll() is None and time.monotonic() < end:
            if select.select([self._server], [], [], 0.2)[0]:
                return Connection(self._server.accept()[0].detach())
        raise ChainwardError(f"the Flower run did not start: {log()}")


def connect(path: str) -> Connection:
    """Return the run's end of the bridge."""
    with socket.socket(socket.AF_UNIX) as bridge:
        bridge.connect(path)
        return Connection(bridge.detach())
