"""Checks of a contract: each refusal in its source is provoked by a test, and each that a test provokes is written.

Whoever has a contract drives it with `OnChain`, and lists by function how to provoke what it refuses:

    @dataclass
    class Federation(OnChain):
        def __post_init__(self) -> None:
            self.deploy("Mine", [], "owner")

    class TestRefusals(ContractConformance):
        source = Path("contracts/src/Mine.sol")
        refusals = {"register": [("not the owner", lambda: Federation().send("stranger", "register"))]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import pytest

from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger
from chainward.testing.solidity import Place, Source, read
from chainward.world import Receipt, Reverted
from chainward.world.chain import NEVER

Act = Callable[[], Any]
Refusals = Mapping[str, Sequence[tuple[str, Act]]]

LONGEST_REASON = 31
"""Bytes; a longer reason takes a second word."""


class Refusal(NamedTuple):
    """What a function of a contract refuses, the reason it gives, and how to provoke that."""

    contract: str
    function: str
    reason: str
    act: Act

    def __str__(self) -> str:
        return f"{self.contract}.{self.function}: {self.reason}"


def table(contract: str, refusals: Refusals) -> list[Refusal]:
    """Return refusals by function as a list; "Other.function" is a function of another contract than `contract`."""
    places = {name: Place(*name.split(".")) if "." in name else Place(contract, name) for name in refusals}
    return [Refusal(*places[name], reason, act) for name, rows in refusals.items() for reason, act in rows]


def unprovoked(source: Source, tested: Sequence[Refusal]) -> set[tuple[str, str]]:
    """Return the functions and reasons of refusals in a source that fewer tests provoke than write them.

    A test provokes what stands in the function it calls, in a modifier of it or in a function that it goes on to.
    """
    found = set()
    for place, reasons in source.refusals.items():
        for reason, times in reasons.items():
            provoked = [one for one in tested if one.reason == reason and place in source.reached(Place(*one[:2]))]
            if len(provoked) < times:
                found.add((place.function, reason))
    return found


def unwritten(source: Source, tested: Sequence[Refusal]) -> list[Refusal]:
    """Return the tests whose reason stands neither in the function they call nor in one that it goes on to."""
    return [
        one
        for one in tested
        if not any(source.refusals[place][one.reason] for place in source.reached(Place(*one[:2])))
    ]


class ContractConformance:
    """What every contract must hold. Inherit it, set `source` and `refusals`, and let pytest collect the class.

    `refusals` are reasons and how to provoke them, by the function that is called ("constructor" is one); the contract
    is named as its file, and a function of another in that file as "Other.function". `unreachable` are pairs of a
    function and a reason that no call can provoke, as where a modifier asks for more than one of its functions needs.
    """

    source: ClassVar[Path]
    refusals: ClassVar[Refusals]
    unreachable: ClassVar[frozenset[tuple[str, str]]] = frozenset()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each refusal."""
        if "refusal" in metafunc.fixturenames:
            metafunc.parametrize("refusal", table(self.source.stem, self.refusals), ids=str)

    def test_refuses(self, refusal: Refusal) -> None:
        """The call reverts, in the function that is named and for the reason that is named."""
        with pytest.raises(Reverted) as caught:
            refusal.act()
        assert (caught.value.contract, caught.value.function, caught.value.reason) == refusal[:3]

    def test_every_refusal_is_provoked(self) -> None:
        """Each `require` and `revert` has a test, and each modifier one for every function that has it."""
        assert unprovoked(read(self.source), table(self.source.stem, self.refusals)) == self.unreachable

    def test_every_refusal_is_written(self) -> None:
        """What a test provokes stands in the source, in the function that is called or one that it goes on to."""
        assert [str(one) for one in unwritten(read(self.source), table(self.source.stem, self.refusals))] == []

    def test_reasons_are_short(self) -> None:
        """Each refusal has a reason, which fits into one word."""
        reasons = {reason for given in read(self.source).refusals.values() for reason in given}
        assert [reason for reason in sorted(reasons) if not 0 < len(reason.encode()) <= LONGEST_REASON] == []


@contextmanager
def refused(reason: str) -> Iterator[None]:
    """Fail unless a contract refuses what is done within, for this reason."""
    with pytest.raises(Reverted) as caught:
        yield
    assert caught.value.reason == reason


def accepted(act: Act) -> bool:
    """Tell whether no contract refuses this."""
    try:
        act()
    except Reverted:
        return False
    return True


@dataclass
class OnChain:
    """A contract on a chain of its own, on which it is `now`; `folders` have artifacts besides chainward's own.

    A contract's tests inherit it, deploy in `__post_init__`, and name what the parties do.
    """

    folders: tuple[Path, ...] = field(default=(), kw_only=True)
    ledger: EvmLedger = field(init=False)
    address: str = field(init=False)
    now: float = field(init=False, default=0.0)

    def deploy(self, contract: str, arguments: Sequence[Any], sender: str, value: int = 0) -> None:
        """Make the contract; addresses among the arguments are party names."""
        self.ledger = EvmLedger(Periodic(), self.folders)
        self.address = self.ledger.deploy(contract, arguments, sender, value, self.now).address

    def send(self, sender: str, function: str, *arguments: Any, value: int = 0) -> Receipt:
        """Send a transaction. Raises `Reverted` where the contract refuses it."""
        return self.ledger.send(self.address, function, arguments, sender, value, self.now)

    def call(self, function: str, *arguments: Any) -> Any:
        """Read from the contract; several results come as a tuple."""
        return self.ledger.call(self.address, function, arguments, None, self.now)

    def wait(self, blocks: int) -> Self:
        """Let so many blocks be made."""
        self.now = self.ledger.wait(blocks, self.now)
        return self

    def pass_deadline(self) -> Self:
        """Let the contract's deadline pass, if there is one and it has not."""
        ahead = self.call("deadline") - self.ledger.block(self.now)
        return self.wait(max(0, ahead)) if ahead < NEVER else self

    def holds(self, parties: Sequence[str]) -> int:
        """Return the wei that contracts hold, gone from these parties' accounts."""
        return sum(ENDOWMENT_WEI - self.ledger.balance(party) for party in parties)
