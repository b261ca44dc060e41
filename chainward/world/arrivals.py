"""When answers arrive: parties work side by side, and the link of whoever asked takes one answer after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Course:
    """What an answer takes, in seconds: computing, the wire without its own bytes, a delay, its own `size` bytes."""

    party: str
    size: int
    compute: float
    network: float
    delay: float
    transfer: float

    @property
    def ready(self) -> float:
        """Seconds until the first byte of the answer is there to be taken."""
        return self.compute + self.network + self.delay


@dataclass(frozen=True)
class Arrival:
    """An answer that is whole `after` so many seconds."""

    course: Course
    after: float

    @property
    def party(self) -> str:
        """Whose answer it is."""
        return self.course.party

    @property
    def network(self) -> float:
        """Seconds on the wire, those included in which the link was taken."""
        return self.after - self.course.compute - self.course.delay


def arrivals(courses: Iterable[Course]) -> list[Arrival]:
    """Return the answers as they come in over one link, the earliest first; of equals the first asked comes first."""
    found, free = [], 0.0
    for course in sorted(courses, key=lambda course: course.ready):
        free = max(free, course.ready) + course.transfer
        found.append(Arrival(course, free))
    return found
