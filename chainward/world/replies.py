"""Sealed replies: they can be counted, forwarded and opened, and the last two leave a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainward.world.vocabulary import Kind


@dataclass(frozen=True)
class Sealed:
    """One reply that has not been read here. `handle` finds it again in the world that sealed it."""

    handle: int
    owner: str
    kind: Kind
    size: int
    arrival: float


class Replies(Mapping[str, Sealed]):
    """Sealed replies by party, in the order of the parties; each has the form that its query declares.

    `missing` names those who were asked and did not answer in time, `unreadable` those whose reply has another form.
    """

    def __init__(
        self,
        sealed: Iterable[Sealed],
        missing: tuple[str, ...],
        opener: Callable[[tuple[Sealed, ...]], list[Any]],
        unreadable: tuple[str, ...] = (),
    ) -> None:
        self._sealed = {reply.owner: reply for reply in sealed}
        self._opener = opener
        self.missing, self.unreadable = missing, unreadable

    def __getitem__(self, party: str) -> Sealed:
        return self._sealed[party]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sealed)

    def __len__(self) -> int:
        return len(self._sealed)

    def only(self, parties: Iterable[str]) -> Replies:
        """Return the replies of `parties`, in this order of replies."""
        wanted = set(parties)
        kept = (reply for party, reply in self._sealed.items() if party in wanted)
        return Replies(kept, self.missing, self._opener, self.unreadable)

    def open(self) -> dict[str, Any]:
        """Read every reply here, at the coordinator; the meter notes who disclosed what."""
        return dict(zip(self._sealed, self._opener(tuple(self._sealed.values())), strict=True))


class Each(dict[str, Any]):
    """A payload of its own for each party."""
