"""Where the names of points go so that they cover neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

LINE = 12.0
POINT = 5.0
# Pixels of a character of 11-pixel Liberation Sans, near enough.
NARROW, WIDE, NARROW_PX, WIDE_PX, OTHER_PX = set("fijlrt.,:;'|!()[] "), set("mwMWGOQ@%"), 3.2, 9.0, 6.1


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: Box) -> float:
        """Area shared with another box."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height)


def place(points: Sequence[tuple[float, float]], names: Sequence[str], frame: Box) -> list[tuple[float, float]]:
    """Offset (dx, dy) from each point to the middle of its name: greedy, in order, nearest free place first."""
    taken = [Box(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in points]
    offsets = []
    for (x, y), name in zip(points, names, strict=True):
        width = width_of(name)
        places = _candidates(width)
        costs = [_cost(_box(x + dx, y + dy, width), taken, frame) for dx, dy in places]
        best = costs.index(min(costs))
        offsets.append(places[best])
        taken.append(_box(x + places[best][0], y + places[best][1], width))
    return offsets


def width_of(name: str) -> float:
    """Width in pixels of a name."""
    return sum(NARROW_PX if one in NARROW else WIDE_PX if one in WIDE else OTHER_PX for one in name)


def _candidates(width: float) -> list[tuple[float, float]]:
    """Right and a little up (a front runs straight to the right), right, left, above, below, then further away."""
    side = width / 2 + POINT + 3
    near = [(side, -LINE * 0.7), (side, 0.0), (-side, 0.0), (0.0, -LINE - 1), (0.0, LINE + 1)]
    far = [(dx, dy * step * LINE) for step, dx, dy in product((1, 2, 3), (side, -side, 0.0), (-1, 1))]
    return near + far


def _box(x: float, y: float, width: float) -> Box:
    return Box(x - width / 2, y - LINE / 2, x + width / 2, y + LINE / 2)


def _cost(box: Box, taken: Sequence[Box], frame: Box) -> float:
    inside = box.overlap(frame)
    outside = (box.right - box.left) * (box.bottom - box.top) - inside
    return 10 * outside + sum(box.overlap(other) for other in taken)
