"""Audits in a circle: who audits whom, and the median of what all found of one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from chainward.methods.aggregation import lower_median


class Circle(NamedTuple):
    """Agents as they stand in a circle, what each published, and how many of them each audits, from itself on.

    A row of an auditor tells something of each that it audits, in this order.

    Examples:
        >>> circle = Circle(("a", "b", "c"), ("model of a", "model of b", "model of c"), audits=2)
        >>> circle.audited("c")
        ('c', 'a')
        >>> circle.held("c", [0, 7])
        {'a': 7}
    """

    agents: tuple[str, ...]
    contents: tuple[str, ...]
    audits: int

    def audited(self, auditor: str) -> tuple[str, ...]:
        """Return whom it audits, itself first."""
        place = self.agents.index(auditor)
        return (*self.agents, *self.agents)[place : place + self.audits]

    def held(self, auditor: str, row: Sequence[Any]) -> dict[str, Any]:
        """Return what an auditor's row holds, by whom it is of, without what is nothing: 0, empty or missing."""
        return {model: value for model, value in zip(self.audited(auditor), row, strict=False) if value}

    def table(self, rows: Sequence[Sequence[Any]]) -> dict[str, dict[str, Any]]:
        """Return what rows hold, one an agent of the circle, by auditor and whom it audits."""
        return {auditor: self.held(auditor, row) for auditor, row in zip(self.agents, rows, strict=True)}

    def medians(self, rows: Sequence[Sequence[int]], members: Collection[str]) -> dict[str, int]:
        """Return the lower medians of what members scored members, from a row an agent of the circle.

        A row holds 1 more than each score, and 0 where there is none.

        Examples:
            >>> Circle(("a", "b", "c"), ("", "", ""), audits=2).medians([[5, 7], [4, 0], [9, 2]], members="ab")
            {'a': 4, 'b': 3}
        """
        found = {auditor: own for auditor, own in self.table(rows).items() if auditor in members}
        return {model: lower_median([own[model] - 1 for own in found.values() if model in own]) for model in found}
