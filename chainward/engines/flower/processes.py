"""Child processes that never outlive their trial: each in a group of its own, marked, and ended with its offspring."""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from chainward import offspring
from chainward.engines.flower.bridge import START_S

_MARK = "CHAINWARD_FLOWER"
_DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
_GUARD = (sys.executable, "-ISc", _DIE_WITH_PARENT) if sys.platform == "linux" else ()  # 1: PR_SET_PDEATHSIG


class Processes:
    """Programs of this Python's environment, with their logs in one folder.

    SuperLink puts its helper into a session of its own, which no signal to a group reaches. So every process carries
    a mark in its environment, by which the whole offspring is found.
    """

    def __init__(self, logs: Path) -> None:
        self._logs, self._mark = logs, secrets.token_hex(16)
        self._started: list[subprocess.Popen[bytes]] = []
        atexit.register(self.close)

    def start(
        self, name: str, program: str, *arguments: str, home: Path, first: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program in the background; the programs in the folder `first` hide others of their name from it."""
        with (self._logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*_GUARD, program_path(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(home, first),
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def call(self, name: str, *command: str, home: Path) -> None:
        """Run a program to its end; see `call_all`."""
        self.call_all(name, [command], home)

    def call_all(self, name: str, commands: Iterable[Sequence[str]], home: Path) -> None:
        """Run programs to their ends, beside each other.

        Raises:
            RuntimeError: one failed; the message is the end of their log.
        """
        for process in [self.start(name, *command, home=home) for command in commands]:
            if process.wait(timeout=START_S):
                raise RuntimeError(f"{name} failed: {self.tail(name)}")

    def text(self, name: str) -> str:
        """Return a program's log."""
        return (self._logs / f"{name}.log").read_text(errors="replace")

    def tail(self, name: str) -> str:
        """Return the end of a program's log."""
        return self.text(name)[-600:].strip()

    def ended(self, name: str, process: subprocess.Popen[bytes]) -> str:
        """Return how a program ended, with the end of its log; nothing while it runs."""
        code = process.poll()
        return "" if code is None else f"{name} ended with exit code {code}: {self.tail(name)}"

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one program with its group, at once."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """End everything, politely first."""
        atexit.unregister(self.close)
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        patience = time.monotonic() + 3
        while time.monotonic() < patience and any(process.poll() is None for process in self._started):
            time.sleep(0.05)
        for process in self._started:
            self.end(process)
        offspring.end(_MARK, self._mark)

    def _environment(self, home: Path, first: Path | None) -> Mapping[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("FLWR_", "COV_"))}
        folders = [*([str(first)] if first else []), str(Path(program_path("flwr")).parent), own.get("PATH", "")]
        return own | {
            _MARK: self._mark,
            "PATH": os.pathsep.join(folders),
            "FLWR_HOME": str(home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",
        }


def program_path(name: str) -> str:
    """Return where a program of this Python's environment lies."""
    return str(Path(sys.executable).parent / name)
