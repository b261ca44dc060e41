"""What the meter keeps of one round: bytes, disclosures, measured seconds, who was missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainward.world.vocabulary import Audience, Kind

COORDINATOR = "coordinator"
EVERYONE = "everyone"


@dataclass
class Meter:
    """Counts of one round. Recipients are party names, `coordinator` or `everyone`.

    `missing` are those who did not answer in time, `unreadable` those of whom something could not be read."""

    hospitals: tuple[str, ...]
    party_bytes: int = 0
    store_bytes: int = 0
    chain_bytes: int = 0
    raw_records: int = 0
    spoiled: int = 0
    measured_s: float = 0.0
    missing: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    _items: Counter[tuple[str, str]] = field(default_factory=Counter)
    _bytes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _recipients: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def disclose(self, kind: Kind, owner: str, recipients: Iterable[str], size: int, records: int = 0) -> None:
        """Note that each of `recipients` got to read an item of `owner`; nobody discloses to himself."""
        for recipient in recipients:
            if recipient == owner:
                continue
            self._items[kind.value, recipient] += 1
            self._bytes[kind.value, recipient] += size
            if kind.individual:
                self._recipients[owner].add(recipient)
        self.raw_records += records

    def audience(self) -> Audience:
        """Return the widest audience any hospital's own update had in this round."""
        audiences = (self._audience_of(owner) for owner in self._recipients if owner in self.hospitals)
        return max(audiences, key=lambda audience: audience.rank, default=Audience.NOBODY)

    def _audience_of(self, owner: str) -> Audience:
        recipients = self._recipients[owner]
        others = len(recipients & set(self.hospitals) - {owner})
        if EVERYONE in recipients:
            return Audience.EVERYONE
        if others and others >= len(self.hospitals) - 1:
            return Audience.EVERY_HOSPITAL
        if others > 1:
            return Audience.SOME_HOSPITALS
        return Audience.ONE_HOSPITAL if others else Audience.COORDINATOR

    def disclosures(self) -> list[dict[str, Any]]:
        """Return how many items of each kind went to whom; hospitals are counted together."""
        rows: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for (kind, recipient), count in self._items.items():
            row = rows[kind, "hospitals" if recipient in self.hospitals else recipient]
            row[0] += count
            row[1] += self._bytes[kind, recipient]
        return [
            {"kind": kind, "audience": audience, "count": count, "bytes": size}
            for (kind, audience), (count, size) in sorted(rows.items())
        ]

    def bytes(self) -> Mapping[str, int]:
        """Return the bytes between parties, on chain and in the store."""
        return {"parties": self.party_bytes, "chain": self.chain_bytes, "store": self.store_bytes}
