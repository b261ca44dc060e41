"""What a check comes to, in words and numbers that a reader can follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What arithmetic says of a figure, the worst first."""

    IMPOSSIBLE = "impossible"
    IMPLAUSIBLE = "implausible"
    POSSIBLE = "possible"


@dataclass(frozen=True)
class Finding:
    """One check of one figure: `derivation` leads to the verdict, `unless` is what would have to be so all the same."""

    figure: str
    quoted: str
    check: str
    verdict: Verdict
    derivation: str
    unless: str = ""


@dataclass(frozen=True)
class Check:
    """A finding before it is known whose figure it is about."""

    check: str
    verdict: Verdict
    derivation: str
    unless: str = ""


def impossible(check: str, derivation: str, unless: str = "") -> Check:
    """A figure that nothing can have come to."""
    return Check(check, Verdict.IMPOSSIBLE, derivation, unless)


def implausible(check: str, derivation: str, unless: str) -> Check:
    """A figure that only something unsaid can have come to."""
    return Check(check, Verdict.IMPLAUSIBLE, derivation, unless)


def possible(check: str, derivation: str) -> Check:
    """A figure that this check has nothing against."""
    return Check(check, Verdict.POSSIBLE, derivation)
