"""The ledger on an Ethereum node: the same contracts, calldata and receipts as in process, over JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chainward.errors import ChainwardError
from chainward.ledgers import outcomes
from chainward.ledgers.base import ContractLedger
from chainward.ledgers.fees import floor_gas
from chainward.ledgers.outcomes import Outcome, Rejected
from chainward.ledgers.wire import Blocks, Refused, Transaction


class NodeLedger(ContractLedger):
    """Contracts on a node; see `chainward.world.ports.Ledger`."""

    def __init__(self, blocks: Blocks, folders: tuple[Path, ...] = ()) -> None:
        super().__init__(blocks.open_account, folders)
        self.blocks = blocks
        # Of these the ledger knows no more than its blocks do.
        self.settled, self.wait, self.block, self.close = blocks.settled, blocks.wait, blocks.block, blocks.close
        self.moment = blocks.moment

    def balance(self, party: str) -> int:
        """Return a party's balance in wei."""
        return int(self.blocks.request("eth_getBalance", self.account(party), "latest"), 16)

    def restore(self, log: Iterable[Any]) -> None:
        """Replay a log on a fresh chain.

        Raises:
            ChainwardError: the chain is not fresh, and went on since the log was written.
        """
        if not self.blocks.replays():
            raise ChainwardError("a trial on a shared chain cannot be taken up again; run it anew")
        super().restore(log)

    def _execute(self, to: str, data: bytes, caller: str, value: int, at: float) -> Outcome:
        transaction = {"from": caller, "data": _hex(data), "value": value} | ({"to": to} if to else {})
        try:
            included = self.blocks.include(transaction, at)
        except Refused as error:
            raise Rejected(_word(error)) from None
        found = included.receipt
        succeeded, gas, block = (int(found[name], 16) for name in ("status", "gasUsed", "blockNumber"))
        failure = None if succeeded == 1 else self._reason(found["transactionHash"], transaction)
        address = to or (found["contractAddress"] if failure is None else "")
        return Outcome(
            address, gas, max(gas, floor_gas(data)), block, map(_log, found["logs"]), failure, included.seconds
        )

    def _ask(self, to: str, data: bytes, caller: str, at: float) -> bytes:
        self.blocks.look(at)
        question = {"from": caller, "to": to, "data": _hex(data)}
        try:
            return _bytes(self.blocks.request("eth_call", question, "latest"))
        except Refused as error:
            raise Rejected(_word(error)) from None

    def _reason(self, transaction_hash: str, transaction: Transaction) -> str:
        """Ask why a transaction failed: from its trace, else, where nodes give none, by calling once more."""
        try:
            trace = self.blocks.request("debug_traceTransaction", transaction_hash, {"tracer": "callTracer"})
        except Refused:
            question = {name: hex(part) if isinstance(part, int) else part for name, part in transaction.items()}
            try:
                self.blocks.request("eth_call", question, "latest")
            except Refused as error:
                return _word(error)
            return "for a reason that this node does not tell"
        failure: str = trace.get("error", "")
        output = _bytes(trace.get("output", "0x"))
        return outcomes.reason(output) if output or "revert" in failure else failure


def _word(error: Refused) -> str:
    """Return the contract's own word, else the node's."""
    if error.output or "revert" in str(error):
        return outcomes.reason(_bytes(error.output))
    return str(error)


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _log(entry: Mapping[str, Any]) -> outcomes.Log:
    return entry["address"], map(_bytes, entry["topics"]), _bytes(entry["data"])
