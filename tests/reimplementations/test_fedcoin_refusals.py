"""All that FedCoin's contract refuses, random callers, and whoever falls silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from fedcoin_market import (
    ETHER,
    EXACT,
    FIRST,
    IDLE,
    ONE,
    REQUESTER,
    REVEALING,
    SALT,
    SECOND,
    SERVER,
    Market,
)
from hypothesis import strategies as st
from papers import STRANGER, solidity
from payee import MILL, PURSE, join, payee, through

from chainward.methods.commitment import sealed, words
from chainward.testing import ContractConformance, OnChain, refused
from chainward.testing.contracts import Act, Refusals
from chainward.testing.liveness import Draw, Liveness


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


def posting(trainers: str) -> tuple[list[str], list[str]]:
    return list(trainers), ["cid"] * len(trainers)


def commits(it: OnChain, sender: str, draw: Draw) -> None:
    it.send(sender, "commit", sealed(it.call("domain", sender), SALT, words(FIRST)))


class Trading(Liveness):
    """Requester, server, clients and solvers at any time: not a wei is made, lost or locked for good."""

    parties = (REQUESTER, SERVER, "a", "b", "x", "y")
    acts: ClassVar = {
        "announce": lambda it, sender, draw: it.send(sender, "announce", value=draw(st.integers(0, 2 * 10**6))),
        "post": lambda it, sender, draw: it.send(
            sender, "post", *posting(draw(st.sampled_from(["ab", "a", "ba", ""])))
        ),
        "commit": commits,
        "reveal": lambda it, sender, draw: it.send(sender, "reveal", SALT, draw(st.sampled_from([FIRST, [1, 2]]))),
        "close": lambda it, sender, draw: it.send(sender, "close"),
        "collect": lambda it, sender, draw: it.send(sender, "collect"),
    }
    repeatable = frozenset({"collect"})
    owes, keeps = "credit", ("locked",)
    examples, steps = 40, 20

    def make(self, draw: Draw) -> Market:
        by_median, price = draw(st.booleans()), draw(st.integers(0, 10**6))
        return Market("ab", "xy", price, distance=draw(st.sampled_from([0.0, 3.0])), median=by_median)

    def stand(self) -> tuple[int, int]:
        return self.it.call("round"), self.it.call("phase") or REVEALING + 1

    def resting(self) -> bool:
        return bool(self.it.call("phase") == IDLE)


TestTrading = Trading.TestCase
