"""What can be said between the rows of one table: differences, who cannot be told apart, shared ranks, the front.

Only rows that have all the seeds asked for, on the same patients, are compared. Each pair's difference is paired
patient by patient, and counts only where Holm's correction over all pairs of the table leaves it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainward.report.tables.groups import Row
from chainward.results.comparison import Comparison, best, compare
from chainward.results.inference import Difference, Mean, difference

BASELINE = "fedavg"
"""The strategy that others are compared with, where it is in a table as it comes."""


@dataclass(frozen=True, eq=False)
class Contestant:
    """A row as the others see it: its label, its mean where that may be compared, what its gas is as printed.

    `reference` strategies are compared and never the best. `baseline` marks the one that others are compared with.
    `trials` are the seeds of its mean, each with the digest of its patients as split.
    """

    label: str
    reference: bool
    baseline: bool
    mean: Mean | None
    gas: int
    trials: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Ranking:
    """The rows of one table against each other; those without a mean, or of other seeds than most, take no part."""

    everybody: tuple[Contestant, ...]

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The positions of those that are compared: the same seeds, as many patients as any, the most rows."""
        known = [i for i, one in enumerate(self.everybody) if one.mean is not None]
        counts = Counter(self._stands_on(i) for i in known)
        most = max(counts, key=lambda one: (one[0], counts[one], one), default=None)
        return tuple(i for i in known if self._stands_on(i) == most)

    @cached_property
    def comparison(self) -> Comparison:
        """All pairs of those that are compared, by their position in `places`."""
        return compare([self._mean(i) for i in self.places])

    @cached_property
    def best(self) -> int | None:
        """The position in `everybody` of the most accurate that is no reference; of equals the first by name."""
        able = [i for i in self.places if not self.everybody[i].reference]
        values, labels = [self._mean(i).value for i in able], [self.everybody[i].label for i in able]
        return able[best(values, labels)] if able else None

    def columns(self, one: int) -> Row:
        """What a row says of the others: its rank, whether it is tied with the best, differences, who is below."""
        if one not in self._place:
            nothing = {**_difference("baseline", None, None), **_difference("best", None, None)}
            return {"rank": None, "tied_with_best": None, "better_than": None, "on_front": False, **nothing}
        place = self._place[one]
        below = np.flatnonzero(self.comparison.better[place])
        return {
            "rank": self.comparison.ranks[place],
            "tied_with_best": None if self.best is None else place in self._tied(self.best),
            "better_than": sorted(self.everybody[self.places[i]].label for i in below),
            "on_front": one in self.front,
            **_difference("baseline", *self._against(one, self.baseline)),
            **_difference("best", *self._against(one, self.best)),
        }

    @cached_property
    def baseline(self) -> int | None:
        """The position in `everybody` of the one that others are compared with."""
        return next((i for i in self.places if self.everybody[i].baseline), None)

    @cached_property
    def front(self) -> frozenset[int]:
        """Those that no other paper beats: less gas and not told apart below, or as much gas and told apart above."""
        able = np.array([i for i in self.places if not self.everybody[i].reference], dtype=np.int64)
        gas = np.array([self.everybody[i].gas for i in able])
        at = [self._place[i] for i in able.tolist()]
        better = self.comparison.better[np.ix_(at, at)]
        beaten = (gas < gas[:, None]) & ~better | (gas == gas[:, None]) & better.T
        return frozenset(able[~beaten.any(axis=1)].tolist())

    def resolution(self) -> Row:
        """What this table can tell apart."""
        told = int(self.comparison.better.sum())
        tied = [] if self.best is None else sorted(self.everybody[self.places[i]].label for i in self._tied(self.best))
        first = self._mean(self.places[0]) if self.places else None
        return {
            "unit": "hospital" if first and math.isfinite(first.freedom) else "patient",
            "units": len(first.units) if first else 0,
            "compared": len(self.places),
            "not_compared": len(self.everybody) - len(self.places),
            "pairs": self.comparison.pairs,
            "pairs_told_apart": told,
            **dict(zip(("needed_least", "needed_median", "needed_most"), self.comparison.told_apart, strict=True)),
            "baseline": None if self.baseline is None else self.everybody[self.baseline].label,
            "best": None if self.best is None else self.everybody[self.best].label,
            "tied_with_best": tied,
            "decisive": len(tied) == 1,
        }

    def _tied(self, one: int) -> tuple[int, ...]:
        return self.comparison.tied_with(self._place[one])

    @cached_property
    def _place(self) -> dict[int, int]:
        return {one: place for place, one in enumerate(self.places)}

    def _against(self, one: int, other: int | None) -> tuple[Difference | None, float | None]:
        if other is None:
            return None, None
        adjusted = self.comparison.adjusted[self._place[one], self._place[other]]
        return difference(self._mean(one), self._mean(other)), float(adjusted)

    def _mean(self, one: int) -> Mean:
        found = self.everybody[one].mean
        assert found is not None  # only those that have one are compared
        return found

    def _stands_on(self, one: int) -> tuple[int, tuple[tuple[int, str], ...], bytes]:
        units = np.ascontiguousarray(self._mean(one).units)
        return len(units), self.everybody[one].trials, units.tobytes()


def _difference(name: str, found: Difference | None, adjusted: float | None) -> Row:
    return {
        f"auroc_minus_{name}": found and found.estimate,
        f"auroc_minus_{name}_low": found and found.low,
        f"auroc_minus_{name}_high": found and found.high,
        f"auroc_minus_{name}_p": adjusted,
    }
