"""What a ledger on a node stands on: a connection to the node, and a way to get blocks from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chainward.errors import ChainwardError

Transaction = Mapping[str, Any]


class Refused(ChainwardError):
    """The node answered a request with an error; `output` is what a contract said, if it was one."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Wire(Protocol):
    """A connection to a node."""

    def request(self, method: str, *params: Any) -> Any:
        """Return the result of a JSON-RPC request; raises `Refused` with the node's error."""

    def account(self, name: str) -> str:
        """Unlock an account of the keystore and return its address."""

    def submit(self, transaction: Transaction) -> str:
        """Send a transaction, signed here if the account is from the keystore, and return its hash."""

    def close(self) -> None:
        """End the connection."""


@dataclass(frozen=True)
class Included:
    """A transaction in a block: the node's receipt, and seconds from sending to inclusion."""

    receipt: Mapping[str, Any]
    seconds: float


class Blocks(Protocol):
    """How accounts are opened and blocks are made on a chain. Times are seconds on the virtual clock."""

    def request(self, method: str, *params: Any) -> Any:
        """Ask the node."""

    def open_account(self, party: str) -> str:
        """Return the address of a new party's account."""

    def include(self, transaction: Transaction, at: float) -> Included:
        """Send a transaction and return once it is in a block."""

    def look(self, at: float) -> None:
        """See to it that the node's newest block is that of the moment."""

    def settled(self, at: float) -> float:
        """Return when everything sent so far is final."""

    def wait(self, blocks: int, at: float) -> float:
        """Return when so many further blocks have been made."""

    def block(self, at: float) -> int:
        """Return the number of the newest block."""

    def moment(self, block: int, at: float) -> float:
        """Return when that block is made, infinite where nobody knows."""

    def replays(self) -> bool:
        """Whether what was sent can be sent again to a fresh chain."""

    def close(self) -> None:
        """End what was started."""
