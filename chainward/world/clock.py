"""The virtual clock: modelled time, the same on every machine, split into the parts a report shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from chainward.world.ports import Cost

PARTS = ("compute", "network", "waiting", "consensus", "aggregation")


@dataclass(frozen=True)
class Speeds:
    """Assumptions of the time model; every field can be set in a plan.

    Local compute is FLOPs / `flops_per_s`; a link costs `round_trip_s` a trip plus bytes at `bits_per_s`; a party that
    has not answered `patience_s` after it was asked is given up. The trips of an answer take up to a share `jitter`
    more or less, drawn from the trial's seed: else the earliest of equal hospitals would always be the same ones.
    """

    flops_per_s: float = 10e9
    round_trip_s: float = 0.040
    bits_per_s: float = 100e6
    patience_s: float = 600.0
    jitter: float = 0.1

    def compute(self, flops: float) -> float:
        """Seconds for so many floating-point operations."""
        return flops / self.flops_per_s

    def transfer(self, size: int, trips: int = 1) -> float:
        """Seconds for so many bytes in so many round trips."""
        return trips * self.round_trip_s + 8 * size / self.bits_per_s

    def network(self, sent: int, cost: Cost, luck: float) -> float:
        """Seconds on the wire for one question and the trips of its answer, with the party's own store traffic.

        `luck` from -1 to 1 places the trips within the jitter. The bytes of the answer are not in it: they share the
        link of whoever asked with those of the others.
        """
        store = cost.fetched + sum(item.size for item in cost.published)
        trips = (1 + cost.trips) * (1 + self.jitter * luck)
        return trips * self.round_trip_s + self.transfer(sent + store, 0)


@dataclass
class Clock:
    """Virtual time in seconds, and how much of it each part took since `lap` was last called."""

    now: float = 0.0
    parts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    def spend(self, part: str, seconds: float) -> None:
        """Let time pass for one reason."""
        self.parts[part] += seconds
        self.now += seconds

    def until(self, part: str, moment: float) -> None:
        """Let time pass until `moment`, if that is still ahead."""
        self.spend(part, max(0.0, moment - self.now))

    def lap(self) -> dict[str, float]:
        """Return the parts since the last lap and start a new one."""
        parts, self.parts = self.parts, dict.fromkeys(PARTS, 0.0)
        return parts
