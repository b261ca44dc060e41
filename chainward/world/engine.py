"""What runs local work: the port behind which parties have records and a memory of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainward.world.ports import Cost
from chainward.world.query import Query


@dataclass(frozen=True)
class Answer:
    """A party's reply and what it cost."""

    value: Any
    cost: Cost


@dataclass(frozen=True)
class Share:
    """What a hospital gives a party that gets records: how many, and the bytes of their canonical encoding."""

    records: int
    size: int


class Engine(Protocol):
    """Runs queries at parties that have records and a memory of their own.

    `apportioned` says that a party's measured seconds are its share of a batch, not its own.
    """

    apportioned: bool

    def enrol(self, party: str, givers: Sequence[str]) -> Mapping[str, Share]:
        """Add a party that these hospitals give their validation patients. Returns the share of each that has any."""

    def run(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer]:
        """Run `query` at every party in `requests` with its payload; `label` names the occasion for random streams."""

    def held(self, party: str, name: str) -> npt.NDArray[np.float32]:
        """Return the weights [P] that a party holds under `name`, to judge them; the first weights if it has none."""

    def snapshot(self) -> Mapping[str, Any]:
        """Return who was enrolled and every party's memory, for a checkpoint."""

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put back what `snapshot` returned."""

    def close(self) -> None:
        """End everything that was started for this trial; calling it again does nothing."""
