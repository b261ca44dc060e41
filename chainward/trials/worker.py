"""The inside of a worker: a process that makes one trial, sends its record home and is gone with all it left behind."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NoReturn

from chainward.results.store import Ended
from chainward.trials.attempt import failed
from chainward.trials.sweep import Job

Work = Callable[[Job], Ended]
Endings = Generator[tuple[Job, Ended]]
"""Each job with its record, as it comes."""

BEGUN = "begun"
"""What a worker sends first."""

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
) | {
    "JE_ARROW_MALLOC_CONF": "background_thread:false"  # pandas imports pyarrow where it is installed
}
WHERE = getattr(signal, "SIGUSR1", None)
"""The signal on which a worker writes where it is, also from within C code."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Surroundings:
    """What a worker has in common with whoever started it."""

    folder: str
    environment: Mapping[str, str]


def guarded(job: Job, work: Work, unless: tuple[type[BaseException], ...] = ()) -> Ended:
    """Return the job's record; whatever the trial raises, `SystemExit` and worse among it, becomes a failed one.

    What is among `unless` is raised on.
    """
    try:
        return work(job)
    except unless:
        raise
    except BaseException as error:
        return failed(job, type(error).__name__, f"{error}{_raised_at(error)}")


def main(answer: Connection, last_words: Connection, job: Job, work: Work, at: Surroundings) -> None:
    """Make one trial and send its record to `answer`; a crash writes to `last_words` where it happened."""
    _begin(last_words, at)
    answer.send(BEGUN)
    ended = guarded(job, work)
    try:
        answer.send(ended)
    except Exception as error:  # what no pickle can hold
        answer.send(failed(job, type(error).__name__, str(error)))
    _leave(0)


def _begin(last_words: Connection, at: Surroundings) -> None:
    if sys.platform == "linux":
        _die_with_parent()
        _be_the_first_to_go()
    threading.Thread(target=_watch, daemon=True).start()
    if os.name == "posix":
        os.setsid()  # one signal reaches what the trial starts; none of the terminal's comes here
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(OSError):  # somebody may have closed it
            os.dup2(2, 1)  # what a strategy prints is no part of what the command prints
    faulthandler.enable(last_words.fileno(), all_threads=False)
    if WHERE is not None:
        faulthandler.register(WHERE, last_words.fileno(), all_threads=False)
    os.chdir(at.folder)
    os.environ.clear()
    os.environ.update(at.environment)


def _die_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_the_first_to_go() -> None:
    """Have a machine short of memory end this process rather than any other."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123
        score.write("1000")


def _watch() -> None:
    """End this process when the one that wants its record is gone, however that ended."""
    parent = multiprocessing.parent_process()
    with suppress(Exception):  # a trial can close what it did not open
        if parent is not None:
            parent.join()
    os._exit(1)


def _leave(code: int) -> NoReturn:
    """End at once: a thread the trial left behind would keep an orderly end waiting for ever."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _raised_at(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f' (File "{frames[-1].filename}", line {frames[-1].lineno}, in {frames[-1].name})' if frames else ""
