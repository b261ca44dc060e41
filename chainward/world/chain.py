"""The blockchain as a strategy sees it: deploy, bind, send, call, wait."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from chainward import codec
from chainward.world.clock import Clock, Speeds
from chainward.world.meter import EVERYONE, Meter
from chainward.world.ports import Ledger, Receipt
from chainward.world.vocabulary import HospitalAbsent, Kind, Reverted

NEVER = 2**32
"""A deadline so many blocks ahead stands for none."""


@dataclass(frozen=True)
class Contract:
    """A deployed contract. Arguments and results of type `address` are party names where a party has that account.

    A contract with phases tells by `deadline()` the last block in which nobody can end the present one from outside.
    """

    chain: Chain
    address: str

    def send(self, function: str, *arguments: Any, sender: str, value: int = 0, shows: Kind | None = None) -> Receipt:
        """Send a transaction in the name of `sender`, with `value` wei; raises `Reverted`.

        `shows` is what of the sender's own stands in its calldata, which everyone reads, refused or not.
        """
        return self.chain.send(self.address, function, arguments, sender, value, shows)

    def send_each(
        self,
        function: str,
        own: Iterable[str] | Mapping[str, Any],
        *common: Any,
        unless: str | None = None,
        value: int = 0,
        shows: Kind | None = None,
    ) -> tuple[str, ...]:
        """Have each party send a transaction; `own` holds its first argument, a tuple stands for several; see `send`.

        Returns whose transaction was taken: one that the contract refuses with the reason `unless` is not.

        Raises:
            Reverted: the contract refused one for another reason.
        """
        taken = []
        for party in own:
            first = own[party] if isinstance(own, Mapping) else ()
            each = (*(first if isinstance(first, tuple) else (first,)), *common)
            try:
                self.send(function, *each, sender=party, value=value, shows=shows)
            except Reverted as refusal:
                if refusal.reason != unless:
                    raise
            else:
                taken.append(party)
        return tuple(taken)

    def offer_each(self, function: str, own: Mapping[str, Any]) -> tuple[str, ...]:
        """Have each party send a transaction as by `send_each`; what the contract refuses is as if it were not sent.

        For what parties may have made up, which a contract can refuse for many reasons. Returns whose was taken.
        """
        taken: list[str] = []
        for party, first in own.items():
            with suppress(Reverted):
                taken += self.send_each(function, {party: first})
        return tuple(taken)

    def call(self, function: str, *arguments: Any, sender: str | None = None) -> Any:
        """Read without a transaction, once everything sent before is in a block; raises `Reverted`."""
        return self.chain.call(self.address, function, arguments, sender)

    def left(self) -> float:
        """Return the seconds in which an answer can still become a transaction of the present phase."""
        return self.chain.left(self.call("deadline"))

    def pass_deadline(self) -> None:
        """Let time pass until the present phase can be ended from outside."""
        self.chain.wait(max(0, self.call("deadline") - self.chain.block))

    def end_late(self, sender: str, function: str = "close") -> None:
        """Have `sender` end the present phase, which somebody left open, once that is possible."""
        self.pass_deadline()
        self.send(function, sender=sender)


@dataclass
class Chain:
    """Puts a ledger on the world's clock and meter.

    Transactions sent one after another share blocks; time passes for inclusion when somebody looks at the result, asks
    a party or waits. A transaction reaches a node half a round trip after it was sent, and after those that the same
    sender sent before. Reading takes a round trip; what is read at one moment is read together.
    """

    ledger: Ledger
    clock: Clock
    speeds: Speeds
    meter: Meter
    absent: Callable[[str], bool]
    _busy: dict[str, float] = field(default_factory=dict)
    _read_at: float = -1.0

    def deploy(self, contract: str, *arguments: Any, sender: str, value: int = 0) -> str:
        """Create a contract and return its address. Who is absent in this round cannot."""
        if self.absent(sender):
            raise HospitalAbsent(f"{sender} is absent and cannot create {contract}")
        with self._sent_by(sender) as at:
            return self.ledger.deploy(contract, arguments, sender, value, at).address

    def at(self, address: str) -> Contract:
        """Bind a deployed contract."""
        return Contract(self, address)

    def send(
        self,
        address: str,
        function: str,
        arguments: tuple[Any, ...],
        sender: str,
        value: int,
        shows: Kind | None = None,
    ) -> Receipt:
        """Send a transaction; see `Contract.send`. Who is absent in this round cannot send."""
        if self.absent(sender):
            raise HospitalAbsent(f"{sender} is absent and cannot send {function}")
        with self._sent_by(sender, shows) as at:
            return self.ledger.send(address, function, arguments, sender, value, at)

    def call(self, address: str, function: str, arguments: tuple[Any, ...], sender: str | None) -> Any:
        """Read from a contract; see `Contract.call`."""
        self.settle()
        found = self.ledger.call(address, function, arguments, sender, self.clock.now)
        self.clock.spend("network", self.speeds.transfer(codec.size(found), self.clock.now != self._read_at))
        self._read_at = self.clock.now
        return found

    def wait(self, blocks: int) -> None:
        """Let so many blocks pass."""
        self.settle()
        self.clock.until("consensus", self.ledger.wait(blocks, self.clock.now))

    def left(self, deadline: int) -> float:
        """Return the seconds until a transaction misses block `deadline`, infinite where nobody knows when that is."""
        moment = math.inf if deadline - self.block >= NEVER else self.ledger.moment(deadline, self.clock.now)
        return math.inf if math.isinf(moment) else max(0.0, moment - self.clock.now - self.speeds.round_trip_s)

    def settle(self) -> None:
        """Let time pass until everything sent is in a block."""
        self.clock.until("network", max(self._busy.values(), default=0.0))
        self.clock.until("consensus", self.ledger.settled(self.clock.now))

    @property
    def block(self) -> int:
        """Number of the newest block."""
        return self.ledger.block(self.clock.now)

    def balance(self, party: str) -> int:
        """A party's balance in wei."""
        self.settle()
        return self.ledger.balance(party)

    @contextmanager
    def _sent_by(self, sender: str, shows: Kind | None = None) -> Iterator[float]:
        """Yield when what is sent meanwhile reaches a node; count its bytes, and whom it shows what, refused or not."""
        before = len(self.ledger.receipts)
        at = max(self.clock.now + self.speeds.round_trip_s / 2, self._busy.get(sender, 0.0))
        try:
            yield at
        finally:
            size = sum(receipt.size for receipt in self.ledger.receipts[before:])
            self.meter.chain_bytes += size
            if shows is not None:
                self.meter.disclose(shows, sender, (EVERYONE,), size)
            self._busy[sender] = at + self.speeds.transfer(size, 0)
