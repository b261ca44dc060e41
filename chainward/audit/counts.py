"""Whether whole patients can make up printed shares: one share alone, or all figures of one two-by-two table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import NamedTuple

from chainward.audit.printed import Printed

MOST_TRIED = 200_000
"""Tables, but for one count, that are looked through."""


class TooMany(Exception):
    """So many tables would have to be looked through that it is left."""


class Table(NamedTuple):
    """Patients by what they have and what they were said to have."""

    true_positive: int
    false_negative: int
    false_positive: int
    true_negative: int


class _Bounds(NamedTuple):
    """What a printed share stands for, in whole numbers: low / unit up to and without high / unit."""

    low: int
    high: int
    unit: int


Span = tuple[int, int]
"""The least and the most that a count can be."""


def whole(share: Printed, total: int) -> int | None:
    """Return the least count whose share of `total` is printed so; None where none is (as GRIM: Brown, Heathers 2017).

    Examples:
        >>> from chainward.audit.printed import printed
        >>> whole(printed("0.67"), 3), whole(printed("0.68"), 3)
        (2, None)
    """
    count = ceil(share.low * total)
    return count if count < share.high * total and count <= total else None


@dataclass(frozen=True)
class _Margins:
    """What is known of a table but for its true negatives: who has the outcome, and who of them was found."""

    positives: int
    negatives: int
    found: int

    @property
    def missed(self) -> int:
        return self.positives - self.found


def table(figures: Mapping[str, Printed], patients: int, positives: int | None) -> Table | None:
    """Return the first table of so many patients whose figures are all printed so; None where there is none.

    `figures` by name: accuracy, sensitivity, specificity, ppv, npv, f1. A share of nobody counts as 0.

    Raises:
        TooMany: there are more than 200,000 pairs of positives and true positives to try.
    """
    known = {name: _whole_bounds(one) for name, one in figures.items()}
    if positives is None and patients > MOST_TRIED:
        raise TooMany
    for tried, margins in enumerate(_margins(known, patients, positives)):
        if tried == MOST_TRIED:
            raise TooMany
        spans = [_SPANS[name](bounds, margins) for name, bounds in known.items() if name != "sensitivity"]
        least, most = max([0, *(span[0] for span in spans)]), min([margins.negatives, *(span[1] for span in spans)])
        if least <= most:
            return Table(margins.found, margins.missed, margins.negatives - least, least)
    return None


def _whole_bounds(one: Printed) -> _Bounds:
    unit = Fraction(one.low.denominator * one.high.denominator)
    return _Bounds(int(one.low * unit), int(one.high * unit), int(unit))


def _margins(known: Mapping[str, _Bounds], patients: int, positives: int | None) -> Iterator[_Margins]:
    for count in range(patients + 1) if positives is None else (positives,):
        least, most = _of(known.get("sensitivity"), count)
        yield from (_Margins(count, patients - count, found) for found in range(least, most + 1))


def _of(bounds: _Bounds | None, total: int) -> Span:
    """The counts of `total` whose share is within bounds; of nobody it is 0."""
    if bounds is None:
        return 0, total
    if total == 0:
        return (0, 0) if bounds.low <= 0 else (1, 0)
    return max(0, -(-bounds.low * total // bounds.unit)), min(total, -(-bounds.high * total // bounds.unit) - 1)


def _specificity(bounds: _Bounds, one: _Margins) -> Span:
    return _of(bounds, one.negatives)


def _accuracy(bounds: _Bounds, one: _Margins) -> Span:
    least, most = _of(bounds, one.positives + one.negatives)
    return least - one.found, most - one.found


def _ppv(bounds: _Bounds, one: _Margins) -> Span:
    least, most = _beside(bounds, one.found, one.negatives)
    return one.negatives - most, one.negatives - least


def _f1(bounds: _Bounds, one: _Margins) -> Span:
    """As a share: twice the true positives of those, the false positives and the false negatives together."""
    least, most = _beside(bounds, 2 * one.found, one.negatives + one.missed)
    return one.negatives - (most - one.missed), one.negatives - (least - one.missed)


def _beside(bounds: _Bounds, part: int, most: int) -> Span:
    """How many others, `most` at most, may stand beside `part` for part / (part + others) to be within bounds."""
    low, high, unit = bounds
    if part == 0:
        return (0, most) if low <= 0 else (1, 0)
    return max(0, (unit - high) * part // high + 1), (unit - low) * part // low if low > 0 else most


def _npv(bounds: _Bounds, one: _Margins) -> Span:
    """True negatives, of whom and of the false negatives they are a share."""
    low, high, unit = bounds
    if one.missed == 0:
        return 0 if low <= 0 else 1, one.negatives if high > unit else 0
    least = -(-low * one.missed // (unit - low)) if low < unit else one.negatives + 1
    return least, -(-high * one.missed // (unit - high)) - 1 if high < unit else one.negatives


_SPANS: Mapping[str, Callable[[_Bounds, _Margins], Span]] = {
    "accuracy": _accuracy,
    "specificity": _specificity,
    "ppv": _ppv,
    "npv": _npv,
    "f1": _f1,
}
