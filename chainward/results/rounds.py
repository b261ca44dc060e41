"""What the meters saw round by round: one `Round` as it ends, `Rounds` in columns as they are kept.

Rows as JSON objects made nine tenths of a record's size and of the time to read it; columns take a quarter of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import Field

from chainward.codec import fields
from chainward.world import Audience

T = TypeVar("T")

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Latency:
    """Modelled seconds on the virtual clock, by what they were spent on."""

    compute: Seconds
    network: Seconds
    waiting: Seconds
    consensus: Seconds
    aggregation: Seconds

    @property
    def total(self) -> float:
        """All parts together."""
        return self.compute + self.network + self.waiting + self.consensus + self.aggregation


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes between parties, on chain and in the store."""

    parties: Count
    chain: Count
    store: Count


@dataclass(frozen=True, slots=True)
class DisclosureRow:
    """How many items of a kind an audience opened, and their bytes."""

    kind: str
    audience: str
    count: Count
    bytes: Count


@dataclass(frozen=True, slots=True)
class Round:
    """What the meters saw in one round; round 0 is the set-up. `transactions` counts from the start of the trial.

    `missing` did not answer in time; of those `unreadable` something had not the form it must have. `spoiled` is how
    many answers rest on what an attacker spoiled.
    """

    round: Count
    latency_s: Latency
    bytes: Traffic
    validation_auroc: float | None
    measured_compute_s: float
    measured_wall_s: float
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    audience: Audience
    disclosures: tuple[DisclosureRow, ...]
    raw_records: Count
    spoiled: Count
    transactions: Count
    gas: Count
    gas_eip7623: Count


Counts = tuple[Count, ...]
Times = tuple[Seconds, ...]


@dataclass(frozen=True, slots=True)
class LatencyColumns:
    """`Latency` of each round."""

    compute: Times
    network: Times
    waiting: Times
    consensus: Times
    aggregation: Times

    def totals(self) -> list[float]:
        """All parts of each round together."""
        parts = (self.compute, self.network, self.waiting, self.consensus, self.aggregation)
        return [sum(round_parts) for round_parts in zip(*parts, strict=True)]


@dataclass(frozen=True, slots=True)
class TrafficColumns:
    """`Traffic` of each round."""

    parties: Counts
    chain: Counts
    store: Counts


@dataclass(frozen=True, slots=True)
class DisclosureColumns:
    """Disclosures of all rounds, one after the other, with the round of each."""

    round: Counts
    kind: tuple[str, ...]
    audience: tuple[str, ...]
    count: Counts
    bytes: Counts


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of a trial in columns. Loop over it for each `Round`."""

    round: Counts
    latency_s: LatencyColumns
    bytes: TrafficColumns
    validation_auroc: tuple[float | None, ...]
    measured_compute_s: tuple[float, ...]
    measured_wall_s: tuple[float, ...]
    missing: tuple[tuple[str, ...], ...]
    unreadable: tuple[tuple[str, ...], ...]
    audience: tuple[Audience, ...]
    disclosures: DisclosureColumns
    raw_records: Counts
    spoiled: Counts
    transactions: Counts
    gas: Counts
    gas_eip7623: Counts

    def __post_init__(self) -> None:
        """Raises ValueError where a round lacks a value or a disclosure its round."""
        columns = (*self._plain(), *fields(self.latency_s).values(), *fields(self.bytes).values())
        if {len(column) for column in columns} != {len(self)}:
            raise ValueError("columns differ in length")
        if len({len(column) for column in fields(self.disclosures).values()}) > 1:
            raise ValueError("columns of disclosures differ in length")
        if not set(self.disclosures.round) <= set(self.round):
            raise ValueError("a disclosure is of no round")

    @classmethod
    def of(cls, rounds: Iterable[Round]) -> Rounds:
        """Return rounds in columns."""
        rows = tuple(rounds)
        disclosed = [(row.round, *fields(one).values()) for row in rows for one in row.disclosures]
        return cls(
            latency_s=LatencyColumns(*_turned([fields(row.latency_s).values() for row in rows], 5)),
            bytes=TrafficColumns(*_turned([fields(row.bytes).values() for row in rows], 3)),
            disclosures=DisclosureColumns(*_turned(disclosed, 5)),
            **{name: tuple(getattr(row, name) for row in rows) for name in _PLAIN},
        )

    def __len__(self) -> int:
        return len(self.round)

    def __iter__(self) -> Iterator[Round]:
        disclosed: dict[int, list[DisclosureRow]] = defaultdict(list)
        for number, *row in zip(*fields(self.disclosures).values(), strict=True):
            disclosed[number].append(DisclosureRow(*row))
        latencies = zip(*fields(self.latency_s).values(), strict=True)
        traffic = zip(*fields(self.bytes).values(), strict=True)
        for latency, sent, *row in zip(latencies, traffic, *self._plain(), strict=True):
            plain = dict(zip(_PLAIN, row, strict=True))
            found = tuple(disclosed[plain["round"]])
            yield Round(latency_s=Latency(*latency), bytes=Traffic(*sent), disclosures=found, **plain)

    def _plain(self) -> list[tuple[object, ...]]:
        return [getattr(self, name) for name in _PLAIN]


_PLAIN = tuple(name for name in Round.__slots__ if name not in ("latency_s", "bytes", "disclosures"))


def _turned(rows: Iterable[Iterable[T]], width: int) -> tuple[tuple[T, ...], ...]:
    """Rows as so many columns, also where there is no row."""
    return tuple(zip(*rows, strict=True)) or ((),) * width
