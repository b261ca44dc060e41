"""What every ledger of contracts does alike: calldata in, receipts out, and a log of it all to replay."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainward.ledgers import abi, outcomes
from chainward.ledgers.accounts import Accounts, checksummed
from chainward.ledgers.artifacts import Artifact, find
from chainward.ledgers.outcomes import Outcome, Rejected
from chainward.world import Receipt, Reverted

NOBODY = "0x" + 40 * "0"


class ContractLedger(ABC):
    """Contracts, accounts and receipts; see `chainward.world.ports.Ledger`. A subclass has the chain."""

    def __init__(self, open_account: Callable[[str], str], folders: tuple[Path, ...]) -> None:
        self.receipts: list[Receipt] = []
        self._folders = folders
        self._contracts: dict[str, Artifact] = {}
        self._accounts = Accounts(open_account)
        self._log: list[tuple[Any, ...]] = []

    def account(self, party: str) -> str:
        """Return the address of a party's account, opening it on first use."""
        return self._accounts.of(party)

    def deploy(self, contract: str, arguments: Sequence[Any], sender: str, value: int, at: float) -> Receipt:
        """Create a contract from its compiled artifact."""
        artifact = find(contract, self._folders)
        kinds = artifact.constructor
        code = artifact.bytecode + abi.encode(kinds, self._accounts.addressed(kinds, arguments))
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
        try:
            returned = self._ask(address, data, self.account(sender) if sender else NOBODY, at)
        except Rejected as error:
            raise Reverted(artifact.contract, function, str(error)) from None
        return outcomes.results(called, returned, self._accounts)

    def snapshot(self) -> Sequence[Any]:
        """Return the log of everything sent, for a checkpoint."""
        return tuple(self._log)

    def restore(self, log: Iterable[Any]) -> None:
        """Replay a log on a fresh ledger; what reverted then reverts again."""
        for operation, *arguments in log:
            with suppress(Reverted):
                getattr(self, operation)(*arguments)

    @abstractmethod
    def _execute(self, to: str, data: bytes, caller: str, value: int, at: float) -> Outcome:
        """Put a transaction into a block; no `to` makes a contract. Raises `Rejected` if it can be none."""

    @abstractmethod
    def _ask(self, to: str, data: bytes, caller: str, at: float) -> bytes:
        """Return what a call returns at the newest block. Raises `Rejected`."""

    def _transact(
        self, artifact: Artifact, to: str, function: str, data: bytes, sender: str, value: int, at: float
    ) -> Receipt:
        try:
            outcome = self._execute(to, data, self.account(sender), value, at)
        except Rejected as error:
            raise Reverted(artifact.contract, function, str(error)) from None
        if outcome.failure is None and not to:
            self._contracts[outcome.address.lower()] = artifact
        receipt = self._receipt(artifact.contract, function, sender, data, outcome)
        self.receipts.append(receipt)
        if outcome.failure is not None:
            raise Reverted(artifact.contract, function, outcome.failure)
        return receipt

    def _receipt(self, contract: str, function: str, sender: str, data: bytes, outcome: Outcome) -> Receipt:
        events = outcomes.Events(outcome.logs, self._contracts, self._accounts)
        return Receipt(
            contract,
            function,
            sender,
            outcome.address and checksummed(outcome.address),
            outcome.gas,
            outcome.floor,
            len(data),
            outcome.block,
            outcome.failure is None,
            events,
            outcome.seconds,
        )
