"""Plan-level faults no strategy can see: who is absent when, and who answers late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Faults:
    """`absent` maps a hospital to the rounds in which it does not answer (0 is the set-up; empty: every round).

    `delay` maps a hospital to the seconds by which each of its answers is late.
    """

    absent: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    delay: Mapping[str, float] = field(default_factory=dict)

    def is_absent(self, party: str, round_number: int) -> bool:
        """Whether `party` does not answer in this round."""
        rounds = self.absent.get(party)
        return rounds is not None and (not rounds or round_number in rounds)

    def delay_of(self, party: str) -> float:
        """Seconds by which each answer of `party` is late."""
        return self.delay.get(party, 0.0)
