"""What a judge says: one of five verdicts, with the figures and the records behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainward.results.record import Completed

REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTABLE = "reproduced", "partly", "not reproduced", "not testable here"
NOT_IMPLEMENTED = "the published code does not implement the paper"


@dataclass(frozen=True)
class Finding:
    """What a judge found: the verdict, the figures behind it in words, and the records that decide it.

    `identity` says which part of the finding follows from the construction, so that it could not have failed.
    """

    verdict: str
    found: str
    records: tuple[str, ...] = ()
    identity: str = ""


class Unjudgeable(Exception):
    """The records at hand do not decide a claim; the message says why."""


def graded(distance: float, reproduced: float, partly: float, found: str, records: Sequence[Completed]) -> Finding:
    """Return the verdict on a distance that should be small."""
    return decided(distance <= reproduced, distance <= partly, found, records)


def decided(reproduced: bool, partly: bool, found: str, records: Sequence[Completed]) -> Finding:
    """Return the verdict from the two parts of a rule."""
    verdict = REPRODUCED if reproduced else PARTLY if partly else NOT_REPRODUCED
    return Finding(verdict, found, tuple(record.id for record in records))
