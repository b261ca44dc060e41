"""A world that notices when a strategy reaches past its interface, and keeps what went through it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from chainward import codec
from chainward.results.predictions import encode
from chainward.results.record import Result
from chainward.results.rounds import Round
from chainward.testing.canonical import largest_array
from chainward.testing.small import dataset, small
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import prepare
from chainward.trials.run import run_trial
from chainward.world import Kind, Query, Receipt, Replies, Sealed, World

OFF_LIMITS = frozenset({"engine", "ledger", "store", "faults", "meter", "shared", "begin"})
"""Public parts of a world that belong to the harness."""

_HARNESS = ("chainward.world.", "chainward.trials.", "chainward.testing.", "chainward.codec")


class WatchedWorld(World):
    """Notes every look behind the interface in `trespasses`; `replies` are all sealed values, `opened` counts reads."""

    def __post_init__(self) -> None:
        self.trespasses: list[str] = []
        self.replies: list[tuple[str, Any]] = []
        self.largest: dict[Kind, int] = {}
        self.opened = 0
        self.formless: list[str] = []
        super().__post_init__()

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute; note who read it if it is none of a strategy's business."""
        private = name.startswith("_") and not name.startswith("__")
        if private or name in OFF_LIMITS:
            reader = str(sys._getframe(1).f_globals.get("__name__"))
            if not reader.startswith(_HARNESS):
                self.trespasses.append(f"{reader} uses world.{name}")
        return super().__getattribute__(name)

    def ask(self, who: Any, what: Query, *arguments: Any, **options: Any) -> Replies:
        """Ask; note a query that declares no form of its replies."""
        if what.form is Any:
            self.formless.append(what.steps[-1].name)
        return super().ask(who, what, *arguments, **options)

    def _seal(self, kind: Kind, party: str, value: Any, size: int, arrival: float) -> Sealed:
        self.replies.append((f"the {kind} of {party} in round {self.round}", value))
        self.largest[kind] = max(largest_array(value), self.largest.get(kind, 0))
        return super()._seal(kind, party, value, size, arrival)

    def _open(self, sealed: tuple[Sealed, ...]) -> list[Any]:
        if sys._getframe(1).f_code is not Replies.open.__code__:
            self.trespasses.append("a reply was read without open()")
        self.opened += len(sealed)
        return super()._open(sealed)


@dataclass
class _KeepingStates(Checkpoint):
    """Saves nothing but keeps the state after every round."""

    states: list[Any] = field(default_factory=list)

    def save(self, world: World, state: Any, entries: list[Round]) -> None:
        """Keep the state."""
        self.states.append(state)


@dataclass(frozen=True)
class Observation:
    """A small trial seen from inside: its result, predictions, states, replies, memories, receipts and trespasses.

    `formless` are queries that declare no form of their replies. `largest` is the largest array among the replies of a
    kind, `parameters` how many weights the network has.
    """

    result: Result
    predictions: bytes
    states: tuple[Any, ...]
    replies: tuple[tuple[str, Any], ...]
    largest: Mapping[Kind, int]
    parameters: int
    opened: int
    memories: Mapping[str, Any]
    receipts: tuple[Receipt, ...]
    trespasses: tuple[str, ...]
    formless: tuple[str, ...]


@lru_cache(maxsize=64)
def observe(key: str, task: str = "synthetic") -> Observation:
    """Run a small trial of the strategy `key` in a watched world."""
    specification = small(key, task)
    prepared = prepare(specification, dataset(specification), "cpu")
    world = WatchedWorld(**codec.fields(prepared.world))
    kept = _KeepingStates()
    result, predicted = run_trial(replace(prepared, world=world), kept)
    memories = world.engine.snapshot()
    receipts, trespasses = tuple(world.ledger.receipts), tuple(dict.fromkeys(world.trespasses))
    return Observation(
        result,
        encode(predicted),
        tuple(kept.states),
        tuple(world.replies),
        world.largest,
        world.network.parameters,
        world.opened,
        memories,
        receipts,
        trespasses,
        tuple(dict.fromkeys(world.formless)),
    )
