"""What all groups of checks share: the strategy under test, and small trials of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chainward.results.record import Record
from chainward.results.store import Ended
from chainward.strategy import Card, Strategy, discovery
from chainward.testing.small import recorded, small


class Checks:
    """Checks of the strategy called `key`, with its default hyper-parameters."""

    key: ClassVar[str]

    @property
    def kind(self) -> type[Strategy[Any]]:
        """The strategy's class."""
        return discovery.load(self.key)

    @property
    def card(self) -> Card:
        """The strategy's card."""
        return self.kind.card

    def record(self, task: str = "synthetic", **overrides: Any) -> Record:
        """Return the record of a small trial, run once a process; see `chainward.testing.run_small`."""
        return self.whole(task, **overrides).record

    def whole(self, task: str = "synthetic", **overrides: Any) -> Ended:
        """Return the record and the predictions of a small trial, run once a process."""
        return recorded(small(self.key, task, **overrides))

    def hospitals(self) -> list[str]:
        """Return the names of the hospitals of the synthetic set-up."""
        return [hospital.name for hospital in self.record().hospitals]

    def faulty(self, faults: Mapping[str, Any], rounds: int = 2) -> Record:
        """Return the record of a synthetic trial with these faults."""
        return self.record(faults=faults, rounds=rounds)
