"""All that FedCoin's contract refuses, and random callers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from anybody import Anybody
from fedcoin_market import (
    COMMITTING,
    ETHER,
    EXACT,
    FIRST,
    IDLE,
    ONE,
    REQUESTER,
    SALT,
    SECOND,
    SERVER,
    TRAINING,
    WINDOW,
    Market,
)
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from papers import STRANGER, solidity
from payee import MILL, PURSE, join, payee, through

from chainward.methods.commitment import sealed, words
from chainward.testing import ContractConformance, refused
from chainward.testing.contracts import Act, Refusals


def posted() -> Market:
    return Market().post()


def revealing() -> Market:
    return posted().commit({"x": FIRST, "y": SECOND, "z": EXACT})


def after(stage: Callable[[], Market], sender: str, function: str, *arguments: Any, value: int = 0) -> Act:
    return lambda: stage().send(sender, function, *arguments, value=value)


def announced() -> Market:
    return Market().announce()


def paid_back() -> Market:
    """A requester with the price of a task to its credit, of which nothing is locked."""
    return announced().late().close()


def posts(trainers: Sequence[str], contents: int | None = None) -> Act:
    return after(announced, SERVER, "post", list(trainers), ["cid"] * (len(trainers) if contents is None else contents))


def out_of_range(value: int) -> Act:
    return lambda: Market(solvers="x").post().commit({"x": [0, value]}).reveal({"x": [0, value]})


def paying(code: str = PURSE) -> tuple[Market, str]:
    """A task in which a client is a contract of this code, about to be closed."""
    with TemporaryDirectory() as folder:
        client = payee(Path(folder), code)
        market = Market(clients=(client, "b"), solvers="x", folders=(Path(folder),))
        join(market, client)
    return market.post().commit({"x": EXACT}).reveal({"x": EXACT}), client


def unpayable() -> tuple[Market, str]:
    market, client = paying()
    return market.close(), client


REFUSALS: Refusals = {
    "constructor": [
        ("more than the price", lambda: Market(train=91, commission=10)),
        ("client listed twice", lambda: Market(clients="aba")),
        ("solver listed twice", lambda: Market(solvers="xx")),
    ],
    "announce": [
        ("not the requester", after(Market, SERVER, "announce", value=ETHER)),
        ("a task is open", after(announced, REQUESTER, "announce", value=ETHER)),
        ("a task is open", after(revealing, REQUESTER, "announce", value=ETHER)),
        ("not funded", after(Market, REQUESTER, "announce", value=ETHER - 1)),
    ],
    "post": [
        ("not the server", after(announced, REQUESTER, "post", ["a"], ["cid"])),
        ("not the phase", after(paid_back, SERVER, "post", ["a"], ["cid"])),
        ("not the phase", after(posted, SERVER, "post", ["a"], ["cid"])),
        ("not the phase", after(revealing, SERVER, "post", ["a"], ["cid"])),
        ("too late", lambda: announced().late().send(SERVER, "post", ["a"], ["cid"])),
        ("nobody trained", posts("")),
        ("lengths differ", posts("ab", 1)),
        ("lengths differ", posts("ab", 3)),
        ("not clients in their order", posts("ba")),
        ("not clients in their order", posts("aa")),
        ("not clients in their order", posts([STRANGER])),
    ],
    "commit": [
        ("not the phase", after(Market, "x", "commit", SALT)),
        ("not the phase", after(announced, "x", "commit", SALT)),
        ("not the phase", after(revealing, "x", "commit", SALT)),
        ("too late", lambda: posted().late().commit({"x": FIRST})),
        ("not a solver", lambda: posted().commit({"a": FIRST})),
        ("already committed", lambda: posted().commit({"x": FIRST}).commit({"x": EXACT})),
    ],
    "reveal": [
        ("not the phase", after(Market, "x", "reveal", SALT, FIRST)),
        ("not the phase", lambda: posted().commit({"x": FIRST}).reveal({"x": FIRST})),
        ("too late", lambda: revealing().late().reveal({"x": FIRST})),
        ("nothing committed", lambda: revealing().reveal({STRANGER: FIRST})),
        ("nothing committed", lambda: posted().commit({"x": FIRST}).late().close().reveal({"y": FIRST})),
        ("already revealed", lambda: revealing().reveal({"x": FIRST}).reveal({"x": FIRST})),
        ("a value for each trainer", lambda: revealing().reveal({"x": FIRST[:1]})),
        ("a value for each trainer", lambda: revealing().reveal({"x": [*FIRST, 0]})),
        ("value out of range", out_of_range(ONE + 1)),
        ("value out of range", out_of_range(-ONE - 1)),
        ("commitment not opened", lambda: revealing().reveal({"x": SECOND})),
        ("commitment not opened", lambda: revealing().reveal({"x": FIRST}, salt=bytes(32))),
    ],
    "close": [
        ("no task is open", lambda: Market().close()),
        ("no task is open", lambda: Market(solvers="x").play({"x": FIRST}).close()),
        ("before the deadline", lambda: announced().close()),
        ("before the deadline", lambda: posted().close()),
        ("before the deadline", lambda: posted().commit({"x": FIRST, "y": FIRST}).close()),
        ("before the deadline", lambda: revealing().reveal({"x": FIRST, "y": SECOND}).close()),
    ],
    "collect": [
        ("nothing to collect", after(Market, REQUESTER, "collect")),
        ("nothing to collect", after(posted, REQUESTER, "collect")),
        ("payment refused", lambda: through(*unpayable(), "FedCoin", "collect")),
    ],
}


class TestRefusals(ContractConformance):
    source = solidity("FedCoin")
    refusals = REFUSALS


@pytest.mark.parametrize("code", [PURSE, MILL])
def test_who_refuses_its_pay_holds_up_nobody_and_keeps_the_claim(code: str) -> None:
    market, client = paying(code)
    assert market.send(STRANGER, "close").gas < 200_000
    _, (due, other) = market.call("pay")
    assert market.gained()["b"] == other
    assert market.call("credit", client) == due > 0


def test_who_refuses_what_it_collects_keeps_the_claim() -> None:
    market, client = unpayable()
    due = market.call("credit", client)
    with refused("payment refused"):
        through(market, client, "FedCoin", "collect")
    assert market.call("credit", client) == due > 0


class Trading(Anybody):
    """Anybody calls anything at any time: not a wei is made, lost or locked for good."""

    examples, steps = 50, 30

    @initialize(price=st.integers(0, 10**6), distance=st.sampled_from([0.0, 3.0]), by_median=st.booleans())
    def begin(self, price: int, distance: float, by_median: bool) -> None:
        self.it = Market("ab", "xy", price, distance=distance, median=by_median)
        self.secrets: dict[str, list[int]] = {}

    anybody = st.sampled_from([REQUESTER, SERVER, STRANGER, "a", "b", "x", "y"])
    solver = st.sampled_from("xxyya")
    value = st.integers(-9, 9) | st.sampled_from([ONE, -ONE, ONE + 1, -ONE - 1])

    @rule(solver=st.sampled_from("xy"), first=value, second=value)
    def go_on(self, solver: str, first: int, second: int) -> None:
        """What an honest participant does next, if it is its turn."""
        phase = self.it.call("phase")
        if phase == IDLE:
            self.it.announce()
        elif phase == TRAINING:
            self.post(SERVER, "ab")
        elif phase == COMMITTING:
            self.commit(solver, first, second)
        elif not self.try_to(solver, "reveal", SALT, self.secrets.get(solver, [0, 0])):
            self.try_to(solver, "close")

    @rule(sender=st.just(REQUESTER) | anybody, value=st.integers(0, 2 * 10**6))
    def announce(self, sender: str, value: int) -> None:
        self.try_to(sender, "announce", value=value)

    @rule(sender=st.just(SERVER) | anybody, trainers=st.sampled_from(["a", "b", "ab", "ab", "ba", ""]))
    def post(self, sender: str, trainers: str) -> None:
        self.try_to(sender, "post", list(trainers), ["cid"] * len(trainers))

    @rule(solver=solver, first=value, second=value)
    def commit(self, solver: str, first: int, second: int) -> None:
        commitment = sealed(self.it.call("domain", solver), SALT, words([first, second]))
        if self.try_to(solver, "commit", commitment):
            self.secrets[solver] = [first, second]

    @rule(solver=solver, honest=st.sampled_from([True, True, False]))
    def reveal(self, solver: str, honest: bool) -> None:
        vector = self.secrets.get(solver, [0, 0]) if honest else [1, 2]
        self.try_to(solver, "reveal", SALT, vector)

    @rule(sender=anybody)
    def close(self, sender: str) -> None:
        self.try_to(sender, "close")

    @rule(sender=anybody)
    def collect(self, sender: str) -> None:
        owed, before = self.it.call("credit", sender), self.it.ledger.balance(sender)
        assert self.try_to(sender, "collect") == (owed > 0)
        assert self.it.ledger.balance(sender) == before + owed

    @rule(blocks=st.sampled_from([1, WINDOW + 1]))
    def wait(self, blocks: int) -> None:
        self.it.late(blocks)

    @invariant()
    def conserved(self) -> None:
        self.it.check_money()

    def end(self) -> None:
        """All fall silent. Two deadlines later a stranger has ended the task, and all can take home what is owed."""
        for _ in range(2):
            self.it.late()
            self.try_to(STRANGER, "close")
        assert self.it.call("phase") == IDLE
        for name in self.it.everybody:
            self.try_to(name, "collect")
        assert sum(self.it.gained().values()) == 0


TestTrading = Trading.TestCase
