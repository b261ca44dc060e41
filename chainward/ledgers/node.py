"""The ledger on an Ethereum node: the same contracts, calldata and receipts as in process, over JSON-RPC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address

from chainward.errors import ChainwardError
from chainward.ledgers import outcomes
from chainward.ledgers.accounts import Accounts
from chainward.ledgers.artifacts import Artifact, find
from chainward.ledgers.fees import floor_gas
from chainward.ledgers.wire import Blocks, Refused, Transaction
from chainward.world.ports import Receipt, Reverted

_NOBODY = "0x" + 40 * "0"


class NodeLedger:
    """Contracts on a node; see `chainward.world.ports.Ledger`."""

    def __init__(self, blocks: Blocks, folders: tuple[Path, ...] = ()) -> None:
        self.receipts: list[Receipt] = []
        self.blocks = blocks
        self._folders = folders
        self._contracts: dict[str, Artifact] = {}
        self._accounts = Accounts(blocks.open_account)
        self._log: list[tuple[Any, ...]] = []
        # Of these the ledger knows no more than its blocks do.
        self.settled, self.wait, self.block, self.close = blocks.settled, blocks.wait, blocks.block, blocks.close

    def account(self, party: str) -> str:
        """Return the address of a party's account."""
        return self._accounts.of(party)

    def deploy(self, contract: str, arguments: Sequence[Any], sender: str, value: int, at: float) -> Receipt:
        """Create a contract from its compiled artifact."""
        artifact = find(contract, self._folders)
        code = artifact.bytecode + abi_encode(
            artifact.constructor, self._accounts.addressed(artifact.constructor, arguments)
        )
        self._log.append(("deploy", contract, tuple(arguments), sender, value, at))
        return self._transact(artifact, "", "constructor", code, sender, value, at)

    def send(
        self, address: str, function: str, arguments: Sequence[Any], sender: str, value: int, at: float
    ) -> Receipt:
        """Send a transaction; a refused one costs its gas, is kept as a failed receipt and raises `Reverted`."""
        artifact = self._contracts[address.lower()]
        called = artifact.functions[function]
        data = called.encode(self._accounts.addressed(called.inputs, arguments))
        self._log.append(("send", address, function, tuple(arguments), sender, value, at))
        return self._transact(artifact, address, function, data, sender, value, at)

    def call(self, address: str, function: str, arguments: Sequence[Any], sender: str | None, at: float) -> Any:
        """Read from a contract at the newest block; one result comes alone, several as a tuple."""
        artifact = self._contracts[address.lower()]
        called = artifact.functions[function]
        data = called.encode(self._accounts.addressed(called.inputs, arguments))
        caller = self.account(sender) if sender else _NOBODY
        self.blocks.look(at)
        question = {"from": caller, "to": address, "data": _hex(data)}
        try:
            returned = self.blocks.request("eth_call", question, "latest")
        except Refused as error:
            raise Reverted(artifact.contract, function, _word(error)) from None
        return outcomes.results(called, _bytes(returned), self._accounts)

    def balance(self, party: str) -> int:
        """Return a party's balance in wei."""
        return int(self.blocks.request("eth_getBalance", self.account(party), "latest"), 16)

    def snapshot(self) -> Sequence[Any]:
        """Return the log of everything sent, for a checkpoint."""
        return tuple(self._log)

    def restore(self, log: Iterable[Any]) -> None:
        """Replay a log on a fresh chain.

        Raises:
            ChainwardError: the chain is not fresh, and went on since the log was written.
        """
        if not self.blocks.replays():
            raise ChainwardError("a trial on a shared chain cannot be taken up again; run it anew")
        for operation, *arguments in log:
            try:
                getattr(self, operation)(*arguments)
            except Reverted:
                continue

    def _transact(
        self, artifact: Artifact, to: str, function: str, data: bytes, sender: str, value: int, at: float
    ) -> Receipt:
        transaction = {"from": self.account(sender), "data": _hex(data), "value": value} | ({"to": to} if to else {})
        try:
            included = self.blocks.include(transaction, at)
        except Refused as error:
            raise Reverted(artifact.contract, function, _word(error)) from None
        found = included.receipt
        succeeded, gas = int(found["status"], 16) == 1, int(found["gasUsed"], 16)
        address = to or (found["contractAddress"] if succeeded else "")
        if succeeded and not to:
            self._contracts[address.lower()] = artifact
        receipt = Receipt(
            artifact.contract,
            function,
            sender,
            to_checksum_address(address) if address else "",
            gas,
            max(gas, floor_gas(data)),
            len(data),
            int(found["blockNumber"], 16),
            succeeded,
            tuple(outcomes.events(map(_log, found["logs"]), self._contracts, self._accounts)),
            included.seconds,
        )
        self.receipts.append(receipt)
        if not succeeded:
            raise Reverted(artifact.contract, function, self._reason(found["transactionHash"], transaction))
        return receipt

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
