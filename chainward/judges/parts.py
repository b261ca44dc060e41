"""Claims about which part of a protocol takes most of its modelled time: what a round loses when it is switched off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from chainward.judges.evidence import Evidence, Trials, only
from chainward.judges.finding import Finding, decided

TIE_S = 1e-6
"""Modelled seconds that only rounding tells apart."""


def dearest_parts(evidence: Evidence, *, switches: Sequence[str], partly: int) -> Finding:
    """Judge which parts take the most modelled time.

    `switches` are hyper-parameters in the claimed order, dearest first. Reproduced: the order holds at every size.
    Partly: at `partly` of them. Parts less than TIE_S apart have no order.
    """
    words, right = [], []
    for sized in _by_size(evidence):
        lost = [_seconds(sized, switches, []) - _seconds(sized, switches, [name]) for name in switches]
        words.append(f"{sized[0].hospitals} hospitals: {_told(switches, lost)}")
        right.append(_rises(lost[::-1]))
    return decided(all(right), sum(right) >= partly, "; ".join(words), evidence.records)


def dearest_part(evidence: Evidence, *, switches: Sequence[str], seats: str, partly: int) -> Finding:
    """Judge "this part is the dearest", the first of `switches`, and "it grows".

    Each is switched off at the least number of `seats`, a hyper-parameter of the first part alone. Reproduced: that
    part is the dearest at every size, and what it takes grows with the hospitals and, at every size, with the seats.
    Partly: it is the dearest at `partly` sizes. Less than TIE_S is no difference.
    """
    words, first, taken, grows = [], [], [], []
    for sized in _by_size(evidence):
        counts = sorted({getattr(one.built, seats) for one in sized})
        seated = [[one for one in sized if one.has({seats: count})] for count in counts]
        without = [_seconds(seated[0], switches, [name]) for name in switches]
        by_seats = [_seconds(some, switches, []) - without[0] for some in seated]
        lost = [by_seats[0] + without[0] - seconds for seconds in without]
        words.append(
            f"{sized[0].hospitals} hospitals: {_told(switches, lost)}; "
            f"{switches[0]} with {_told([f'{count} {seats}' for count in counts], by_seats)}"
        )
        first.append(lost[0] - max(lost[1:]) > TIE_S)
        taken.append(lost[0])
        grows.append(_rises(by_seats))
    reproduced = all(first) and _rises(taken) and all(grows)
    return decided(reproduced, sum(first) >= partly, "; ".join(words), evidence.records)


def _by_size(evidence: Evidence) -> Iterable[list[Trials]]:
    """The paper's trials of each number of hospitals, the least first."""
    for count in sorted({trials.hospitals for trials in evidence.ours}):
        yield [trials for trials in evidence.ours if trials.hospitals == count]


def _seconds(sized: Sequence[Trials], switches: Sequence[str], off: Sequence[str]) -> float:
    """Median modelled seconds of a round with just these parts switched off."""
    found = only(
        (one for one in sized if [name for name in switches if not getattr(one.built, name)] == off),
        f"trials with {', '.join(off) or 'nothing'} off",
    )
    return float(np.median([entry.latency_s.total for trial in found.records for entry in trial.rounds]))


def _rises(seconds: Sequence[float]) -> bool:
    return all(later - earlier > TIE_S for earlier, later in pairwise(seconds))


def _told(names: Iterable[str], seconds: Iterable[float]) -> str:
    return ", ".join(f"{name} {round(value, 6):zg} s" for name, value in zip(names, seconds, strict=True))
