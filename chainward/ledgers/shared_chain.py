"""A chain that others use too: its own clock, its own fees, accounts from a keystore or of the node.

What inclusion took is measured, and passes on the virtual clock as if everything sent since had been sent together.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chainward.errors import ChainwardError
from chainward.ledgers.wire import Included, Refused, Transaction, Wire

_MAINNET = 1
_REPLACEMENTS = 3
_POLLS_S = (0.05, 1.0)  # first and longest pause between two looks


@dataclass(frozen=True)
class Terms:
    """`accounts`: names in the keystore, none for the node's own. `timeout_s`: before a transaction is replaced."""

    accounts: tuple[str, ...] = ()
    confirmations: int = 1
    timeout_s: float = 120.0
    gas: int = 16_000_000  # every transaction's limit; EIP-7825 admits no more than 2**24


class SharedChain:
    """Connects when first used."""

    def __init__(self, terms: Terms, connect: Callable[[], Wire]) -> None:
        self._terms, self._connect = terms, connect
        self._wire: Wire | None = None
        self._closed = False
        self._opened = 0
        self._nonces: dict[str, int] = {}
        self._final_at = 0.0

    def request(self, method: str, *params: Any) -> Any:
        """Ask the node."""
        return self._connected().request(method, *params)

    def open_account(self, party: str) -> str:
        """Return the next account: of those in the terms, else of the node's own."""
        wire = self._connected()
        names = self._terms.accounts
        known: list[str] = list(names) or wire.request("eth_accounts")
        if self._opened == len(known):
            raise ChainwardError(f"ledger.accounts: {party!r} finds none left after {len(known)}; name one more")
        name = known[self._opened]
        address = wire.account(name) if names else name
        self._opened += 1
        return address

    def include(self, transaction: Transaction, at: float) -> Included:
        """Send a transaction, dearer again each time it is stuck, and wait until it is confirmed."""
        sender = transaction["from"]
        if sender not in self._nonces:
            # Not the pending count: what an earlier run left stuck is replaced.
            self._nonces[sender] = int(self.request("eth_getTransactionCount", sender, "latest"), 16)
        numbered = {**transaction, "nonce": self._nonces[sender], "gas": self._terms.gas}
        included = self._included(numbered)
        self._nonces[sender] += 1
        self._final_at = max(self._final_at, at + included.seconds)
        return included

    def look(self, at: float) -> None:
        """Nothing to do: blocks are made by others."""

    def settled(self, at: float) -> float:
        """Return when everything sent so far is final: measured seconds after it was sent."""
        return max(at, self._final_at)

    def wait(self, blocks: int, at: float) -> float:
        """Wait until so many further blocks have been made, and return the moment reached."""
        started, target = time.perf_counter(), self.block(at) + blocks
        for _ in _looks((blocks + 1) * self._terms.timeout_s):
            if self.block(at) >= target:
                return at + time.perf_counter() - started
        raise ChainwardError(f"no block {target} within {blocks + 1} times ledger.timeout_s; does this chain go on?")

    def block(self, at: float) -> int:
        """Return the number of the newest block."""
        return int(self.request("eth_blockNumber"), 16)

    def moment(self, block: int, at: float) -> float:
        """Nobody knows when others will have made that block."""
        return math.inf if block > self.block(at) else at

    def replays(self) -> bool:
        """What was sent is there to stay."""
        return False

    def close(self) -> None:
        """End the connection."""
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _connected(self) -> Wire:
        if self._closed:
            raise ChainwardError("this ledger was closed; build another one")
        if self._wire is None:
            wire = self._connect()
            if int(wire.request("eth_chainId"), 16) == _MAINNET:
                wire.close()
                raise ChainwardError("ledger.network: this is Ethereum's main network; use a test network")
            self._wire = wire
        return self._wire

    def _included(self, transaction: Transaction) -> Included:
        started = time.perf_counter()
        fees, sent = self._fees(), list[str]()
        for _ in range(1 + _REPLACEMENTS):
            self._offer({**transaction, **fees}, sent)
            receipt = self._receipt(sent)
            if receipt is not None:
                seconds = time.perf_counter() - started
                return Included(self._confirmed(receipt, sent), seconds)
            fees = {name: fee * 9 // 8 + 1 for name, fee in fees.items()}  # nodes want a tenth more at least
        raise ChainwardError(
            f"a transaction is in no block after {_REPLACEMENTS} replacements, {self._terms.timeout_s:g} s each; "
            "does this chain go on, and is ledger.timeout_s long enough for it?"
        )

    def _offer(self, transaction: Transaction, sent: list[str]) -> None:
        try:
            sent.append(self._connected().submit(transaction))
        except Refused as error:
            message = str(error).lower()
            # Too cheap to replace what is stuck: dearer next time. Nonce used: one of those sent is in a block by now.
            if not ("underpriced" in message or (sent and "nonce" in message)):
                raise ChainwardError(f"the node took no transaction: {error}") from None

    def _receipt(self, sent: list[str]) -> Mapping[str, Any] | None:
        for _ in _looks(self._terms.timeout_s):
            for transaction_hash in sent:
                receipt: Mapping[str, Any] | None = self.request("eth_getTransactionReceipt", transaction_hash)
                if receipt is not None and receipt["blockNumber"] is not None:
                    return receipt
        return None

    def _confirmed(self, receipt: Mapping[str, Any], sent: list[str]) -> Mapping[str, Any]:
        """Return the receipt once it is deep enough; a reorganisation may have put it into another block meanwhile."""
        confirmations = self._terms.confirmations
        for _ in _looks((confirmations + 1) * self._terms.timeout_s):
            depth = self.block(0.0) - int(receipt["blockNumber"], 16) + 1
            if depth >= confirmations:
                return receipt
            receipt = self._receipt(sent) or receipt
        raise ChainwardError(f"a transaction has less than {confirmations} confirmations; does this chain go on?")

    def _fees(self) -> dict[str, int]:
        base = self.request("eth_getBlockByNumber", "latest", False).get("baseFeePerGas")
        if base is None:
            return {"gasPrice": int(self.request("eth_gasPrice"), 16)}
        tip = int(self.request("eth_maxPriorityFeePerGas"), 16)
        return {"maxPriorityFeePerGas": tip, "maxFeePerGas": 2 * int(base, 16) + tip}


def _looks(seconds: float) -> Iterator[None]:
    """Yield at once and then with longer and longer pauses until the time is up."""
    pause, longest = _POLLS_S
    deadline = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= deadline:
            return
        time.sleep(min(pause, longest))
        pause *= 1.5
