"""Trials while they run: which now, how many are recorded, when all will be, and which failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from chainward.cli import bars, streams
from chainward.cli.output import say
from chainward.errors import Stopped
from chainward.results import store
from chainward.results.record import Failed, Record
from chainward.trials.sweep import Job, Setting, Sweep
from chainward.trials.words import one_line

LOG_WIDTH = 500
"""Characters that a file gets of what went wrong with a trial; its record has all."""

LOG_EVERY_S = 60.0


class Watch:
    """Hears of trials that begin and end, counts those that failed, and tells how far all are."""

    def __init__(self, sweep: Sweep, out: Path, now: Callable[[], float] = time.monotonic) -> None:
        self.failed = 0
        self.step: Callable[[], None] = lambda: None
        self._sweep, self._out, self._now, self._logged = sweep, out, now, now()
        self._done: set[str] = set()
        self._running: dict[str, tuple[Job, float]] = {}
        self._waiting = [job.setting for job in sweep.jobs]
        self._before = self._there()
        self._took = {setting: list(seconds) for setting, seconds in sweep.took.items()}

    @property
    def recorded(self) -> str:
        """How many trials of the plan are on record, also of one that ended while somebody stopped the run."""
        now = len((self._there() - self._before) | self._done)
        return f"{len(self._sweep.skipped) + now} of {len(self._sweep.identifiers)} trials recorded"

    def _there(self) -> set[str]:
        """The trials to run that there is a record of; before they are run, one that is not sound."""
        names = (job.identifier for job in self._sweep.jobs)
        return {name for name in names if (self._out / store.record_name(name)).exists()}

    def started(self, job: Job) -> None:
        """A trial begins."""
        self._waiting.remove(job.setting)
        self._running[job.identifier] = job, self._now()

    def done(self, job: Job, record: Record) -> None:
        """A trial is on record."""
        _, since = self._running.pop(job.identifier)
        self._took.setdefault(job.setting, []).append(self._now() - since)
        self._done.add(job.identifier)
        self.step()
        if record.status == "failed":
            self.failed += 1
            for line in told(job, record, self._out):
                say(line)
        self._log()

    def running(self) -> str:
        """Return what runs now: the first by name, the others by number."""
        first, *others = [job.specification.label for job, _ in list(self._running.values())] or ["starting"]
        return f"{first} and {len(others)} more" if others else first

    def ending(self) -> str:
        """Return when all will have ended, as far as trials of these settings or others tell."""
        now = self._now()
        running = [(job.setting, now - since) for job, since in list(self._running.values())]
        seconds = remaining(self._took, running, self._waiting)
        return "no estimate" if seconds is None else f"{clock(seconds)} left"

    def _log(self) -> None:
        """Tell a file how far all are, where a terminal has a bar: at most once a minute."""
        if streams.width(sys.stderr) is None and self._now() - self._logged >= LOG_EVERY_S:
            self._logged = self._now()
            say(f"{self.recorded}, {self.ending()}")


def remaining(
    took: Mapping[Setting, Sequence[float]], running: Sequence[tuple[Setting, float]], waiting: Sequence[Setting]
) -> float | None:
    """Return the seconds until all trials have ended, as many side by side as run now; None before any has.

    A trial takes as long as those of its setting took, else as long as all settings take in the mean. `running` are
    settings with the seconds they run already.

    Examples:
        >>> remaining({("a", "t"): [4.0]}, [(("a", "t"), 1.0)], [("a", "t"), ("b", "t")])
        11.0
    """
    means = {setting: sum(seconds) / len(seconds) for setting, seconds in took.items() if seconds}
    if not means:
        return None
    usual = sum(means.values()) / len(means)
    begun = sum(max(0.0, means.get(setting, usual) - since) for setting, since in running)
    return (begun + sum(means.get(setting, usual) for setting in waiting)) / max(1, len(running))


def clock(seconds: float) -> str:
    """Return seconds as hours, minutes and seconds.

    Examples:
        >>> clock(3725.4)
        '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def told(job: Job, record: Failed, out: Path) -> Iterator[str]:
    """Yield a line on what went wrong with a trial and, where that is not all of it, one on where the rest is."""
    width = streams.width(sys.stderr) or LOG_WIDTH
    message = f"failed: {job.specification.label}: {record.error.message}"
    line = one_line(message, width)
    yield line
    if line != message:
        yield f"  all of it: {out / store.record_name(f'{job.identifier[:12]}*')}"


@contextmanager
def watched(sweep: Sweep, out: Path) -> Iterator[Watch]:
    """Draw what runs and when it will end; whoever stops it is told how much is recorded."""
    watch = Watch(sweep, out)
    try:
        with bars.watching(len(sweep.jobs), watch.running, watch.ending) as step:
            watch.step = step
            yield watch
    except (KeyboardInterrupt, Stopped) as stopped:
        stopped.add_note(watch.recorded)
        raise
