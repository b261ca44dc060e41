"""The checks of a contract have teeth: each of them fails for the flaw that it is there for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chainward.testing import ContractConformance, OnChain, refused
from chainward.testing.contracts import Refusal, Refusals, table, unprovoked, unwritten
from chainward.testing.solidity import Place, read
from chainward.world import Reverted

WRITTEN = """
// require(false, "in a comment");
contract Book /* contract Other { */ is Shelf {
    string public constant NAME = "function { require(";

    modifier onlyOwner(address who) {
        require(msg.sender == who, "not the owner");
        _;
    }

    constructor(uint256 pages) {
        if (pages == 0) revert("no pages");
    }

    function write(string calldata text) external onlyOwner(owner) {
        require(
            bytes(text).length > 0 && keccak256(abi.encode(text, "a, b")) != last, // "not this"
            "nothing new"
        );
        for (uint256 i; i < 2; ++i) require(i < pages(), "full");
        _turn(1);
        require(pages() > 0, "full");
    }

    function pages() public view returns (uint256);

    function _turn(uint256 by) private {
        require(by < left, "at the end");
        shelf.lend(by);
    }

    function burn() external onlyOwner(owner) {
        if (left == 0) revert Burnt();
        require(left > 1);
    }
}

library Shelf {
    function lend(uint256 book) internal { require(book > 0, "no \\"book\\""); }
}
"""
WRITE, TURN, BURN = (Place("Book", function) for function in ("write", "_turn", "burn"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Book.sol"
    path.write_text(WRITTEN, encoding="utf-8")
    return path


def nothing() -> None:
    """An act that nobody refuses."""


def test_every_refusal_of_a_source_is_found(source: Path) -> None:
    assert read(source).refusals == {
        Place("Book", "constructor"): Counter(["no pages"]),
        WRITE: Counter(["nothing new", "full", "full", "not the owner"]),
        TURN: Counter(["at the end"]),
        BURN: Counter(["", "", "not the owner"]),
        Place("Shelf", "lend"): Counter(['no "book"']),
    }


def test_a_call_reaches_what_the_functions_it_calls_refuse(source: Path) -> None:
    assert read(source).reached(WRITE) == {WRITE, TURN, Place("Shelf", "lend")}
    assert read(source).reached(BURN) == {BURN}
    assert read(source).reached(Place("Book", "lend")) == {Place("Shelf", "lend")}  # inherited
    assert read(source).reached(Place("Book", "nowhere")) == set()


LENDING = """
import {Dates} from "./Dates.sol";

contract Lending {
    modifier open() { closing.early(); _; }
    function lend() external open { if (early) closing.early(); return closing.late(); }
    function late() external { this.late(); }
}
"""
DATES = """
library Dates {
    function late(uint256 date) internal { check(date); require(date < now, "not late"); early(date); }
    function early(uint256 date) internal { require(date > now, "not early"); }
    function check(uint256 date) private { require(date > 0, "no date"); check(date); }
    function unused() internal { require(false, "unused"); }
}
"""


def test_what_an_imported_function_refuses_belongs_to_each_that_calls_it_as_often(tmp_path: Path) -> None:
    (tmp_path / "Lending.sol").write_text(LENDING, encoding="utf-8")
    (tmp_path / "Dates.sol").write_text(DATES, encoding="utf-8")
    late = {"no date": 1, "not late": 1, "not early": 1}
    assert read(tmp_path / "Lending.sol").refusals == {
        Place("Lending", "lend"): Counter(late) + Counter({"not early": 2}),
        Place("Lending", "late"): Counter(late),
    }


EVERY: Refusals = {
    "constructor": [("no pages", nothing)],
    "write": [(reason, nothing) for reason in ("nothing new", "full", "full", "not the owner", "at the end")],
    "burn": [("not the owner", nothing), ("", nothing), ("", nothing)],
    "Shelf.lend": [('no "book"', nothing)],
}


@pytest.mark.parametrize("left_out", table("Book", EVERY), ids=str)
def test_a_refusal_needs_as_many_tests_as_stand_in_its_function(source: Path, left_out: Refusal) -> None:
    tests = table("Book", EVERY)
    assert unprovoked(read(source), tests) == set()
    assert unwritten(read(source), tests) == []
    tests.remove(left_out)
    ((function, reason),) = unprovoked(read(source), tests)
    assert reason == left_out.reason
    assert function == ("_turn" if reason == "at the end" else left_out.function)


@pytest.mark.parametrize(("function", "reason"), [("write", "no pages"), ("burn", "full"), ("gone", "full")])
def test_a_test_of_what_its_function_does_not_refuse_is_named(source: Path, function: str, reason: str) -> None:
    (found,) = unwritten(read(source), table("Book", {function: [(reason, nothing)]}))
    assert str(found) == f"Book.{function}: {reason}"


# --- on a chain ----------------------------------------------------------------------------------

FIXTURES = Path(__file__).parent / "fixtures" / "third_party"


class RoundBook(OnChain):
    def __init__(self) -> None:
        super().__init__(folders=(FIXTURES / "chainward_example" / "artifacts",))
        self.deploy("RoundBook", (), "keeper")

    def enter(self, sender: str, number: int) -> RoundBook:
        self.send(sender, "enter", number, bytes(32))
        return self


ROWS: Refusals = {
    "enter": [
        ("not the keeper", lambda: RoundBook().enter("stranger", 1)),
        ("not the next round", lambda: RoundBook().enter("keeper", 1).enter("keeper", 1)),
    ]
}


class Checks(ContractConformance):
    """Not collected: its name does not begin with Test."""

    source = FIXTURES / "contracts" / "RoundBook.sol"
    refusals: ClassVar[Refusals] = ROWS


def failing(refusals: Refusals = ROWS, **others: Any) -> set[str]:
    """The checks that fail with these refusals."""
    checks = type("Flawed", (Checks,), {"refusals": refusals, **others})()
    rows = table(checks.source.stem, refusals)
    each: dict[str, list[Callable[[], None]]] = {
        "refuses": [lambda row=row: checks.test_refuses(row) for row in rows],  # type: ignore[misc]
        "provoked": [checks.test_every_refusal_is_provoked],
        "written": [checks.test_every_refusal_is_written],
        "short": [checks.test_reasons_are_short],
    }
    return {name for name, several in each.items() if any(map(fails, several))}


def fails(check: Callable[[], None]) -> bool:
    try:
        check()
    except (AssertionError, pytest.fail.Exception):
        return True
    return False


def enters(reason: str, *calls: tuple[str, int]) -> tuple[str, Callable[[], Any]]:
    def act() -> None:
        book = RoundBook()
        for call in calls:
            book.enter(*call)

    return reason, act


def test_a_sound_table_passes() -> None:
    assert failing() == set()


@pytest.mark.parametrize(
    ("rows", "complaints"),
    [
        (ROWS["enter"][:1], {"provoked"}),
        ([*ROWS["enter"], enters("not so", ("keeper", 1))], {"refuses", "written"}),
        ([ROWS["enter"][0], enters("not the next round", ("stranger", 2))], {"refuses"}),
        ([ROWS["enter"][0], enters("not the next round", ("keeper", 1))], {"refuses"}),
    ],
)
def test_a_flaw_in_the_table_is_caught(rows: Any, complaints: set[str]) -> None:
    assert failing({"enter": rows}) == complaints


def test_a_refusal_elsewhere_than_said_is_caught() -> None:
    assert failing({**ROWS, "constructor": [ROWS["enter"][0]]}) == {"refuses", "written"}


def test_what_no_call_can_provoke_is_named_and_no_more() -> None:
    rows = {"enter": ROWS["enter"][:1]}
    assert failing(rows, unreachable={("enter", "not the next round")}) == set()
    assert failing(ROWS, unreachable={("enter", "not the next round")}) == {"provoked"}


@pytest.mark.parametrize("text", ['require(a, "' + 32 * "x" + '");', "require(a);", "revert();"])
def test_reasons_that_are_none_or_long_are_caught(text: str, tmp_path: Path) -> None:
    (tmp_path / "RoundBook.sol").write_text(f"contract RoundBook {{ function f() external {{ {text} }} }}", "utf-8")
    assert "short" in failing(source=tmp_path / "RoundBook.sol")


def test_a_contracts_constructor_comes_to_that_of_the_contract_it_extends(tmp_path: Path) -> None:
    base = 'abstract contract Base { constructor(uint256 n) { require(n > 0, "none"); } }'
    (tmp_path / "Book.sol").write_text(f"{base} contract Book is Base {{ constructor() Base(0) {{}} }}", "utf-8")
    found = read(tmp_path / "Book.sol")
    assert found.reached(Place("Book", "constructor")) == {Place("Book", "constructor"), Place("Base", "constructor")}


def test_refused_asks_for_the_reason() -> None:
    with refused("not the keeper"):
        RoundBook().enter("stranger", 1)
    with pytest.raises(AssertionError), refused("not the next round"):
        RoundBook().enter("stranger", 1)
    with pytest.raises(pytest.fail.Exception), refused("not the keeper"):
        RoundBook().enter("keeper", 1)


def test_a_contract_has_a_chain_of_its_own_and_its_time() -> None:
    book, other = RoundBook().enter("keeper", 1), RoundBook()
    assert (book.call("digests", 0), book.call("keeper")) == (bytes(32), "keeper")
    before = book.ledger.block(book.now)
    assert book.wait(3).ledger.block(book.now) == before + 3
    with pytest.raises(Reverted):
        other.call("digests", 0)
