"""A trial in a process of its own, as seen from outside: started, waited for, held to its limits, ended.

A template process has everything imported and forks a worker for each trial (on Linux; elsewhere a worker starts anew,
which takes seconds). A worker makes one trial and is ended: nothing a trial changes can reach the next one.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

import psutil

from chainward import leftovers, offspring
from chainward.results.store import Ended
from chainward.trials import worker
from chainward.trials.attempt import failed
from chainward.trials.last_words import first_place, how_ended
from chainward.trials.sweep import Job
from chainward.trials.worker import ONE_THREAD, Surroundings, Work

_HANG_UP_S, _TELL_S = 2.0, 2.0
_NEEDED_BY_TRIALS = ("chainward.engines.", "chainward.ledgers.", "chainward.strategy.", "chainward.tasks.")
_MIB = 2**20
_TEMPLATE = ONE_THREAD | {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}  # asking CUDA itself would spoil it for forks


@dataclass(frozen=True)
class Limits:
    """What one trial may take: seconds by the clock, and memory of its own process in MiB; `None` is as much as is."""

    timeout_s: float | None = None
    memory_mib: float | None = None

    def broken_by(self, trial: IsolatedTrial) -> tuple[str, str] | None:
        """Return kind and message of the failure, if the trial is over a limit."""
        label = trial.job.specification.label
        if self.timeout_s is not None and time.monotonic() - trial.started > self.timeout_s:
            return "Timeout", f"{label} took longer than {self.timeout_s:g} s and was ended; see --trial-timeout"
        if self.memory_mib is not None and trial.memory_mib() > self.memory_mib:
            return "OutOfMemory", f"{label} took more than {self.memory_mib:g} MiB and was ended; see --trial-memory"
        return None


class IsolatedTrial:
    """One worker and its trial. Time counts from when the worker is there, since the first waits for the template."""

    def __init__(self, job: Job, work: Work) -> None:
        self.job, self.started = job, math.inf
        self._mark, self._orderly = secrets.token_hex(8), False
        context = _context()
        self.answer, answer = context.Pipe(duplex=False)
        self._last_words, last_words = context.Pipe(duplex=False)
        environment = {**os.environ, **ONE_THREAD, offspring.TRIAL: self._mark}
        surroundings = Surroundings(os.getcwd(), environment)  # noqa: PTH109
        self.process: Any = context.Process(target=worker.main, args=(answer, last_words, job, work, surroundings))
        _start(self.process)
        answer.close()
        last_words.close()

    def outcome(self, limits: Limits) -> Ended | None:
        """Return the record once the trial is over or over a limit; `None` while it runs."""
        if self.answer.poll():
            return self._received()
        if not self.process.is_alive():
            return self._lost()
        broken = limits.broken_by(self)
        if broken is None:
            return None
        kind, message = broken
        return failed(self.job, kind, f"{message}{self._place_now()}")

    def memory_mib(self) -> float:
        """Return the memory of the worker that is not on disk."""
        with suppress(psutil.Error):
            return float(psutil.Process(self.process.pid).memory_info().rss) / _MIB
        return 0.0

    def end(self) -> None:
        """End the worker at once, and what it started; take away what it could not take away itself."""
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        for pipe in (self.answer, self._last_words):
            pipe.close()
        if not self._orderly:
            offspring.end(offspring.TRIAL, self._mark)
            leftovers.clean_temporary()

    def _received(self) -> Ended | None:
        try:
            told: Ended | str = self.answer.recv()
        except EOFError:
            return self._lost()
        except Exception as error:  # what arrived is none of our pickles
            return failed(self.job, type(error).__name__, str(error))
        if isinstance(told, str):  # `BEGUN`
            self.started = time.monotonic()
            return None
        self._orderly = True
        return told

    def _lost(self) -> Ended:
        self.process.join(_HANG_UP_S)
        place = first_place(_read(self._last_words))
        message = f"the process of {self.job.specification.label} {how_ended(self.process.exitcode)}{place}"
        return failed(self.job, "ProcessEnded", message)

    def _place_now(self) -> str:
        if worker.WHERE is None:
            return ""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, worker.WHERE)
        return first_place(_read(self._last_words, _TELL_S))


def prepare() -> None:
    """Have the template import everything while the caller does something else."""
    _context()
    if sys.platform == "linux":
        with _template_environment(), _deaf():
            forkserver.ensure_running()


def await_any(running: Sequence[IsolatedTrial], patience_s: float | None) -> None:
    """Wait until one of them has something to tell, at most so many seconds."""
    wait([handle for trial in running for handle in (trial.answer, trial.process.sentinel)], patience_s)


def _read(pipe: Connection, patience_s: float = 0.0) -> str:
    """Return what a pipe holds and, once something comes, what follows at once."""
    told = b""
    while pipe.poll(patience_s) and (piece := os.read(pipe.fileno(), 1 << 16)):
        told, patience_s = told + piece, 0.05
    return told.decode(errors="replace")


def _context() -> Any:
    if sys.platform != "linux":  # frameworks of other systems do not survive a fork
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    needed = (name for name in sys.modules if name.startswith(_NEEDED_BY_TRIALS))
    context.set_forkserver_preload(["chainward.trials.template", *sorted(needed), *sorted(_imported_late())])
    return context


def _imported_late() -> set[str]:
    """What the methods that are loaded here import only where they are used, which would take each trial seconds."""
    methods = [module for name, module in sys.modules.items() if name.startswith("chainward.methods.")]
    return {name for module in methods for name in getattr(module, "IMPORTED_LATE", ())}


def _start(process: Any) -> None:
    """Start a process that knows nothing of the script that called: it would be run once more in there."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        with _template_environment(), _deaf():
            process.start()
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _deaf() -> Iterator[None]:
    """Have what starts here hear no Ctrl-C: it would print where its imports were. The caller hears it afterwards."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # or it starts in here, and hearing again is how its start ends
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _template_environment() -> Iterator[None]:
    """Give the template one thread in each library, which is read when numpy is imported, and no part in the run: it
    may serve the next one too."""
    before = dict(os.environ)
    os.environ.update(_TEMPLATE)
    os.environ.pop(offspring.RUN, None)
    try:
        yield
    finally:
        for name in (*_TEMPLATE, offspring.RUN):
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
