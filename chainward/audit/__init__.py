"""Published figures of anybody's paper against arithmetic: what a protocol charges at least, what patients can come to.

It says nothing of people: a figure that cannot be may be a misprint, a unit, or something the text does not say.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainward.audit import accuracy, chain
from chainward.audit.figures import Figures, Quote, open_figures
from chainward.audit.finding import Check, Finding, Verdict

__all__ = ["Figures", "Finding", "Verdict", "audit", "open_figures"]


def audit(figures: Figures) -> tuple[Finding, ...]:
    """Return what every check comes to, in the order of the file's kinds of figures. Pure."""
    return tuple(
        Finding(
            quote.figure,
            quote.quoted,
            found.check,
            found.verdict,
            f"{quote.reading}: {found.derivation}" if quote.reading else found.derivation,
            found.unless,
        )
        for quote, found in _checks(figures)
    )


def _checks(figures: Figures) -> Iterator[tuple[Quote, Check]]:
    rules = figures.chain
    yield from ((one, found) for one in figures.transaction for found in chain.transaction(one, rules))
    yield from ((one, found) for one in figures.throughput for found in chain.throughput(one, rules))
    yield from ((one, found) for one in figures.fee for found in chain.fee(one, rules))
    yield from ((one, found) for one in figures.classifier for found in accuracy.classifier(one))
    yield from ((one, found) for one in figures.interval for found in accuracy.interval(one))
    yield from ((one, found) for one in figures.training for found in accuracy.training(one))
