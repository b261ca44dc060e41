"""How a paper stands to a need: it satisfies it, falls out, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from chainward.report.tables.reach import Reach


class Standing(StrEnum):
    """From best to worst."""

    SATISFIES = "satisfies"
    UNKNOWN = "unknown"
    FALLS_OUT = "falls out"


@dataclass(frozen=True)
class Judged:
    """One need of one paper: how it stands, and why, with the figure and what that rests on."""

    need: str
    standing: Standing
    reason: str


def worst(standings: Iterable[Standing]) -> Standing:
    """The standing of who must satisfy all: falling out outweighs what is not known."""
    return max(standings, key=[*Standing].index, default=Standing.SATISFIES)


def at_most(need: str, limit: float, found: Reach | None, told: Callable[[float], str], missing: str) -> Judged:
    """Hold a figure that must not exceed a limit; figures are compared to four digits, as rounding decides nothing."""
    if found is None:
        return Judged(need, Standing.UNKNOWN, missing)
    low, high = _rounded(found.low), _rounded(found.high)
    reason = f"{told(low) if low == high else f'{told(low)} to {told(high)}'}, {found.rests}"
    return Judged(need, _between(high <= limit, low > limit), reason)


def at_least(need: str, limit: float, found: Reach | None, told: Callable[[float], str], missing: str) -> Judged:
    """Hold a figure that must reach a limit."""
    if found is None:
        return Judged(need, Standing.UNKNOWN, missing)
    return Judged(need, _between(found.low >= limit, found.high < limit), found.rests)


def fact(need: str, holds: bool, reason: str) -> Judged:
    """What is so or not, without bounds."""
    return Judged(need, Standing.SATISFIES if holds else Standing.FALLS_OUT, reason)


def _between(satisfies: bool, falls_out: bool) -> Standing:
    return Standing.SATISFIES if satisfies else Standing.FALLS_OUT if falls_out else Standing.UNKNOWN


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
