"""Ending a command by a signal: in order, with the exit code that says which."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from chainward.cli.output import say
from chainward.errors import Stopped

_NAMES = ("SIGTERM", "SIGHUP")


@contextmanager
def stoppable(last_word: str) -> Iterator[None]:
    """End what is inside on SIGTERM, SIGHUP and Ctrl-C with 143, 129 and 130, after saying what it noted on the signal,
    and `last_word`."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]  # nohup's stays ignored
    try:
        for number in heard:
            signal.signal(number, _stop)
        yield
    except KeyboardInterrupt as stopped:
        _say("stopped by Ctrl-C", stopped, last_word)
        raise Stopped(signal.SIGINT) from None
    except Stopped as stopped:
        _say(f"stopped by {signal.Signals(stopped.signal).name}", stopped, last_word)
        raise
    finally:
        for number in heard:
            signal.signal(number, before[number])


def _say(text: str, stopped: BaseException, last_word: str) -> None:
    with suppress(OSError):  # the terminal may be what ended
        say("; ".join((text, *getattr(stopped, "__notes__", ()), last_word)))


def _stop(number: int, _: Any) -> None:
    raise Stopped(number)
