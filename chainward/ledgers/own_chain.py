"""A local node's blocks under the virtual clock: the numbers, times and accounts of the chain in process.

A ledger gives a receipt at once, while several transactions share a block. So a block is made with the first of them,
and with each further one it is taken back and made again with all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from chainward.errors import ChainwardError
from chainward.ledgers.anvil import Anvil
from chainward.ledgers.consensus import BlockTimes, Rules
from chainward.ledgers.evm import ENDOWMENT_WEI, account_address
from chainward.ledgers.wire import Included, Refused, Transaction, Wire


class OwnChain:
    """Starts a node when first used; `connect` opens a wire to its URL."""

    def __init__(
        self,
        times: BlockTimes,
        gas_limit: int,
        connect: Callable[[str], Wire],
        rules: Rules = Rules(),  # noqa: B008  # frozen
    ) -> None:
        self._times, self._gas_limit, self._connect, self._rules = times, gas_limit, connect, rules
        self.node: Anvil | None = None
        self._wire: Wire | None = None
        self._closed = False
        self._nonces: dict[str, int] = {}
        self._head = 0  # the node's newest block
        self._last = 0  # the block that takes transactions
        self._before = ""  # the node's state before block `_last`
        self._filling: list[Transaction] = []  # what is in block `_last`
        self._opened: list[str] = []  # accounts opened since `_before`

    def request(self, method: str, *params: Any) -> Any:
        """Ask the node, starting it if need be."""
        return self._started().request(method, *params)

    def open_account(self, party: str) -> str:
        """Return the account that the party has on every chain of one's own, endowed."""
        address = account_address(party)
        self._endow(address)
        self._opened.append(address)
        self._nonces[address] = 0
        return address

    def include(self, transaction: Transaction, at: float) -> Included:
        """Make the next block with this transaction, or the newest again with one more if it is still to be made."""
        sender = transaction["from"]
        numbered = {**transaction, "nonce": self._nonces[sender], "gas": self._gas_limit, "gasPrice": 0}
        number = self._times.newest(at) + 1
        if not self._filling or max(number, self._head) > self._last:
            self._begin(max(number, self._head + 1))
        included = self._make([*self._filling, numbered])
        if self._filling and int(included.receipt["cumulativeGasUsed"], 16) > self._gas_limit:
            self._make(self._filling)
            self._begin(self._last + 1)
            included = self._make([numbered])
        self._filling.append(numbered)
        self._nonces[sender] += 1
        return included

    def look(self, at: float) -> None:
        """Make the empty blocks up to the moment."""
        self._advance(self.block(at))

    def settled(self, at: float) -> float:
        """Return when the block with the last transaction is made and confirmed."""
        return max(at, self._times.time(self._last + self._rules.confirmations)) if self._filling else at

    def wait(self, blocks: int, at: float) -> float:
        """Return when so many further blocks have been made after `at`."""
        return self._times.time(self.block(at) + blocks)

    def block(self, at: float) -> int:
        """Return the number of the newest block at `at`."""
        return max(self._times.newest(at), self._head)

    def moment(self, block: int, at: float) -> float:
        """Return when that block is made."""
        return self._times.time(max(0, block))

    def replays(self) -> bool:
        """Every node starts empty."""
        return True

    def close(self) -> None:
        """End the node."""
        self._closed = True
        wire, node, self._wire, self.node = self._wire, self.node, None, None
        try:
            if wire is not None:
                wire.close()
        finally:
            if node is not None:
                node.close()

    def _started(self) -> Wire:
        if self._closed:
            raise ChainwardError("this ledger was closed, and its node with it; build another one")
        if self._wire is None:
            self.node = self.node or Anvil()
            wire = self._connect(self.node.url)
            wire.request("anvil_setLoggingEnabled", False)
            wire.request("anvil_setBlockTimestampInterval", 0)
            self._wire = wire
        return self._wire

    def _endow(self, address: str) -> None:
        self.request("anvil_setBalance", address, hex(ENDOWMENT_WEI))

    def _begin(self, number: int) -> None:
        """Make everything before block `number`, and remember that state."""
        self._advance(number - 1)
        self._before = self.request("evm_snapshot")
        self._last, self._filling, self._opened = number, [], []

    def _make(self, transactions: list[Transaction]) -> Included:
        """Make block `_last` of these, in this order, and return what came of the last of them."""
        if self._head == self._last:
            self.request("evm_revert", self._before)
            self._before = self.request("evm_snapshot")
            self._head -= 1
            for address in self._opened:
                self._endow(address)
        *earlier, newest = transactions
        wire = self._started()
        for transaction in earlier:
            wire.submit(transaction)
        started = time.perf_counter()
        try:
            sent = wire.submit(newest)
        except Refused:
            if earlier:
                self._mine()
            raise
        self._mine()
        receipt = self.request("eth_getTransactionReceipt", sent)
        return Included(receipt, time.perf_counter() - started)

    def _advance(self, number: int) -> None:
        """Make empty blocks until `number` is the newest."""
        empty = number - self._head - 1
        if empty > 0:
            self.request("anvil_mine", hex(empty))
            self._head += empty
        if number > self._head:
            self._mine()

    def _mine(self) -> None:
        """Make the next block, at its time."""
        self._head += 1
        self.request("evm_setNextBlockTimestamp", int(self._times.time(self._head)))
        self.request("anvil_setNextBlockBaseFeePerGas", "0x0")
        self.request("evm_mine")
