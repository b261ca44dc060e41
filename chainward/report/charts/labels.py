"""Where the names of points go so that they cover neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from chainward.report.charts.text import width_of

LINE, POINT = 13.0, 5.5
PASSES, LOOKED_AT = 4, 40
"""How often each name is placed anew among all others, and of how many places its line is looked at: the cheapest."""

OUTSIDE, COVERED, CROSSED, AWAY = 400.0, 200.0, 100.0, 5.0
"""What a pixel beyond the frame costs, one on a point or another name, what a name's line crosses, and a pixel between
a name and its point; one on a thin line costs 1."""

Place = tuple[float, float]
Floats = npt.NDArray[np.float64]


class Box(NamedTuple):
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Area shared with another box."""
        return float(_shared(np.array([self]), np.array([other]))[0, 0])

    def nearest(self, x: float, y: float) -> Place:
        """Its point that is nearest to another one."""
        return min(max(x, self.left), self.right), min(max(y, self.top), self.bottom)


def box_of(x: float, y: float, name: str) -> Box:
    """The room that a name takes whose middle is there."""
    half = width_of(name) / 2 + 1
    return Box(x - half, y - LINE / 2, x + half, y + LINE / 2)


def place(points: Sequence[Place], names: Sequence[str], frame: Box, lines: Sequence[Box] = ()) -> list[Place]:
    """The middle of each point's name: near it, clear of other names and points and, if that may be, of thin lines.

    Each in turn takes the best place that the others leave, a few times over.
    """
    marks = [Box(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in points]
    found: list[Place] = []
    for step in range(PASSES):
        before = list(found)
        for i, (point, name) in enumerate(zip(points, names, strict=True)):
            others = [box_of(*at, names[j]) for j, at in enumerate(found) if j != i]
            passed = [*others, *(mark for mark in marks if mark != marks[i])]
            best = _best(point, name, [*marks, *others], passed, [frame, *lines])
            found[i : i + bool(step)] = [best]
        if found == before:
            break
    return found


def spread(places: Sequence[float], low: float, high: float, room: float = LINE) -> list[float]:
    """Places on a line, as near as can be to those given, in their order and `room` apart, between two bounds.

    Where there is no room for all between the bounds, they are as far apart as it allows.
    """
    count = len(places)
    room = min(room, (high - low) / max(1, count - 1))
    order = sorted(range(count), key=lambda i: (places[i], i))
    groups: list[list[float]] = []  # of neighbours that touch: where the first would be, for each one's own sake
    for rank, i in enumerate(order):
        groups.append([places[i] - rank * room])
        while len(groups) > 1 and np.mean(groups[-2]) > np.mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    top = high - (count - 1) * room
    starts = [min(max(float(np.mean(group)), low), top) for group in groups for _ in group]
    found = dict(zip(order, (start + rank * room for rank, start in enumerate(starts)), strict=True))
    return [found[i] for i in range(count)]


def _best(point: Place, name: str, taken: Sequence[Box], passed: Sequence[Box], lines: Sequence[Box]) -> Place:
    """The cheapest place of a name; the first of `lines` is the frame."""
    at = np.array(point) + _candidates(width_of(name))
    half = np.array([width_of(name) / 2 + 1, LINE / 2])
    boxes = np.hstack([at - half, at + half])
    shared = _shared(boxes, np.array(lines))
    end = np.clip(point, boxes[:, :2], boxes[:, 2:])
    away = np.maximum(0.0, np.abs(end - point).sum(axis=1) - POINT - 3)
    cost = OUTSIDE * (4 * half.prod() - shared[:, 0]) + shared[:, 1:].sum(axis=1) + AWAY * away
    cost += COVERED * _shared(boxes, np.array(taken)).sum(axis=1)
    able = np.argsort(cost.round(6), kind="stable")[:LOOKED_AT]
    if passed:
        cost[able] += CROSSED * _crossed(np.array(point), end[able], np.array(passed))
    x, y = at[able[int(cost[able].round(6).argmin())]]
    return float(x), float(y)


def _candidates(width: float) -> Floats:
    """Right and left, above and below, near and further away, as offsets [n, 2] of a name's middle."""
    side = width / 2 + POINT + 3
    steps = (0.0, *(sign * step * LINE / 2 for step in range(1, 19) for sign in (-1, 1)))
    level = [(sign * (side + away), dy) for away, dy, sign in product((0.0, 14.0, 40.0, 80.0), steps, (1, -1))]
    return np.array(level + [(0.0, dy) for dy in steps if abs(dy) >= LINE])


def _shared(boxes: Floats, others: Floats) -> Floats:
    """Area that each box [n, 4] shares with each other one [m, 4]."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    found: Floats = np.maximum(0.0, high - low).prod(axis=2)
    return found


def _crossed(point: Floats, end: Floats, boxes: Floats) -> Floats:
    """How many boxes [m, 4] the line from a point to each end [n, 2] passes through."""
    share = np.linspace(0.0, 1.0, 9)[None, :, None]
    on = (point + share * (end[:, None, :] - point))[:, :, None, :]
    inside = np.logical_and.reduce((boxes[:, :2] < on) & (on < boxes[:, 2:]), axis=3)
    found: Floats = np.logical_or.reduce(inside, axis=1).sum(axis=1).astype(np.float64)
    return found
