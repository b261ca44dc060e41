"""The blockchain as a strategy sees it: deploy, bind, send, call, wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chainward.world.clock import Clock
from chainward.world.meter import Meter
from chainward.world.ports import Ledger, Receipt
from chainward.world.vocabulary import HospitalAbsent


@dataclass(frozen=True)
class Contract:
    """A deployed contract. Arguments and results of type `address` are party names where a party has that account."""

    chain: Chain
    address: str

    def send(self, function: str, *arguments: Any, sender: str, value: int = 0) -> Receipt:
        """Send a transaction in the name of `sender`, with `value` wei; raises `Reverted`."""
        return self.chain.send(self.address, function, arguments, sender, value)

    def call(self, function: str, *arguments: Any, sender: str | None = None) -> Any:
        """Read without a transaction, once everything sent before is in a block; raises `Reverted`."""
        return self.chain.call(self.address, function, arguments, sender)


@dataclass
class Chain:
    """Puts a ledger on the world's clock and meter.

    Transactions sent one after another share blocks; time passes for inclusion when somebody looks at the result, asks
    a party or waits.
    """

    ledger: Ledger
    clock: Clock
    meter: Meter
    absent: Callable[[str], bool]

    def deploy(self, contract: str, *arguments: Any, sender: str, value: int = 0) -> str:
        """Create a contract and return its address. Who is absent in this round cannot."""
        if self.absent(sender):
            raise HospitalAbsent(f"{sender} is absent and cannot create {contract}")
        with self._metered():
            return self.ledger.deploy(contract, arguments, sender, value, self.clock.now).address

    def at(self, address: str) -> Contract:
        """Bind a deployed contract."""
        return Contract(self, address)

    def send(self, address: str, function: str, arguments: tuple[Any, ...], sender: str, value: int) -> Receipt:
        """Send a transaction; see `Contract.send`. Who is absent in this round cannot send."""
        if self.absent(sender):
            raise HospitalAbsent(f"{sender} is absent and cannot send {function}")
        with self._metered():
            return self.ledger.send(address, function, arguments, sender, value, self.clock.now)

    def call(self, address: str, function: str, arguments: tuple[Any, ...], sender: str | None) -> Any:
        """Read from a contract; see `Contract.call`."""
        self.settle()
        return self.ledger.call(address, function, arguments, sender, self.clock.now)

    def wait(self, blocks: int) -> None:
        """Let so many blocks pass."""
        self.settle()
        self.clock.until("consensus", self.ledger.wait(blocks, self.clock.now))

    def settle(self) -> None:
        """Let time pass until everything sent is in a block."""
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
    def _metered(self) -> Iterator[None]:
        """Count the bytes of what is sent meanwhile, refused or not."""
        before = len(self.ledger.receipts)
        try:
            yield
        finally:
            self.meter.chain_bytes += sum(receipt.size for receipt in self.ledger.receipts[before:])
