"""What is going on and when it will end, on standard error where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chainward.cli import streams

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

BAR = 12
"""Columns of a bar."""

_SIGN, _TIME, _COUNTS = 2, 13, 13
"""Columns of what stands beside a bar's text: a sign that moves, a time, how many of how many."""
_BESIDE = BAR + 1 + _COUNTS + _TIME


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Say what is done meanwhile, with a sign that moves and for how long by now."""
    from rich.progress import TimeElapsedColumn

    with _drawn(None, _said(lambda: text, _TIME), TimeElapsedColumn()):
        yield


@contextmanager
def counted(text: str, total: int) -> Iterator[Callable[[], None]]:
    """Draw a bar of so many steps with what they are for, and when they will end; the function it gives ends a step."""
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    columns = (BarColumn(BAR), MofNCompleteColumn(), TimeRemainingColumn())
    with _drawn(total, _said(lambda: text, _BESIDE), *columns) as step:
        yield step


@contextmanager
def watching(total: int, running: Callable[[], str], ending: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """Draw a bar of so many steps with what runs and when all will end, as these say while it is drawn."""
    from rich.progress import BarColumn, MofNCompleteColumn

    with _drawn(total, _said(running, _BESIDE), BarColumn(BAR), MofNCompleteColumn(), _said(ending, 0)) as step:
        yield step


@contextmanager
def _drawn(total: int | None, *columns: ProgressColumn) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn

    draws = (getattr(sys.stderr, "encoding", None) or "utf-8").lower().startswith("utf")
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    sign = SpinnerColumn("dots" if draws else "line")
    with Progress(sign, *columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _said(text: Callable[[], str], beside: int) -> ProgressColumn:
    """A part of a bar that is asked whenever it is drawn, cut to the room that is left beside so many columns."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Said(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(fitted(text(), (streams.width(sys.stderr) or streams.USUAL) - _SIGN - beside))

    return Said()


def fitted(text: str, room: int) -> str:
    """Return a text in so many columns, though not in fewer than can be read, in letters that the terminal has."""
    from chainward.trials.words import one_line

    return streams.for_stream(sys.stderr, one_line(text, max(streams.NARROWEST, room)), keep="")
