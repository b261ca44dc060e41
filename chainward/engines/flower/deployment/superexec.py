"""A SuperExec that has everything imported: a process that answers a message is forked from one, not begun anew.

Flower's own starts a Python for every message, and each imports torch: seven seconds for four hospitals on two cores.
SuperNode looks for `flower-superexec` on its path, where it finds this one. It is Flower's in all but this; should
Flower start its programs in another way one day, they start that way.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

_NAME, _FORKED = "flower-superexec", "flwr-clientapp"


def install(folder: Path) -> Path:
    """Write the program into a folder and return the folder, which is to come first on a SuperNode's path."""
    folder.mkdir(exist_ok=True)
    program = folder / _NAME
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from {__name__} import main; main()" "$@"\n')
    program.chmod(0o755)
    return folder


def main() -> None:
    """Be Flower's SuperExec, beside a process with everything imported that lives as long."""
    superexec = _program(_NAME)  # what it imports is there for both
    there, here = os.pipe()
    if os.fork() == 0:
        os.close(here)
        _serve(there)
    os.close(there)
    start = subprocess.Popen

    def popen(arguments: Any, *others: Any, **options: Any) -> Any:
        if arguments[0] != _FORKED:
            return start(arguments, *others, **options)
        return os.write(here, json.dumps(arguments).encode() + b"\n")

    subprocess.Popen = popen  # type: ignore[assignment,misc]
    sys.argv[0] = _NAME
    sys.exit(superexec())


def _serve(requests: int) -> None:
    """Fork for every command that arrives, one a line, until the other end closes."""
    import_module("chainward.engines.flower.app")
    clientapp = _program(_FORKED)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with os.fdopen(requests) as lines:
        for line in lines:
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                sys.argv = json.loads(line)
                sys.exit(clientapp())
    sys.exit()


def _program(name: str) -> Callable[[], Any]:
    """What the installed program of this name calls."""
    (found,) = entry_points(group="console_scripts", name=name)
    program: Callable[[], Any] = found.load()
    return program
