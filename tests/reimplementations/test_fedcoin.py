"""FedCoin: the contract against hand vectors and oracles, the strategy against identities, cheats and absences."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rounds import states

from chainward import tasks
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger
from chainward.methods.aggregation import mean
from chainward.methods.shapley import exact, members
from chainward.plans.specification import Specification
from chainward.strategy import Strategy, discovery
from chainward.trials.prepare import Trial, prepare
from chainward.world import FIT, Kind, Memory, Query, Reverted, Site, Update

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "FedCoin.sol"
ONE, ETHER, WINDOW = 2**20, 10**18, 10
IDLE, COMMITTING, REVEALING = range(3)
NOBODY = "0x" + 40 * "0"
REQUESTER, SERVER, STRANGER = "requester", "server", "stranger"
SALT = b"\x05" * 32
Vectors = Mapping[str, Sequence[int]]


def module() -> Any:
    return sys.modules[discovery.load("fedcoin").__module__]


def fixed(*values: float) -> list[int]:
    return [round(ONE * value) for value in values]


# --- the contract ------------------------------------------------------------------------------------------------


@dataclass
class Market:
    """One contract with clients a, b, ... and solvers x, y, ..., and whatever a test has them do."""

    clients: Sequence[str] = "ab"
    solvers: Sequence[str] = "xyz"
    price: int = ETHER
    train: int = 70
    commission: int = 10
    distance: float = 0.05
    median: bool = False
    folders: tuple[Path, ...] = ()
    now: float = 0.0
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = EvmLedger(Periodic(), self.folders)
        self.start = {name: self.ledger.balance(name) for name in self.everybody}
        terms = [self.price, self.train, self.commission, int(self.distance * ONE), self.median, WINDOW]
        arguments = [SERVER, list(self.clients), list(self.solvers), *terms]
        self.address = self.ledger.deploy("FedCoin", arguments, REQUESTER, 0, self.now).address

    @property
    def everybody(self) -> list[str]:
        names = [REQUESTER, SERVER, STRANGER, *self.clients, *self.solvers]
        return [name for name in dict.fromkeys(names) if not name.startswith("0x")]

    def send(self, sender: str, function: str, *arguments: Any, value: int = 0) -> Any:
        return self.ledger.send(self.address, function, arguments, sender, value, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def late(self, blocks: int = WINDOW + 1) -> Market:
        """Let the phase's deadline pass."""
        self.now = self.ledger.wait(blocks, self.now)
        return self

    def post(self, trainers: Sequence[str] | None = None) -> Market:
        trainers = self.clients if trainers is None else trainers
        self.send(REQUESTER, "fund", value=max(0, self.price - self.call("credit", REQUESTER)))
        self.send(SERVER, "post", list(trainers), [f"model of {trainer}" for trainer in trainers])
        return self

    def commit(self, vectors: Vectors, salt: bytes = SALT) -> Market:
        for solver, vector in vectors.items():
            self.send(solver, "commit", module().sealed(self.call("domain", solver), salt, vector))
        return self

    def reveal(self, vectors: Vectors, salt: bytes = SALT) -> Market:
        for solver, vector in vectors.items():
            self.send(solver, "reveal", salt, list(vector))
        return self

    def close(self) -> Market:
        self.send(STRANGER, "close")
        return self

    def play(self, vectors: Vectors) -> Market:
        """One task in which every solver gives its vector."""
        return self.post().commit(vectors).reveal(vectors).close()

    def gained(self) -> dict[str, int]:
        """Wei on everybody's account beyond what it began with."""
        return {name: self.ledger.balance(name) - self.start[name] for name in self.everybody}

    @property
    def winner(self) -> str:
        return str(self.call("winner"))

    def check_money(self) -> None:
        """The contract holds the wei that are gone from all accounts: what it owes, and an open task's price."""
        owed = sum(self.call("credit", name) for name in self.everybody)
        locked = self.price if self.call("phase") != IDLE else 0
        assert -sum(self.gained().values()) == owed + locked


FIRST, SECOND, EXACT = fixed(0.6, 0.2), fixed(0.3, 0.5), fixed(0.45, 0.35)
"""Orders AB and BA of acc(A) = .6, acc(B) = .5, acc(AB) = .8, and the Shapley values."""


def test_hand_vector_is_farther_than_d_from_the_average() -> None:
    """Each of .6, .2 and .3, .5 is .2121 from .45, .35."""
    market = Market(solvers="xy").play({"x": FIRST, "y": SECOND})
    assert market.winner == NOBODY
    assert market.call("credit", REQUESTER) == ETHER
    assert set(market.gained().values()) == {0, -ETHER}


def test_hand_vector_to_the_wei() -> None:
    market = Market(solvers="xy", distance=0.213).play({"x": FIRST, "y": SECOND})
    assert market.winner == "x"
    a, b = (7 * ETHER // 10 * value // sum(FIRST) for value in FIRST)
    left = 7 * ETHER // 10 - a - b
    assert a / (a + b) == pytest.approx(0.75, abs=1e-5)
    assert left == market.call("credit", REQUESTER)
    assert market.gained() == {
        REQUESTER: -ETHER,
        SERVER: ETHER // 10,
        STRANGER: 0,
        "a": a,
        "b": b,
        "x": ETHER // 5,
        "y": 0,
    }
    assert market.call("pay") == (("a", "b"), (a, b))


def test_the_nearest_to_the_average_wins_and_not_the_first() -> None:
    market = Market().play({"x": FIRST, "y": SECOND, "z": EXACT})
    assert market.winner == "z"
    assert market.call("centre") == (tuple(map(sum, zip(FIRST, SECOND, EXACT, strict=True))), 3)
    assert market.gained()["z"] == ETHER // 5


@pytest.mark.parametrize(("apart", "winner"), [(100, "x"), (101, NOBODY)])
def test_a_vector_at_distance_d_is_accepted_and_beyond_it_is_not(apart: int, winner: str) -> None:
    """Verify rule: the distance of 3-4-5 triangles to the average of two, D = 500 units."""
    vectors = {"x": [0, 0], "y": [6 * apart, 8 * apart]}
    assert Market(solvers="xy", distance=500 / ONE).play(vectors).winner == winner


def test_equals_go_by_registration_whoever_reveals_first() -> None:
    market = Market(distance=1.0).post().commit({"z": FIRST, "y": FIRST, "x": SECOND})
    assert market.reveal({"z": FIRST, "y": FIRST, "x": SECOND}).close().winner == "y"


def test_of_two_solvers_the_first_registered_always_wins() -> None:
    for vectors in ({"x": FIRST, "y": SECOND}, {"x": SECOND, "y": FIRST}):
        assert Market(solvers="xy", distance=1.5).play(vectors).winner == "x"


def test_one_solver_wins_whatever_d() -> None:
    assert Market(solvers="x", distance=0).play({"x": FIRST}).winner == "x"


def test_an_infinite_d_accepts_everything() -> None:
    """Both are sqrt 2 from their average."""
    far = {"x": [ONE, -ONE], "y": [-ONE, ONE]}
    assert Market(solvers="xy", distance=1.41).play(far).winner == NOBODY
    assert Market(solvers="xy", distance=(2**32 - 1) / ONE).play(far).winner == "x"


LIAR = {"w": [ONE, -ONE], "x": fixed(0.45, 0.35), "y": fixed(0.46, 0.34), "z": fixed(0.44, 0.36)}


@pytest.mark.parametrize(("by_median", "winner"), [(False, NOBODY), (True, "x")])
def test_one_liar_pulls_the_average_and_not_the_median(by_median: bool, winner: str) -> None:
    assert Market(solvers="wxyz", median=by_median).play(LIAR).winner == winner


def test_the_readmes_d_never_binds_where_no_value_is_negative() -> None:
    """Non-negative vectors that sum to one accuracy of at most 1 are at most sqrt 2 apart."""
    market = Market(solvers="xy", distance=1.5).play({"x": [ONE, 0], "y": [0, ONE]})
    assert market.winner == "x"


@pytest.mark.parametrize("price", [0, 1, 7, 101, 999])
def test_the_split_leaves_no_wei_behind(price: int) -> None:
    """What flooring leaves of the server's part is the winner's, of the trainers' the requester's."""
    market = Market(solvers="x", price=price, clients="abc").play({"x": [3, 2, 2]})
    train, server = price * 70 // 100, price * 10 // 100
    paid = [train * value // 7 for value in (3, 2, 2)]
    gained = market.gained()
    assert [gained[name] for name in "abc"] == paid
    assert (gained[SERVER], gained["x"]) == (server, price - train - server)
    assert market.call("credit", REQUESTER) == train - sum(paid)
    market.check_money()


@pytest.mark.parametrize(("train", "commission"), [(100, 0), (0, 100), (0, 0), (33, 34)])
def test_other_splits(train: int, commission: int) -> None:
    gained = Market(solvers="x", train=train, commission=commission, price=100).play({"x": [1, 0]}).gained()
    assert (gained["a"], gained[SERVER], gained["x"]) == (train, commission, 100 - train - commission)


def test_negative_values_earn_nothing_and_take_nothing() -> None:
    gained = Market(solvers="x", clients="abc").play({"x": fixed(0.4, -0.3, 0.1)}).gained()
    assert gained["b"] == 0
    assert gained["a"] == pytest.approx(0.8 * 0.7 * ETHER, rel=1e-4)


def test_where_no_value_is_positive_the_trainers_part_goes_back() -> None:
    market = Market(solvers="x").play({"x": fixed(0, -0.3)})
    assert market.winner == "x"
    assert market.call("credit", REQUESTER) == 7 * ETHER // 10
    assert market.gained()["x"] == ETHER // 5
    assert market.call("pay")[1] == (0, 0)


def test_a_price_given_back_pays_for_the_next_task() -> None:
    market = Market(solvers="xy").play({"x": FIRST, "y": SECOND})
    market.send(SERVER, "post", ["a", "b"], ["one", "two"])
    assert market.call("credit", REQUESTER) == 0
    market.commit({"x": EXACT, "y": EXACT}).reveal({"x": EXACT, "y": EXACT}).close()
    assert (market.winner, market.call("round")) == ("x", 2)
    market.check_money()


def test_the_requester_takes_home_what_is_not_locked() -> None:
    market = Market()
    market.send(REQUESTER, "fund", value=3 * ETHER)
    market.send(SERVER, "post", ["b"], ["model"])
    market.send(REQUESTER, "collect")
    assert market.gained()[REQUESTER] == -ETHER
    market.check_money()


def test_who_did_not_train_is_not_paid() -> None:
    market = Market(clients="abc", solvers="x").post("ac").commit({"x": EXACT}).reveal({"x": EXACT}).close()
    assert market.gained()["b"] == 0
    assert market.call("pay")[0] == ("a", "c")


def test_the_task_names_models_and_trainers() -> None:
    market = Market()
    market.send(REQUESTER, "fund", value=ETHER)
    (event,) = market.send(SERVER, "post", ["b"], ["content"]).events
    assert event == ("Posted", {"round": 1, "trainers": ("b",), "contentIds": ("content",)})
    assert market.call("phase") == COMMITTING


def test_an_open_task_has_no_winner() -> None:
    market = Market(solvers="xy").play({"x": EXACT, "y": EXACT}).post()
    assert market.winner == NOBODY
    market.commit({"x": EXACT, "y": EXACT}).reveal({"x": EXACT})
    assert market.call("pay") == (("a", "b"), (0, 0))


def test_each_phase_lasts_its_window() -> None:
    market = Market(solvers="x").post()
    assert market.call("deadline") == market.ledger.receipts[-1].block + WINDOW
    market.late(4).commit({"x": EXACT})
    assert market.call("deadline") == market.ledger.receipts[-1].block + WINDOW


def test_events_tell_who_was_paid_what() -> None:
    market = Market(solvers="x").post().commit({"x": EXACT}).reveal({"x": EXACT})
    events = market.send(STRANGER, "close").events
    assert [name for name, _ in events] == ["Accepted", "Paid", "Paid", "Paid", "Paid"]
    assert {event["payee"]: event["amount"] for name, event in events if name == "Paid"} == {
        name: amount for name, amount in market.gained().items() if amount > 0
    }


def test_nobody_can_reveal_before_all_have_committed_or_had_the_time() -> None:
    market = Market().post().commit({"x": FIRST, "y": SECOND})
    with pytest.raises(Reverted, match="not the phase"):
        market.reveal({"x": FIRST})
    assert market.commit({"z": EXACT}).call("phase") == REVEALING


def test_a_copied_commitment_cannot_be_opened_by_who_copied_it() -> None:
    """y sees x's commitment, and later its salt and vector; with its own address in front they do not open it."""
    market = Market(solvers="xy").post()
    copied = module().sealed(market.call("domain", "x"), SALT, EXACT)
    market.send("x", "commit", copied)
    market.send("y", "commit", copied)
    market.reveal({"x": EXACT})
    with pytest.raises(Reverted, match="commitment not opened"):
        market.reveal({"y": EXACT})
    assert market.late().close().winner == "x"


def test_a_commitment_of_an_earlier_round_cannot_be_opened() -> None:
    market = Market(solvers="x").play({"x": EXACT})
    old = module().sealed(domain_of(market, 1, "x"), SALT, EXACT)
    market.post().send("x", "commit", old)
    with pytest.raises(Reverted, match="commitment not opened"):
        market.reveal({"x": EXACT})


def domain_of(market: Market, number: int, solver: str) -> bytes:
    account = bytes.fromhex(market.ledger.account(solver)[2:])
    return keccak(
        bytes.fromhex(market.address[2:]).rjust(32, b"\0") + number.to_bytes(32, "big") + account.rjust(32, b"\0")
    )


def test_a_commitment_is_bound_to_contract_round_and_solver() -> None:
    market = Market(solvers="xy").post()
    assert market.call("domain", "x") == domain_of(market, 1, "x") != market.call("domain", "y")


def test_a_vector_is_hashed_as_the_contract_does_negative_values_too() -> None:
    vector = [-1, -ONE, ONE, 0, 12_345]
    market = Market(clients="abcde", solvers="x").post().commit({"x": vector}).reveal({"x": vector})
    assert market.call("vectorOf", "x") == tuple(vector)


def test_who_does_not_commit_in_time_is_left_out() -> None:
    market = Market().post().commit({"y": EXACT}).late().close()
    assert market.call("phase") == REVEALING
    with pytest.raises(Reverted, match="nothing committed"):
        market.reveal({"x": EXACT})
    assert market.reveal({"y": EXACT}).close().winner == "y"


def test_who_does_not_reveal_in_time_does_not_count_in_the_average() -> None:
    vectors = {"x": FIRST, "y": EXACT, "z": EXACT}
    market = Market(distance=0.01).post().commit(vectors).reveal({"y": EXACT, "z": EXACT})
    with pytest.raises(Reverted, match="still open"):
        market.close()
    assert market.late().close().winner == "y"
    assert market.call("centre") == (tuple(2 * value for value in EXACT), 2)
    assert market.call("vectorOf", "x") == ()


@pytest.mark.parametrize("vectors", [{}, {"x": FIRST}])
def test_without_a_vector_the_price_goes_back(vectors: Vectors) -> None:
    market = Market().post().commit(vectors).late().close()
    if vectors:
        assert market.call("phase") == REVEALING
        market.late().close()
    assert market.call("phase") == IDLE
    assert (market.winner, market.call("credit", REQUESTER)) == (NOBODY, ETHER)
    assert market.call("nearest") == NOBODY


def test_vectors_of_an_earlier_task_do_not_count() -> None:
    market = Market().play({"x": FIRST, "y": FIRST, "z": FIRST})
    market.post()
    assert [market.call("vectorOf", solver) for solver in "xyz"] == [(), (), ()]
    market.commit({"z": SECOND}).late().close().reveal({"z": SECOND})
    assert market.call("centre") == (tuple(SECOND), 1)
    assert market.close().winner == "z"


def test_the_deadlines_block_is_still_in_time() -> None:
    market = Market().post()
    market.late(market.call("deadline") - 1 - market.ledger.block(market.now))
    assert market.ledger.block(market.now) == market.call("deadline") - 1
    market.commit({"x": FIRST})
    with pytest.raises(Reverted, match="still open"):
        market.close()
    assert market.late(1).close().call("phase") == REVEALING


def test_before_the_first_task_there_is_nothing() -> None:
    market = Market()
    assert market.call("vectorOf", "x") == ()
    assert market.call("nearest") == NOBODY
    assert market.call("pay") == ((), ())
    assert [market.call("place", name) for name in ("a", "b", STRANGER)] == [1, 2, 0]


def decided(vectors: Vectors, distance: int, by_median: bool) -> str:
    """The winner by exact arithmetic, in the order of the solvers."""
    columns = list(zip(*vectors.values(), strict=True))
    middle = [Fraction(median(column)) if by_median else Fraction(sum(column), len(column)) for column in columns]
    squares = {
        solver: sum((value - centre) ** 2 for value, centre in zip(vector, middle, strict=True))
        for solver, vector in vectors.items()
    }
    best = min(squares, key=lambda solver: squares[solver])
    return best if squares[best] <= distance**2 else NOBODY


@given(st.data(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_equals_the_oracle_and_conserves_every_wei(data: st.DataObject, by_median: bool) -> None:
    solvers, clients = "wxyz"[: data.draw(st.integers(1, 4))], "abc"[: data.draw(st.integers(1, 3))]
    value = st.one_of(st.integers(-ONE, ONE), st.integers(-3, 3))
    four = data.draw(st.tuples(*4 * [st.tuples(*3 * [value])]))  # as many each time: no example outgrows others
    vectors = {solver: vector[: len(clients)] for solver, vector in zip(solvers, four, strict=False)}
    distance, price = data.draw(st.sampled_from([0, 1, 2, 4, ONE // 2, 2 * ONE])), data.draw(st.integers(0, 2 * ETHER))
    market = Market(clients, solvers, price, distance=distance / ONE, median=by_median).play(vectors)
    winner = decided(vectors, distance, by_median)
    assert market.winner == winner
    market.check_money()
    positive = [max(0, value) for value in vectors.get(winner, [])]
    paid = [price * 70 // 100 * value // max(1, sum(positive)) for value in positive] or [0] * len(clients)
    assert [market.gained()[name] for name in clients] == paid


# --- what is refused ---------------------------------------------------------------------------------------------

Attempt = Callable[[], Any]


def posted() -> Market:
    return Market().post()


def revealing() -> Market:
    return posted().commit({"x": FIRST, "y": SECOND, "z": EXACT})


def attempt(stage: Callable[[], Market], sender: str, function: str, *arguments: Any, value: int = 0) -> Attempt:
    return lambda: stage().send(sender, function, *arguments, value=value)


def funded() -> Market:
    market = Market()
    market.send(REQUESTER, "fund", value=ETHER)
    return market


def scarcely_funded() -> Market:
    market = Market()
    market.send(REQUESTER, "fund", value=ETHER - 1)
    return market


def posts(trainers: Sequence[str], contents: int | None = None) -> Attempt:
    return attempt(funded, SERVER, "post", list(trainers), ["cid"] * (len(trainers) if contents is None else contents))


def out_of_range(value: int) -> Attempt:
    return lambda: Market(solvers="x").post().commit({"x": [0, value]}).reveal({"x": [0, value]})


REFUSALS: list[tuple[str, Attempt]] = [
    ("more than the price", lambda: Market(train=91, commission=10)),
    ("client listed twice", lambda: Market(clients="aba")),
    ("solver listed twice", lambda: Market(solvers="xx")),
    ("not the requester", attempt(Market, SERVER, "fund", value=1)),
    ("not the server", attempt(funded, REQUESTER, "post", ["a"], ["cid"])),
    ("a task is open", attempt(posted, SERVER, "post", ["a"], ["cid"])),
    ("a task is open", attempt(revealing, SERVER, "post", ["a"], ["cid"])),
    ("not funded", attempt(scarcely_funded, SERVER, "post", ["a"], ["cid"])),
    ("nobody trained", posts("")),
    ("lengths differ", posts("ab", 1)),
    ("lengths differ", posts("ab", 3)),
    ("not clients in their order", posts("ba")),
    ("not clients in their order", posts("aa")),
    ("not clients in their order", posts([STRANGER])),
    ("not the phase", attempt(Market, "x", "commit", SALT)),
    ("not the phase", attempt(revealing, "x", "commit", SALT)),
    ("too late", lambda: posted().late().commit({"x": FIRST})),
    ("not a solver", lambda: posted().commit({"a": FIRST})),
    ("already committed", lambda: posted().commit({"x": FIRST}).commit({"x": EXACT})),
    ("not the phase", attempt(Market, "x", "reveal", SALT, FIRST)),
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
    ("no task is open", lambda: Market().close()),
    ("no task is open", lambda: Market(solvers="x").play({"x": FIRST}).close()),
    ("still open", lambda: posted().close()),
    ("still open", lambda: posted().commit({"x": FIRST, "y": FIRST}).close()),
    ("still open", lambda: revealing().reveal({"x": FIRST, "y": SECOND}).close()),
    ("nothing to collect", attempt(Market, REQUESTER, "collect")),
    ("nothing to collect", attempt(posted, REQUESTER, "collect")),
]


@pytest.mark.parametrize(("reason", "act"), REFUSALS, ids=lambda value: value if isinstance(value, str) else "")
def test_refusals(reason: str, act: Attempt) -> None:
    with pytest.raises(Reverted) as refused:
        act()
    assert refused.value.reason == reason


def test_every_refusal_of_the_contract_is_tested() -> None:
    written = set(re.findall(r'require\(.*, "(.*)"\);', SOURCE.read_text(encoding="utf-8")))
    assert written == {reason for reason, _ in REFUSALS} | {"payment refused"}
    assert all(len(reason) <= 31 for reason in written)


# PUSH the call data behind `forward(address,bytes)` on to that address with the value; refuse plain payments.
PURSE = "366007575f5ffd5b6064360360645f375f5f606436035f346004355af13d5f5f3e6027573d5ffd5b00"
MILL = "5b5f56"  # JUMPDEST PUSH0 JUMP: burn all gas one is given


def paying(code: str, folder: Path) -> tuple[Market, str]:
    """A task in which a client is a contract of this code, about to be closed."""
    inputs = [{"name": "", "type": "address"}, {"name": "", "type": "bytes"}]
    abi = [{"type": "function", "name": "forward", "inputs": inputs, "outputs": []}]
    creation = f"60{len(code) // 2:02x}8060095f395ff3{code}"
    document = json.dumps({"contract": "Payee", "abi": abi, "bytecode": creation})
    (folder / "Payee.json").write_text(document, encoding="utf-8")
    payee = EvmLedger(Periodic(), (folder,)).deploy("Payee", [], "owner", 0, 0.0).address
    market = Market(clients=(payee, "b"), solvers="x", folders=(folder,))
    assert market.ledger.deploy("Payee", [], "owner", 0, 0.0).address == payee
    return market.post().commit({"x": EXACT}).reveal({"x": EXACT}), payee


@pytest.mark.parametrize("code", [PURSE, MILL])
def test_who_refuses_its_pay_holds_up_nobody_and_keeps_the_claim(code: str, tmp_path: Path) -> None:
    market, payee = paying(code, tmp_path)
    assert market.send(STRANGER, "close").gas < 200_000
    _, (due, other) = market.call("pay")
    assert market.gained()["b"] == other
    assert market.call("credit", payee) == due > 0


def test_who_refuses_what_it_collects_keeps_the_claim(tmp_path: Path) -> None:
    market, payee = paying(PURSE, tmp_path)
    due = market.close().call("credit", payee)
    with pytest.raises(Reverted) as refused:
        market.ledger.send(payee, "forward", [market.address, keccak(text="collect()")[:4]], "owner", 0, market.now)
    assert refused.value.reason == "payment refused"
    assert market.call("credit", payee) == due > 0


class Trading(RuleBasedStateMachine):
    """Anybody calls anything at any time: not a wei is made, lost or locked for good."""

    @initialize(price=st.integers(0, 10**6), distance=st.sampled_from([0.0, 3.0]), by_median=st.booleans())
    def begin(self, price: int, distance: float, by_median: bool) -> None:
        self.market = Market("ab", "xy", price, distance=distance, median=by_median)
        self.secrets: dict[str, list[int]] = {}

    def try_to(self, sender: str, function: str, *arguments: Any, value: int = 0) -> bool:
        try:
            self.market.send(sender, function, *arguments, value=value)
        except Reverted:
            return False
        return True

    anybody = st.sampled_from([REQUESTER, SERVER, STRANGER, "a", "b", "x", "y"])
    solver = st.sampled_from("xxyya")
    value = st.integers(-9, 9) | st.sampled_from([ONE, -ONE, ONE + 1, -ONE - 1])

    @rule(solver=st.sampled_from("xy"), first=value, second=value)
    def go_on(self, solver: str, first: int, second: int) -> None:
        """What an honest participant does next, if it is its turn."""
        phase = self.market.call("phase")
        if phase == IDLE:
            self.market.post()
        elif phase == COMMITTING:
            self.commit(solver, first, second)
        elif not self.try_to(solver, "reveal", SALT, self.secrets.get(solver, [0, 0])):
            self.try_to(solver, "close")

    @rule(sender=st.just(REQUESTER) | anybody, value=st.integers(0, 2 * 10**6))
    def fund(self, sender: str, value: int) -> None:
        self.try_to(sender, "fund", value=value)

    @rule(sender=st.just(SERVER) | anybody, trainers=st.sampled_from(["a", "b", "ab", "ab", "ba", ""]))
    def post(self, sender: str, trainers: str) -> None:
        self.try_to(sender, "post", list(trainers), ["cid"] * len(trainers))

    @rule(solver=solver, first=value, second=value)
    def commit(self, solver: str, first: int, second: int) -> None:
        sealed = module().sealed(self.market.call("domain", solver), SALT, [first, second])
        if self.try_to(solver, "commit", sealed):
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
        owed, before = self.market.call("credit", sender), self.market.ledger.balance(sender)
        assert self.try_to(sender, "collect") == (owed > 0)
        assert self.market.ledger.balance(sender) == before + owed

    @rule(blocks=st.sampled_from([1, WINDOW + 1]))
    def wait(self, blocks: int) -> None:
        self.market.late(blocks)

    @invariant()
    def conserved(self) -> None:
        if hasattr(self, "market"):
            self.market.check_money()

    def teardown(self) -> None:
        """Two deadlines later the task is over, and all that is owed can be taken home."""
        if not hasattr(self, "market"):
            return
        for _ in range(2):
            self.market.late()
            self.try_to(STRANGER, "close")
        for name in self.market.everybody:
            self.try_to(name, "collect")
        assert sum(self.market.gained().values()) == 0


TestTrading = Trading.TestCase
TestTrading.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


# --- the strategy ------------------------------------------------------------------------------------------------


def fedcoin(**params: Any) -> Any:
    return discovery.build("fedcoin", params)


def varied(params: Mapping[str, Any] | None = None, **replaced: Any) -> Any:
    """The strategy with some of its methods replaced."""
    return type("Varied", (discovery.load("fedcoin"),), replaced)(**(params or {}))


def prepared(
    hospitals: int = 4, rounds: int = 2, key: str = "fedcoin", strategy: Strategy[Any] | None = None, **others: Any
) -> Trial:
    params = {"hospitals": hospitals, "patients": 60}
    specification = Specification(strategy=key, task="synthetic", task_params=params, seed=0, rounds=rounds, **others)
    ready = prepare(specification, tasks.load("synthetic", **params).dataset(0))
    return ready if strategy is None else replace(ready, strategy=strategy)


def outcomes(ready: Trial) -> Any:
    return ready.strategy.outcomes(states(ready)[-1])


class Desk:
    """A solver's side of which a test knows what each model is right about: weight 0 of a model is its accuracy."""

    def __init__(self, accuracy: Callable[[Any], Any], seed: int = 0) -> None:
        self.rng, self.accuracy, self.asked, self.flops = np.random.default_rng(seed), accuracy, 0, 0.0
        self.train = self
        self.features, self.labels = np.zeros((1000, 1)), np.ones(1000)

    def work(self, flops: float) -> None:
        self.flops += flops

    def predict(self, models: Any, features: Any) -> Any:
        self.asked += len(models)
        right = np.array([self.accuracy(model) for model in models])
        return (np.arange(len(features)) < np.rint(right[:, None] * len(features))).astype(np.float64)


def of_two(model: Any) -> float:
    """acc(A) = .6, acc(B) = .5, acc(AB) = .8 for models A = (1, 0) and B = (0, 1)."""
    return {(1.0, 0.0): 0.6, (0.0, 1.0): 0.5, (0.5, 0.5): 0.8}[tuple(model.tolist())]


def test_values_of_the_hand_vector() -> None:
    models, weights = np.eye(2), np.zeros(2, np.float32)
    assert fedcoin().values(Desk(of_two), models, weights) == pytest.approx([0.45, 0.35])
    drawn = {tuple(fedcoin(permutations=1).values(Desk(of_two, seed), models, weights).round(9)) for seed in range(9)}
    assert drawn == {(0.6, 0.2), (0.3, 0.5)}


def by_distance(model: Any) -> float:
    """An accuracy that no two coalitions share."""
    return float(0.5 + 0.4 * np.tanh(model @ np.arange(1, len(model) + 1)) ** 2)


@pytest.mark.parametrize("permutations", [1, 7, 200, 10**6])
def test_values_sum_to_the_accuracy_of_all(permutations: int) -> None:
    models = np.random.default_rng(1).normal(size=(5, 3))
    whole = round(1000 * by_distance(models.mean(axis=0).astype(np.float32))) / 1000
    desk = Desk(by_distance)
    values = fedcoin(permutations=permutations).values(desk, models, np.zeros(3, np.float32))
    assert values.sum() == pytest.approx(whole, abs=1e-9)
    assert desk.asked <= min(2**5 - 1, 5 * permutations)


def test_as_many_permutations_as_there_are_orders_are_exact() -> None:
    models = np.random.default_rng(2).normal(size=(4, 3))

    def worth(coalition: tuple[int, ...]) -> float:
        if not coalition:
            return 0.0
        return round(1000 * by_distance(models[list(coalition)].mean(axis=0).astype(np.float32))) / 1000

    desk = Desk(by_distance)
    found = fedcoin(permutations=24).values(desk, models, np.zeros(3, np.float32))
    assert found == pytest.approx(exact(worth, 4), abs=1e-9)
    assert desk.asked == 15
    sample = fedcoin(permutations=23).values(Desk(by_distance), models, np.zeros(3, np.float32))
    assert np.abs(sample - found).max() > 1e-6


def test_means_are_of_the_coalitions() -> None:
    models = np.arange(8.0).reshape(4, 2)
    coalitions = members([0b1, 0b1010, 0b1111], 4)
    desk = Desk(of_two)
    np.testing.assert_array_equal(module().means(desk, models, coalitions), [[0, 1], [4, 5], [3, 4]])
    assert desk.flops == 2 * 3 * 4 * 2


@pytest.mark.parametrize(("baseline", "share"), [("empty", 0.139), ("global", 0.0)])
def test_what_an_idle_hospital_earns(baseline: str, share: float) -> None:
    """Four clients, one returns the global model (accuracy .5); with anybody who trained it is .9.

    Who comes first gets the whole accuracy of its model, even of the one it was given: .5 / 4 of .9. Measured from the
    global model it gets nothing.
    """
    models, weights = np.eye(4), np.array([0, 0, 0, 1], np.float32)
    values = fedcoin(baseline=baseline).values(Desk(lambda model: 0.9 if model[:3].any() else 0.5), models, weights)
    positive = np.maximum(values, 0)
    assert positive[3] / positive.sum() == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize(("baseline", "least", "most"), [("empty", 0.15, 0.25), ("global", 0.0, 0.0)])
def test_what_an_idle_hospital_of_four_earns_in_a_first_round(baseline: str, least: float, most: float) -> None:
    """The free rider of `heart` gets a fifth under the published rule, and nothing from the global model on."""
    attack = {"kind": "free_rider", "share": 0.25}
    specification = Specification("fedcoin", "heart", 0, 1, {"baseline": baseline}, attack=attack)
    ready = prepare(specification, tasks.load("heart").dataset(0))
    (idle,) = ready.world.engine.sites.attackers  # type: ignore[attr-defined]
    assert least <= outcomes(ready)["paid"][idle] <= most


def test_the_model_is_the_mean_without_weights() -> None:
    for ours, plain in zip(
        states(prepared())[1:], states(prepared(key="fedavg", params={"weighted": False}))[1:], strict=True
    ):
        np.testing.assert_allclose(ours.weights, plain.weights, rtol=0, atol=1e-7)


def test_outcomes_are_what_was_paid_on_chain() -> None:
    ready = prepared(rounds=3)
    before = {name: ready.world.chain.balance(name) for name in (*ready.world.hospitals, "solver 1", "server 1")}
    *_, last = states(ready)
    gained = {name: ready.world.chain.balance(name) - wei for name, wei in before.items()}
    assert last.earned == {name: gained[name] for name in ready.world.hospitals}
    assert (gained["solver 1"], gained["server 1"]) == (3 * ETHER // 5, 3 * ETHER // 10)
    found = ready.strategy.outcomes(last)
    whole = sum(last.earned.values())
    assert 3 * 0.7 * ETHER * 0.999 < whole <= 21 * ETHER // 10
    assert found["paid"] == {name: wei / whole for name, wei in last.earned.items()}
    assert sum(found["shapley"].values()) == pytest.approx(1)
    assert found["tasks"] == {"paid": 3, "unpaid": 0}


def test_exact_values_pay_by_themselves() -> None:
    """All solvers agree, so shares paid are the Shapley shares."""
    found = outcomes(prepared())
    assert found["paid"] == pytest.approx(found["shapley"], abs=1e-9)


def test_sampled_values_pay_like_exact_ones() -> None:
    params = {"hospitals": 7, "patients": 60, "size_skew": 1.0, "label_skew": 1.0}
    shares = []
    for permutations in (2000, 5040):
        specification = Specification("fedcoin", "synthetic", 0, 3, {"permutations": permutations}, params)
        shares.append(outcomes(prepare(specification, tasks.load("synthetic", **params).dataset(0)))["paid"])
    sample, whole = (np.array(list(each.values())) for each in shares)
    assert sample.tolist() != whole.tolist()
    assert np.corrcoef(sample, whole)[0, 1] > 0.9


def test_the_winner_is_the_nearest_of_the_solvers_and_closes_the_task() -> None:
    ready = prepared(hospitals=6, rounds=1, strategy=fedcoin(permutations=20, distance=1.5))
    *_, last = states(ready)
    contract = ready.world.at(last.contract)
    vectors = {solver: contract.call("vectorOf", solver) for solver in last.solvers}
    assert len(set(vectors.values())) == 5
    winner = decided(vectors, 2 * ONE, by_median=False)
    assert contract.call("winner") == winner
    (closing,) = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "close"]
    assert closing.sender == winner


def test_distance_decides_whether_anybody_is_paid() -> None:
    """Five orders each are too far apart for D = 0.05; the readme's 1.5 accepts them, and the model is the same."""
    strict, lax = (prepared(hospitals=6, strategy=fedcoin(permutations=5, distance=d)) for d in (0.05, 1.5))
    (*_, refused), (*_, accepted) = states(strict), states(lax)
    assert strict.strategy.outcomes(refused)["tasks"] == {"paid": 0, "unpaid": 2}
    assert set(strict.strategy.outcomes(refused)["paid"].values()) == {0.0}
    assert lax.strategy.outcomes(accepted)["tasks"] == {"paid": 2, "unpaid": 0}
    np.testing.assert_array_equal(refused.weights, accepted.weights)
    assert strict.world.chain.balance("requester 1") == ENDOWMENT_WEI - ETHER
    funds = [receipt for receipt in strict.world.ledger.receipts if receipt.function == "fund"]
    assert len(funds) == 1  # the price that came back pays for the second task


def lying(liar: str) -> Any:
    kind = discovery.load("fedcoin")

    def values(self: Any, site: Site, models: Any, weights: Any) -> Any:
        honest = kind.values(self, site, models, weights)  # type: ignore[attr-defined]
        return np.eye(len(models))[0] if site.name == liar else honest

    return values


@pytest.mark.parametrize(("by_median", "paid"), [(False, 0), (True, 2)])
def test_one_liar_leaves_everybody_unpaid_unless_the_median_is_taken(by_median: bool, paid: int) -> None:
    ready = prepared(strategy=varied({"median": by_median}, values=lying("solver 1")))
    *_, last = states(ready)
    assert last.paid == paid
    assert ready.world.at(last.contract).call("nearest") == ("solver 2" if by_median else NOBODY)


def test_a_model_that_is_not_finite_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(site: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
        return update._replace(weights=update.weights * np.nan) if site.name == "hospital 2" else update, memory

    monkeypatch.setattr(module(), "FIT", FIT.then(Query("spoil", Kind.UPDATE, spoil)))
    ready = prepared(rounds=1)
    *_, last = states(ready)
    assert np.isfinite(last.weights).all()
    assert last.earned["hospital 2"] == 0
    assert ready.world.at(last.contract).call("pay")[0] == ("hospital 1", "hospital 3", "hospital 4")


def test_huge_models_do_no_harm_to_the_arithmetic() -> None:
    attack = {"kind": "scaled", "share": 0.5, "strength": 1e30}
    *_, last = states(prepared(rounds=1, attack=attack))
    assert last.tasks == 1


def test_whose_model_is_missing_is_not_paid() -> None:
    ready = prepared(faults={"absent": {"hospital 1": [1]}})
    _, first, second = states(ready)
    assert first.earned["hospital 1"] == 0 < second.earned["hospital 1"]


def test_a_round_nobody_comes_to_posts_no_task() -> None:
    ready = prepared(rounds=1, faults={"absent": {f"hospital {number}": [1] for number in range(1, 5)}})
    before, after = states(ready)
    assert after == before
    assert [receipt.function for receipt in ready.world.ledger.receipts] == ["constructor"]


@pytest.mark.parametrize("late", [1, 5])
def test_solvers_that_do_not_answer_are_done_without(late: int) -> None:
    """Beyond the patience they are left out; without any of them nobody is paid, and the model is merged."""
    faults = {"delay": {f"solver {number}": 10_000.0 for number in range(1, late + 1)}}
    ready = prepared(faults=faults)
    (*_, ours), (*_, prompt) = states(ready), states(prepared())
    np.testing.assert_array_equal(ours.weights, prompt.weights)
    assert ours.paid == (2 if late == 1 else 0)
    winners = {receipt.sender for receipt in ready.world.ledger.receipts if receipt.function == "close"}
    assert winners == ({"server 1", "solver 2"} if late == 1 else {"server 1"})


def test_answers_after_the_deadline_are_not_sent() -> None:
    """A phase shorter than the patience: nobody is paid, and nothing is refused."""
    delays = {f"solver {number}": 100.0 for number in range(1, 6)}
    ready = prepared(strategy=fedcoin(phase_blocks=5), faults={"delay": delays})
    *_, last = states(ready)
    assert (last.tasks, last.paid) == (2, 0)
    assert all(receipt.succeeded for receipt in ready.world.ledger.receipts)


def test_reveals_after_the_deadline_are_not_sent() -> None:
    ready = prepared(rounds=1)
    ask = ready.world.ask

    def slow(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        if what.name == "reveal":
            ready.world.chain.wait(200)
        return ask(who, what, *arguments, **others)

    ready.world.ask = slow  # type: ignore[method-assign]
    *_, last = states(ready)
    assert (last.tasks, last.paid, sum(last.valued.values())) == (1, 0, 0)
    assert "reveal" not in {receipt.function for receipt in ready.world.ledger.receipts}


def test_a_solver_that_did_not_commit_is_not_asked_to_reveal() -> None:
    ready = prepared(rounds=1)
    ask, asked = ready.world.ask, []

    def silent(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        asked.append((what.name, len(who)))
        return ask(who[1:] if what.name == "solve" else who, what, *arguments, **others)

    ready.world.ask = silent  # type: ignore[method-assign]
    *_, last = states(ready)
    assert asked[1:] == [("solve", 5), ("reveal", 4)]
    assert last.paid == 1


def test_negative_values_are_no_share() -> None:
    def values(*_: Any) -> Any:
        return np.array([0.6, -0.2, 0.3, 0.1])

    found = outcomes(prepared(strategy=varied(values=values)))
    assert list(found["shapley"].values()) == pytest.approx([0.6, 0, 0.3, 0.1], abs=1e-5)
    assert found["paid"] == pytest.approx(found["shapley"], abs=1e-9)


def test_a_solver_that_commits_and_does_not_reveal_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = prepared(rounds=1)
    ask = ready.world.ask

    def silent(who: Any, what: Any, *arguments: Any, **others: Any) -> Any:
        return ask(who[1:] if what.name == "reveal" else who, what, *arguments, **others)

    ready.world.ask = silent  # type: ignore[method-assign]
    *_, last = states(ready)
    assert ready.world.at(last.contract).call("winner") == "solver 2"


def test_vectors_stay_hidden_until_everybody_has_committed() -> None:
    ready = prepared(rounds=1)
    *_, last = states(ready)
    order = [receipt.function for receipt in ready.world.ledger.receipts]
    assert order == ["constructor", "fund", "post", *["commit"] * 5, *["reveal"] * 5, "close"]
    blocks = [receipt.block for receipt in ready.world.ledger.receipts]
    assert blocks[0] < blocks[1] < blocks[2] < blocks[3] <= blocks[7] < blocks[8] <= blocks[12] < blocks[13]
    contract = ready.world.at(last.contract)
    assert len({contract.call("vectorOf", solver) for solver in last.solvers}) == 1  # equal, and yet:
    memories = [ready.world.engine.snapshot()["memories"][solver]["salt"] for solver in last.solvers]
    assert len(set(memories)) == 5


def test_everybody_can_read_models_and_solvers_hold_the_validation_patients() -> None:
    ready = prepared(rounds=1)
    validation = sum(len(hospital.validation) for hospital in ready.dataset.hospitals)
    ready.strategy.open(ready.world)
    assert ready.world.meter.raw_records == validation > 0
    ready = prepared(rounds=1)
    states(ready)
    assert ready.world.meter.audience() == "everyone"


@pytest.mark.parametrize("hospitals", [1, 2, 3])
def test_small_federations(hospitals: int) -> None:
    found = outcomes(prepared(hospitals=hospitals))
    assert len(found["paid"]) == hospitals
    assert sum(found["paid"].values()) == pytest.approx(1)
    assert found["tasks"] == {"paid": 2, "unpaid": 0}


def test_nothing_paid_is_a_share_of_nothing() -> None:
    state = module().State(np.zeros(1, np.float32), "", (), {"a": 0}, {"a": 0.0})
    assert fedcoin().outcomes(state) == {"paid": {"a": 0.0}, "shapley": {"a": 0.0}, "tasks": {"paid": 0, "unpaid": 0}}
    assert fedcoin().model(state) is state.weights


def test_terms_reach_the_contract() -> None:
    params = {"price_wei": 77, "train_percent": 60, "server_percent": 5, "phase_blocks": 9, "median": True}
    ready = prepared(rounds=0, strategy=fedcoin(distance=math.inf, **params))
    (opened,) = states(ready)
    contract = ready.world.at(opened.contract)
    names = ("price", "trainPercent", "serverPercent", "window", "median", "maxDistance", "requester", "server")
    assert [contract.call(name) for name in names] == [77, 60, 5, 9, True, 2**32 - 1, "requester 1", "server 1"]


def test_the_record_holds_solvers_and_orders() -> None:
    assert fedcoin().numbers(20) == {"solvers": 5, "orders": 200}
    assert fedcoin().numbers(4) == {"solvers": 5, "orders": 24}


def test_the_published_track_is_the_readmes() -> None:
    strategy = fedcoin(**discovery.load("fedcoin").card.published["params"])
    assert (strategy.solvers, strategy.distance) == (2, 1.5)
    assert (strategy.train_percent, strategy.server_percent, strategy.baseline) == (70, 10, "empty")
    assert not strategy.median


def test_the_model_is_the_mean_of_what_was_published() -> None:
    ready = prepared(rounds=1)
    *_, last = states(ready)
    (posted_task,) = [receipt for receipt in ready.world.ledger.receipts if receipt.function == "post"]
    ((_, event),) = posted_task.events
    models = [Update(*ready.world.fetch(cid)).weights for cid in event["contentIds"]]
    np.testing.assert_array_equal(last.weights, mean(models))
