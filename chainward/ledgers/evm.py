"""The default ledger: revm in process, Cancun rules.

`pyrevm` keeps one transaction open for as long as an EVM lives: storage once touched stays warm, and a slot's original
value is that of its first touch, so from the second transaction on the gas would be wrong. Here each transaction runs
behind a snapshot that is then reverted, which empties the journal, and what it changed is written to the database
underneath; so every transaction starts cold and is billed as on a node.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi.abi import encode as abi_encode
from eth_utils.crypto import keccak

from chainward.errors import ChainwardError
from chainward.ledgers import outcomes
from chainward.ledgers.accounts import Accounts, checksummed
from chainward.ledgers.artifacts import Artifact, find
from chainward.ledgers.consensus import BlockTimes, block_times, parameters
from chainward.ledgers.fees import floor_gas
from chainward.world.ports import Receipt, Reverted

BLOCK_GAS_LIMIT = 30_000_000
ENDOWMENT_WEI = 10**24
_COINBASE = "0x" + 40 * "0"
_ACCOUNT, _STORAGE, _STATUS = ": Account { info", "storage: {", "}, status: AccountStatus("
_SLOT = re.compile(r"(\d+): StorageSlot \{ previous_or_original_value: (\d+), present_value: (\d+) \}")
_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: 0x([0-9a-f]*)")


@dataclass(frozen=True)
class _Pending:
    """The block that is being filled."""

    number: int = 0
    gas: int = 0


class EvmLedger:
    """A chain of one's own: an account a party, blocks on the virtual clock, a gas limit a block."""

    def __init__(
        self, blocks: BlockTimes, folders: tuple[Path, ...] = (), gas_limit: int = BLOCK_GAS_LIMIT, seed: int = 0
    ) -> None:
        self.receipts: list[Receipt] = []
        self._blocks = blocks
        self._folders = folders
        self._gas_limit = gas_limit
        self._seed = seed
        self._evm = pyrevm.EVM(gas_limit=2**62)
        self._contracts: dict[str, Artifact] = {}
        self._accounts = Accounts(self._open_account)
        self._nonces: dict[str, int] = {}
        self._written: dict[str, tuple[int, int, bool]] = {}
        self._pending = _Pending()
        self._seen = -1
        self._log: list[tuple[Any, ...]] = []

    def account(self, party: str) -> str:
        """Return the address of a party's account; it is opened with 10**24 wei on first use."""
        return self._accounts.of(party)

    def deploy(self, contract: str, arguments: Sequence[Any], sender: str, value: int, at: float) -> Receipt:
        """Create a contract from its compiled artifact."""
        artifact = find(contract, self._folders)
        code = artifact.bytecode + abi_encode(
            artifact.constructor, self._accounts.addressed(artifact.constructor, arguments)
        )
        self._log.append(("deploy", contract, tuple(arguments), sender, value, at))
        return self._transact(artifact, None, "constructor", code, sender, value, at)

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
        caller = self.account(sender) if sender else _COINBASE
        self._set_block(self.block(at))
        checkpoint = self._evm.snapshot()
        try:
            data = called.encode(self._accounts.addressed(called.inputs, arguments))
            returned = self._evm.message_call(caller, address, calldata=data, is_static=True)
        except RuntimeError as error:
            raise Reverted(artifact.contract, function, _reason(error)) from None
        finally:
            self._evm.revert(checkpoint)
        return outcomes.results(called, returned, self._accounts)

    def settled(self, at: float) -> float:
        """Return when the block with the last transaction is made."""
        return max(at, self._blocks.time(self._pending.number))

    def wait(self, blocks: int, at: float) -> float:
        """Return when so many further blocks have been made after `at`."""
        return self._blocks.time(self.block(at) + blocks)

    def block(self, at: float) -> int:
        """Return the number of the newest block at `at`."""
        return max(self._blocks.newest(at), self._pending.number)

    def balance(self, party: str) -> int:
        """Return a party's balance in wei."""
        return self._read(self.account(party)).balance

    def snapshot(self) -> Sequence[Any]:
        """Return the log of everything sent, for a checkpoint."""
        return tuple(self._log)

    def restore(self, log: Iterable[Any]) -> None:
        """Replay a log on a fresh ledger; what reverted then reverts again."""
        for operation, *arguments in log:
            try:
                getattr(self, operation)(*arguments)
            except Reverted:
                continue

    def close(self) -> None:
        """Nothing to end: the chain lives in this process."""

    def _transact(
        self, artifact: Artifact, to: str | None, function: str, data: bytes, sender: str, value: int, at: float
    ) -> Receipt:
        caller = self.account(sender)
        number = max(self._blocks.newest(at) + 1, self._pending.number)
        self._set_block(number)
        checkpoint = self._evm.snapshot()
        failure, address = None, to
        try:
            if to is None:
                address = self._evm.deploy(caller, data, value=value, gas=self._gas_limit)
            else:
                self._evm.message_call(caller, to, calldata=data, value=value, gas=self._gas_limit)
        except RuntimeError as error:
            failure = error
        result = self._evm.result
        if result is None:
            self._evm.revert(checkpoint)
            raise Reverted(artifact.contract, function, _reason(failure))
        if self._is_full(number, result.gas_used):
            self._evm.revert(checkpoint)
            self._pending = _Pending(number + 1)
            return self._transact(artifact, to, function, data, sender, value, at)
        if failure is None:
            self._keep(checkpoint, caller)
        else:
            self._evm.revert(checkpoint)
            self._count_nonce(caller)
        if failure is None and to is None and address is not None:
            self._contracts[address.lower()] = artifact
        receipt = Receipt(
            artifact.contract,
            function,
            sender,
            checksummed(address) if address else "",
            result.gas_used,
            max(result.gas_used, floor_gas(data)),
            len(data),
            number,
            failure is None,
            tuple(self._events(result.logs)) if failure is None else (),
        )
        self._pending = _Pending(number, self._filled(number) + result.gas_used)
        self.receipts.append(receipt)
        if failure is not None:
            raise Reverted(artifact.contract, function, _reason(failure))
        return receipt

    def _filled(self, number: int) -> int:
        return self._pending.gas if number == self._pending.number else 0

    def _is_full(self, number: int, gas: int) -> bool:
        """Whether a block has no room left for so much gas. No transaction can use more than an empty block holds."""
        filled = self._filled(number)
        return filled > 0 and filled + gas > self._gas_limit

    def _set_block(self, number: int) -> None:
        if number == self._seen:
            return
        self._seen = number
        time, mixed = int(self._blocks.time(number)), randao(number, self._seed)
        self._evm.set_block_env(
            pyrevm.BlockEnv(number=number, timestamp=time, prevrandao=mixed, gas_limit=self._gas_limit, basefee=0)
        )

    def _keep(self, checkpoint: pyrevm.JournalCheckpoint, caller: str) -> None:
        """Write what the open transaction changed to the database, under an empty journal."""
        accounts = {address.lower(): info for address, info in self._evm.journal_state.items()}
        changes = [(address, _SLOT.findall(storage)) for address, storage in _storages(self._evm.journal_str)]
        self._evm.revert(checkpoint)
        self._nonces[caller.lower()] = self._nonces.get(caller.lower(), 0) + 1
        for address, slots in changes:
            if address == _COINBASE:
                continue
            info = accounts[address]
            is_contract = address in self._contracts or (info.nonce > 0 and not self._accounts.holds(address))
            self._write(address, info.balance, info.nonce, info.code if is_contract else None)
            for slot, before, after in slots:
                if before != after:
                    self._write_slot(address, int(slot), int(after))

    def _open_account(self, party: str) -> str:
        address = account_address(party)
        self._write(address, ENDOWMENT_WEI, 0, None)
        return address

    def _write(self, address: str, balance: int, nonce: int, code: bytes | None) -> None:
        nonce = self._nonces.get(address.lower(), nonce)
        written = (balance, nonce, code is not None)
        if self._written.get(address.lower()) == written:  # a contract's code never changes, and is long
            return
        info = pyrevm.AccountInfo(balance=balance, nonce=nonce, code=code)  # type: ignore[call-arg]  # its stub lags
        self._evm.insert_account_info(address, info)
        self._written[address.lower()] = written

    def _write_slot(self, address: str, slot: int, value: int) -> None:
        checkpoint = self._evm.snapshot()
        self._evm.insert_account_storage(address, slot, value)
        self._evm.revert(checkpoint)

    def _read(self, address: str) -> pyrevm.AccountInfo:
        checkpoint = self._evm.snapshot()
        info = self._evm.basic(address)
        self._evm.revert(checkpoint)
        return info

    def _count_nonce(self, caller: str) -> None:
        key = caller.lower()
        self._nonces[key] = self._nonces.get(key, 0) + 1
        self._write(caller, self._read(caller).balance, 0, None)

    def _events(self, logs: Iterable[pyrevm.Log]) -> Iterable[tuple[str, dict[str, Any]]]:
        return outcomes.events(((log.address, *log.data) for log in logs), self._contracts, self._accounts)


def account_address(party: str) -> str:
    """Return the address of a party on a chain of one's own, the same on each."""
    return checksummed(keccak(text=f"chainward account {party}")[-20:])


def _storages(journal: str) -> Iterator[tuple[str, str]]:
    """Yield address and storage of each account in revm's journal. Codes make it long: `find` skips them quickly."""
    account = journal.find(_ACCOUNT)
    while account >= 0:
        start = journal.index(_STORAGE, account) + len(_STORAGE)
        end = journal.index(_STATUS, start)
        yield journal[account - 42 : account], journal[start:end]
        account = journal.find(_ACCOUNT, end)


@lru_cache(maxsize=1_024)
def randao(number: int, seed: int = 0) -> bytes:
    """Return the randomness that contracts see in a block, another one in each trial."""
    return keccak(seed.to_bytes(32, "big") + number.to_bytes(32, "big"))


def _reason(error: Exception | None) -> str:
    """The contract's own word: the string of `require`, the number of a panic, else what the EVM said."""
    found = _REVERT.search(str(error))
    if not found:
        return "out of gas" if "OutOfGas" in str(error) else str(error)
    return outcomes.reason(bytes.fromhex(found[1]))


def build(params: Mapping[str, Any], seed: int, folders: tuple[Path, ...]) -> EvmLedger:
    """Return a fresh chain; parameters are `consensus`, what its model takes, and `gas_limit` of a block."""
    consensus = params.get("consensus", "poa")
    known = ("consensus", "gas_limit", *parameters(consensus))
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise ChainwardError(f"ledger evm: no parameter {unknown[0]!r}; it has {', '.join(known)}")
    blocks = block_times(consensus, seed, {name: params[name] for name in known[2:] if name in params})
    return EvmLedger(blocks, folders, int(params.get("gas_limit", BLOCK_GAS_LIMIT)), seed)
