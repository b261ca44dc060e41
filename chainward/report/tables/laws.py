"""How a figure grows with the size of a federation: the simplest law that foretells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HALVED, EXACT, NOTHING = 0.5, 1e-6, 1e-9
"""A law with one term more is taken where it at least halves the error, and that was no rounding; what share of the
largest figure is nothing."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """a + b N + c N² by least squares, to the highest power that `fitted` keeps.

    `r2` is the share of the variance that it explains, None where there is none. `error` is that of each figure
    foretold by a law fitted to all others, the root of the mean square over the mean of the figures.
    """

    coefficients: tuple[float, ...]
    r2: float | None
    error: float

    def at(self, size: float) -> float:
        """What the law foretells of a size."""
        return float(sum(one * size**power for power, one in enumerate(self.coefficients)))

    @property
    def form(self) -> str:
        """Its form in letters."""
        return " + ".join(("a", "b N", "c N²")[: len(self.coefficients)])


def fitted(sizes: Sequence[float], values: Sequence[float]) -> Law | None:
    """Return the law of figures at sizes; None of fewer than three sizes.

    Of a constant, a line and a parabola with at least one size to spare, the simplest: one more term is taken where
    it at least halves the error in foretelling each figure from all others.
    """
    x, y = np.array(sizes, dtype=np.float64), np.array(values, dtype=np.float64)
    if len(np.unique(x)) < 3:
        return None
    laws = [_law(x, y, degree) for degree in range(min(3, len(np.unique(x)) - 1))]
    best = laws[0]
    for law in laws[1:]:
        if best.error > EXACT and law.error <= HALVED * best.error:
            best = law
    return best


def _law(x: Floats, y: Floats, degree: int) -> Law:
    rows = np.vander(x, degree + 1, increasing=True)
    fit: Floats = np.linalg.lstsq(rows, y, rcond=None)[0].astype(np.float64)
    residual, spread = float(((y - rows @ fit) ** 2).sum()), float(((y - y.mean()) ** 2).sum())
    left = np.array([_without(rows, y, i) for i in range(len(y))])
    scale = abs(float(y.mean())) or 1.0
    error = float(np.sqrt(((y - left) ** 2).mean())) / scale
    return Law(_plain(fit, x, y), 1 - residual / spread if degree and spread > 0 else None, error)


def _plain(fit: Floats, x: Floats, y: Floats) -> tuple[float, ...]:
    """Coefficients to ten digits, and 0 where a term adds nothing: the rest is rounding, other on each machine."""
    most = np.abs(fit) * np.abs(x).max() ** np.arange(len(fit))
    kept = np.where(most > NOTHING * np.abs(y).max(), fit, 0.0)
    return tuple(float(f"{one:.10g}") for one in kept)


def _without(rows: Floats, y: Floats, i: int) -> float:
    """What the others foretell of one figure."""
    kept = np.arange(len(y)) != i
    return float(rows[i] @ np.linalg.lstsq(rows[kept], y[kept], rcond=None)[0])
