"""Figures of a paper for rounds and hospitals that were not run: bounds, and in words what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import linear_regression

from chainward.report.tables.evidence import Line

FEWEST_SIZES = 3
"""Federations of different size that a law takes."""

NEAR = 0.05
"""A straight line misses none of its points by more than this share of it, or it is no law."""

FAR = 2.0
"""So many times the largest federation that ran a law is followed."""


@dataclass(frozen=True)
class Reach:
    """What a figure can be, and `rests`: how it comes about."""

    low: float
    high: float
    rests: str


def run_at(line: Line) -> str:
    """What a row was run on, whether its figures are measured or modelled."""
    return f"run at {line.hospitals} hospitals"


def per_size(lines: Sequence[Line], hospitals: int | None, name: str) -> Reach | None:
    """The column `name` of one paper at so many hospitals: of its row, or by a straight line over its rows.

    None where it was not run at that size, and its sizes are too few, too far away or not on a line.
    """
    at = next((line for line in lines if hospitals in (None, line.hospitals)), None)
    if at is not None:
        value = getattr(at, name)
        return None if value is None else Reach(value, value, run_at(at))
    points = sorted({(line.hospitals, getattr(line, name)) for line in lines if getattr(line, name) is not None})
    sizes = [size for size, _ in points]
    if hospitals is None or len(set(sizes)) < FEWEST_SIZES or not sizes[0] / FAR <= hospitals <= FAR * sizes[-1]:
        return None
    return _on_a_line(points, hospitals)


def _on_a_line(points: Sequence[tuple[int, float]], hospitals: int) -> Reach | None:
    slope, intercept = linear_regression([size for size, _ in points], [value for _, value in points])
    misses = [abs(intercept + slope * size - value) / value if value else float(value != 0) for size, value in points]
    found, most = intercept + slope * hospitals, max(misses)
    if most > NEAR or found < 0:
        return None
    sizes = ", ".join(str(size) for size, _ in points)
    beyond = "" if points[0][0] <= hospitals <= points[-1][0] else "extrapolated "
    rests = f"{beyond}by a line over {sizes} hospitals, which misses none by more than {most:.1%}"
    return Reach(found * (1 - most), found * (1 + most), rests)


def gas_of(lines: Sequence[Line], hospitals: int | None, rounds: int | None) -> Reach | None:
    """Gas of a whole training: set-up and so many rounds, or those that ran; None where it is not known."""
    line = next((line for line in lines if hospitals in (None, line.hospitals)), lines[0])
    ran = line.rounds
    if ran is None:
        return None
    if rounds is None or rounds == ran or (line.ended_by_itself and rounds > ran):
        whole = per_size(lines, hospitals, "gas_total")
        end = ", after which it ends by itself" if line.ended_by_itself else ""
        return whole and Reach(whole.low, whole.high, f"set-up and {ran:g} rounds{end}, {whole.rests}")
    setup, each = (per_size(lines, hospitals, name) for name in ("gas_deploy", "gas_per_round"))
    if setup is None or each is None:
        return None
    words = f"set-up + {rounds} × a round, extrapolated from {ran:g} rounds, {each.rests}"
    return Reach(setup.low + rounds * each.low, setup.high + rounds * each.high, words)
