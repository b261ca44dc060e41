"""What parties replied in one round, sealed; and on the meter, who got to read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from chainward.world.meter import Meter
from chainward.world.replies import Sealed
from chainward.world.vocabulary import Kind


@dataclass
class Vault:
    """Values by the handle of their seal. `sizes` are training patients; `shared`, whose records were ever shown."""

    meter: Meter
    sizes: Mapping[str, int]
    shared: set[str]
    handles: count[int]
    _values: dict[int, Any] = field(default_factory=dict)

    def seal(self, kind: Kind, party: str, value: Any, size: int, arrival: float) -> Sealed:
        """Keep a reply under a new seal."""
        handle = next(self.handles)
        self._values[handle] = value
        return Sealed(handle, party, kind, size, arrival)

    def value(self, reply: Sealed) -> Any:
        """Return what is under a seal.

        Raises:
            LookupError: it is of a round that is over.
        """
        if reply.handle not in self._values:
            raise LookupError(f"the {reply.kind} of {reply.owner} was sealed in a round that is over")
        return self._values[reply.handle]

    def shown(self, value: Any, party: str) -> Any:
        """Return a payload as `party` reads it, seals broken."""
        if isinstance(value, Sealed):
            self.disclose(value, party)
            return self.value(value)
        if isinstance(value, Mapping):
            return {key: self.shown(item, party) for key, item in value.items()}
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self.shown(item, party) for item in value)
        return value

    def disclose(self, reply: Sealed, recipient: str) -> None:
        """Note that `recipient` reads a reply."""
        records = self.records(reply.kind, reply.owner, (recipient,))
        self.meter.disclose(reply.kind, reply.owner, (recipient,), reply.size, records)

    def records(self, kind: Kind, owner: str, recipients: Iterable[str]) -> int:
        """Return how many raw records this shows to somebody else for the first time."""
        shown = kind is Kind.RECORDS and any(recipient != owner for recipient in recipients)
        return self.first_time(owner, self.sizes.get(owner, 0)) if shown else 0

    def first_time(self, whose: str, rows: int) -> int:
        """Return `rows` the first time that these are shown, else 0."""
        if not rows or whose in self.shared:
            return 0
        self.shared.add(whose)
        return rows
