"""revm in process, through `pyrevm`: transactions on a state of their own, each billed as if it were the first.

`pyrevm` keeps one transaction open for as long as an EVM lives: storage once touched stays warm, and a slot's original
value is that of its first touch, so from the second transaction on the gas would be wrong. Here each transaction runs
behind a checkpoint that is then reverted, which empties the journal, and what it changed is written to the database
underneath; so every transaction starts cold and is billed as on a node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import pyrevm

from chainward.ledgers import outcomes
from chainward.ledgers.outcomes import Log, Rejected

_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: 0x([0-9a-f]*)")


class Run(NamedTuple):
    """What came of a transaction that is still to be kept or dropped; `failure` is why the contract refused it."""

    address: str
    gas: int
    logs: Sequence[Log]
    failure: str | None


class Machine:
    """An EVM and its state. What `run` has begun is to be ended with `keep` or `drop`."""

    def __init__(self) -> None:
        self._evm = pyrevm.EVM(gas_limit=2**62)
        self._nonces: dict[str, int] = {}  # of who sends transactions: a message call counts none
        self._begun: pyrevm.JournalCheckpoint
        self._caller = ""

    def set_block(self, number: int, time: int, randao: bytes, gas_limit: int) -> None:
        """Run what follows in this block."""
        self._evm.set_block_env(
            pyrevm.BlockEnv(number=number, timestamp=time, prevrandao=randao, gas_limit=gas_limit, basefee=0)
        )

    def endow(self, address: str, wei: int) -> None:
        """Make an account."""
        self._evm.insert_account_info(address, _account(wei, 0))

    def balance(self, address: str) -> int:
        """Return what an account holds, in wei."""
        checkpoint = self._evm.snapshot()
        balance = self._evm.basic(address).balance
        self._evm.revert(checkpoint)
        return balance

    def call(self, caller: str, to: str, data: bytes) -> bytes:
        """Return what a call returns that can change nothing. Raises `Rejected`."""
        checkpoint = self._evm.snapshot()
        try:
            return self._evm.message_call(caller, to, calldata=data, is_static=True)
        except RuntimeError as error:
            raise Rejected(_reason(error)) from None
        finally:
            self._evm.revert(checkpoint)

    def run(self, caller: str, to: str, data: bytes, value: int, gas: int) -> Run:
        """Run a transaction, a creation if `to` is empty. Raises `Rejected` if it can be none; that needs no `drop`."""
        evm, failure = self._evm, None
        self._begun, self._caller = evm.snapshot(), caller
        try:
            if to:
                evm.message_call(caller, to, calldata=data, value=value, gas=gas)
            else:
                to = evm.deploy(caller, data, value=value, gas=gas)
        except RuntimeError as error:
            failure = _reason(error)
        result = evm.result
        if result is None:
            self.drop()
            raise Rejected(failure)
        logs = [] if failure is not None else [(log.address, *log.data) for log in result.logs]
        return Run(to, result.gas_used, logs, failure)

    def drop(self) -> None:
        """Undo all of the transaction."""
        self._evm.revert(self._begun)

    def keep(self) -> None:
        """Write what the transaction changed to the database, under an empty journal."""
        evm = self._evm
        accounts = evm.journal_state
        for address, info in accounts.items():  # codes would make the journal's text long
            evm.insert_account_info(address, _account(info.balance, info.nonce))
        written = [(address, slot, evm.storage(address, slot)) for address, slot in _places(evm.journal_str)]
        evm.revert(self._begun)
        nonce = self._nonces[self._caller] = self._nonces.get(self._caller, 0) + 1
        accounts[self._caller] = _account(accounts[self._caller].balance, nonce)
        for address, info in accounts.items():
            evm.insert_account_info(address, info)
        for address, slot, value in written:
            checkpoint = evm.snapshot()
            evm.insert_account_storage(address, slot, value)
            evm.revert(checkpoint)


def _places(journal: str) -> set[tuple[str, int]]:
    """Return the storage slots that were written to, from entries `StorageChange { address: …, key: …, had_value:
    Some(…) }` of revm's journal; of a slot that was only read, its value before is `None`."""
    entries = {entry.rpartition("{ address: ")[2] for entry in journal.split(", had_value: Some")[:-1]}
    return {(address, int(slot)) for address, _, slot in (entry.partition(", key: ") for entry in entries)}


def _account(balance: int, nonce: int) -> pyrevm.AccountInfo:
    return pyrevm.AccountInfo(balance=balance, nonce=nonce)  # type: ignore[call-arg]  # its stub lags


def _reason(error: Exception) -> str:
    """The contract's own word: the string of `require`, the number of a panic, else what the EVM said."""
    found = _REVERT.search(str(error))
    if not found:
        return "out of gas" if "OutOfGas" in str(error) else str(error)
    return outcomes.reason(bytes.fromhex(found[1]))
