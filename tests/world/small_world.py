"""A world whose parties answer what a test tells them to, with speeds that make every second countable by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chainward.ledgers.store import MemoryStore
from chainward.world import Answer, Cost, Faults, Kind, Published, Query, Receipt, Share, Speeds, World

HOSPITALS = ("A", "B", "C", "D")
SIZES = {"A": 10, "B": 20, "C": 30, "D": 40}

# A FLOP takes 0.1 s, a round trip 1 s, a byte 1 s; whoever takes longer than 100 s is given up.
SPEEDS = Speeds(flops_per_s=10.0, round_trip_s=1.0, bits_per_s=8.0, patience_s=100.0, jitter=0.0)

ASK = Query("ask", Kind.UPDATE)
COUNT = Query("count", Kind.STATISTICS)
RECORDS = Query("records", Kind.RECORDS)

Script = Callable[[str, Any], Answer]


def cost(flops: float = 0.0, fetched: int = 0, published: Iterable[Published] = (), trips: int = 0) -> Cost:
    return Cost(flops, fetched, tuple(published), trips, 0.25)


def replying(value: Any = None, **flops: float) -> Script:
    """Everybody replies `value`; keywords give a party's FLOPs."""
    return lambda party, _: Answer(value, cost(flops.get(party, 0.0)))


class ScriptedEngine:
    """Answers by script, the last asked first, and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.enrolled: dict[str, tuple[str, ...]] = {}

    def enrol(self, party: str, givers: Sequence[str]) -> Mapping[str, Share]:
        self.enrolled[party] = tuple(givers)
        shares = {"A": Share(3, 8), "B": Share(4, 11)}
        return {name: share for name, share in shares.items() if name in givers}

    def run(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer]:
        self.asked.append((query.name, dict(requests), label))
        return {party: self.script(party, requests[party]) for party in reversed(requests)}


class QuietLedger:
    """Takes 10 bytes a transaction and makes a block every 50 s."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.sent_at: float | None = None

    def send(
        self, address: str, function: str, arguments: Sequence[Any], sender: str, value: int, at: float
    ) -> Receipt:
        self.sent_at = at
        self.receipts.append(Receipt("Quiet", function, sender, address, 1, 1, 10, 1, True))
        return self.receipts[-1]

    def call(self, address: str, function: str, arguments: Sequence[Any], sender: str | None, at: float) -> Any:
        return 7

    def settled(self, at: float) -> float:
        return at if self.sent_at is None else max(at, 50.0 * (self.sent_at // 50 + 1))


def world(script: Script, faults: Faults | None = None, hospitals: tuple[str, ...] = HOSPITALS) -> World:
    return World(
        hospitals=hospitals,
        sizes=SIZES,
        network=None,  # type: ignore[arg-type]
        seed=0,
        engine=ScriptedEngine(script),  # type: ignore[arg-type]
        ledger=QuietLedger(),  # type: ignore[arg-type]
        store=MemoryStore(),
        speeds=SPEEDS,
        faults=faults or Faults(),
        round=1,
    )
