"""Where trials run: in this process, or each in one of its own, so that whatever it does costs its own record only."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass

from chainward.errors import Stopped
from chainward.trials.isolated import IsolatedTrial, Limits, await_any, prepare
from chainward.trials.sweep import Job
from chainward.trials.worker import Endings, Work, guarded

NO_LIMITS = Limits()
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class InProcess:
    """Trials one after another in this process: for a debugger, or where a start costs much, as on a GPU.

    One that crashes ends the run, and what it changes in this process reaches the next.
    """

    contended = False
    shares_disk = True

    def prepare(self) -> None:
        """Do nothing: this process is there."""

    def results(self, jobs: Sequence[Job], work: Work, started: Callable[[Job], None]) -> Endings:
        """Yield each job with its record as it comes."""
        for job in jobs:
            started(job)
            with chdir("."):  # back from wherever the trial goes
                document = guarded(job, work, unless=(KeyboardInterrupt, Stopped))
            yield job, document


@dataclass(frozen=True)
class Workers:
    """So many trials side by side, each in a process of its own."""

    count: int = 1
    limits: Limits = NO_LIMITS
    shares_disk = True

    @property
    def contended(self) -> bool:
        """Whether trials run beside each other."""
        return self.count > 1

    def prepare(self) -> None:
        """Have everything imported while the caller does something else."""
        prepare()

    def results(self, jobs: Sequence[Job], work: Work, started: Callable[[Job], None]) -> Endings:
        """Yield each job with its record as it comes; no process outlives the iteration."""
        waiting, running = deque(jobs), list[IsolatedTrial]()
        try:
            while waiting or running:
                while waiting and len(running) < self.count:
                    started(waiting[0])
                    running.append(IsolatedTrial(waiting.popleft(), work))
                await_any(running, _LOOK_EVERY_S if self.limits != NO_LIMITS else None)
                for trial in [*running]:
                    document = trial.outcome(self.limits)
                    if document is not None:
                        running.remove(trial)
                        trial.end()
                        yield trial.job, document
        finally:
            for trial in running:
                trial.end()
