"""The random runs of a contract have teeth: each of their promises fails for the flaw that it is there for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chainward.testing.liveness import OUTSIDER, Liveness
from chainward.world import Reverted

PARTIES = ("a", "b", "c")
PRICE = 6


class Pot:
    """What `Liveness` needs of a chain, with a contract in it.

    In each of two rounds everybody pays in, then everybody asks for a share; who asked gets it when the round closes.
    """

    def __init__(self, *flaws: str) -> None:
        self.flaws = flaws
        self.block = self.round = self.phase = self.pot = 0
        self.deadline = 3
        self.owed, self.paid_home = Counter[str](), Counter[str]()
        self.acted: set[tuple[Any, ...]] = set()

    def call(self, view: str, *party: str) -> Any:
        return self.owed[party[0]] if party else getattr(self, view)

    def wait(self, blocks: int) -> None:
        self.block += blocks

    def pass_deadline(self) -> None:
        self.block = max(self.block, self.deadline + 1)

    def holds(self, parties: Any) -> int:
        return -sum(self.paid_home[party] for party in parties)

    def send(self, sender: str, function: str) -> None:
        getattr(self, f"_{function}")(sender)

    def _check(self, holds: bool) -> None:
        if not holds:
            raise Reverted("Pot", "", "")

    def _once(self, sender: str, function: str, phase: int) -> None:
        self._check(self.phase == phase and self.round < 2 and sender in PARTIES)
        self._check(function in self.flaws or (self.round, function, sender) not in self.acted)
        self.acted.add((self.round, function, sender))

    def _pay(self, sender: str) -> None:
        self._once(sender, "pay", 0)
        self.paid_home[sender] -= PRICE
        self.pot += PRICE - ("leaks" in self.flaws)

    def _ask(self, sender: str) -> None:
        self._once(sender, "ask", 1)

    def _close(self, sender: str) -> None:
        self._check(self.round < 2 and self.block > self.deadline)
        self._check("parties only" not in self.flaws or sender in PARTIES)
        if self.phase == 1:
            self._share()
        self.round, self.phase = self.round + self.phase, 1 - self.phase
        self.deadline = self.block + 3
        if "goes back" in self.flaws and self.round == 1:
            self.round = 0

    def _share(self) -> None:
        asked = [party for party in PARTIES if (self.round, "ask", party) in self.acted]
        self._check("waits for ever" not in self.flaws or len(asked) > 0)
        if "keeps" not in self.flaws:
            asked = asked or list(PARTIES)
        for party in asked:
            self.owed[party] += self.pot // len(asked)
        self.pot -= self.pot // max(1, len(asked)) * len(asked)

    def _collect(self, sender: str) -> None:
        self._check(self.owed[sender] > 0)
        self.paid_home[sender] += self.owed.pop(sender)


def run(*flaws: str, **others: Any) -> None:
    def make(self: Liveness, draw: Any) -> Any:
        return Pot(*flaws)

    acts = {name: lambda it, sender, draw, name=name: it.send(sender, name) for name in ("pay", "ask")}
    members = {
        "parties": PARTIES,
        "acts": acts,
        "owes": "owed",
        "keeps": ("pot",),
        "make": make,
        "resting": lambda self: self.it.round == 2,
        "examples": 200,
        **others,
    }
    test = type("Waiting", (Liveness,), members).TestCase
    test("runTest").runTest()


def test_a_sound_contract_passes() -> None:
    run()


@pytest.mark.parametrize(
    ("flaw", "complaint"),
    [
        ("leaks", "is not what it owes"),
        ("pay", "did pay twice"),
        ("ask", "did ask twice"),
        ("goes back", "back to"),
        ("waits for ever", "never ends while"),
        ("parties only", "never ends while .'a', 'b', 'c'"),
        ("keeps", "wei are locked"),
    ],
)
def test_a_flaw_is_found(flaw: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        run(flaw)


def test_what_may_be_repeated_is_no_flaw() -> None:
    run("pay", repeatable=frozenset({"pay"}))


def test_a_contract_without_money_is_not_asked_for_it() -> None:
    run("leaks", owes="", keeps=())


def test_an_outsider_is_no_party() -> None:
    assert OUTSIDER not in PARTIES
