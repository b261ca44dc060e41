"""The default ledger: revm in process, Cancun rules, an account a party, blocks on the virtual clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chainward.errors import ChainwardError
from chainward.ledgers.accounts import checksummed
from chainward.ledgers.base import ContractLedger
from chainward.ledgers.consensus import DEFAULT, BlockTimes, Rules, block_times, parameters, rules
from chainward.ledgers.evm_machine import Machine
from chainward.ledgers.fees import floor_gas
from chainward.ledgers.outcomes import Outcome
from chainward.names import quoted

BLOCK_GAS_LIMIT = 30_000_000
MOST_GAS = 10**15
ENDOWMENT_WEI = 10**24


@dataclass(frozen=True)
class _Pending:
    """The block that is being filled."""

    number: int = 0
    gas: int = 0


class EvmLedger(ContractLedger):
    """A chain of one's own, with a gas limit a block; an account is opened with 10**24 wei.

    Numbers of blocks begin at another one for each seed, since the EVM in process makes a block's hash of its number
    alone: so what contracts draw from hashes differs between trials.
    """

    def __init__(
        self,
        blocks: BlockTimes,
        folders: tuple[Path, ...] = (),
        gas_limit: int = BLOCK_GAS_LIMIT,
        seed: int = 0,
        rules: Rules = Rules(),  # noqa: B008  # frozen
    ) -> None:
        super().__init__(self._open_account, folders)
        self._blocks, self._rules = blocks, rules
        self._gas_limit = gas_limit
        self._seed, self._genesis = seed, seed % 2**32 << 16
        self._machine = Machine()
        self._pending = _Pending()
        self._seen = -1

    def settled(self, at: float) -> float:
        """Return when the block with the last transaction is made and confirmed."""
        confirmed = self._pending.number + self._rules.confirmations if self._pending.number else 0
        return max(at, self._blocks.time(confirmed))

    def wait(self, blocks: int, at: float) -> float:
        """Return when so many further blocks have been made after `at`."""
        return self.moment(self.block(at) + blocks, at)

    def block(self, at: float) -> int:
        """Return the number of the newest block at `at`."""
        return self._genesis + self._newest(at)

    def moment(self, block: int, at: float) -> float:
        """Return when that block is made."""
        return self._blocks.time(max(0, block - self._genesis))

    def balance(self, party: str) -> int:
        """Return a party's balance in wei."""
        return self._machine.balance(self.account(party))

    def close(self) -> None:
        """Nothing to end: the chain lives in this process."""

    def _execute(self, to: str, data: bytes, caller: str, value: int, at: float) -> Outcome:
        number = max(self._blocks.newest(at) + 1, self._pending.number)
        self._set_block(number)
        run = self._machine.run(caller, to, data, value, self._gas_limit)
        filled = self._pending.gas if number == self._pending.number else 0
        if filled and filled + run.gas > self._gas_limit:  # no transaction uses more than an empty block holds
            self._machine.drop()
            self._pending = _Pending(number + 1)
            return self._execute(to, data, caller, value, at)
        self._machine.keep()
        self._pending = _Pending(number, filled + run.gas)
        floor = max(run.gas, floor_gas(data))
        return Outcome(run.address, run.gas, floor, self._genesis + number, run.logs, run.failure)

    def _ask(self, to: str, data: bytes, caller: str, at: float) -> bytes:
        self._set_block(self._newest(at))
        return self._machine.call(caller, to, data)

    def _open_account(self, party: str) -> str:
        address = account_address(party)
        self._machine.endow(address, ENDOWMENT_WEI)
        return address

    def _newest(self, at: float) -> int:
        return max(self._blocks.newest(at), self._pending.number)

    def _set_block(self, number: int) -> None:
        if number != self._seen:
            chance = randao(number, self._seed) if self._rules.beacon else bytes(32)
            self._machine.set_block(self._genesis + number, int(self._blocks.time(number)), chance, self._gas_limit)
            self._seen = number


@lru_cache(maxsize=65_536)
def account_address(party: str) -> str:
    """Return the address of a party on a chain of one's own, the same on each."""
    return checksummed(keccak(text=f"chainward account {party}")[-20:])


@lru_cache(maxsize=1_024)
def randao(number: int, seed: int = 0) -> bytes:
    """Return the randomness that contracts see in a block, another one in each trial."""
    return keccak(seed.to_bytes(32, "big") + number.to_bytes(32, "big"))


def chain(ledger: str, params: Mapping[str, Any], seed: int, *others: str) -> tuple[BlockTimes, int, Rules]:
    """Return the blocks of a chain of one's own, the gas limit of each, and its other rules.

    Parameters are `consensus`, what its model takes, `gas_limit`, and those of `others` that the ledger itself knows.
    """
    consensus = params.get("consensus", DEFAULT)
    of_the_model = parameters(consensus)
    known = ("consensus", "gas_limit", *of_the_model, *others)
    unknown = sorted(set(params) - set(known))
    if unknown:
        raise ChainwardError(f"ledger {ledger}: no parameter {unknown[0]!r}; it has {', '.join(known)}")
    chosen = {name: params[name] for name in of_the_model if name in params}
    blocks = block_times(consensus, seed, chosen)
    gas_limit = params.get("gas_limit", BLOCK_GAS_LIMIT)
    if isinstance(gas_limit, bool) or not isinstance(gas_limit, int) or not 0 < gas_limit <= MOST_GAS:
        raise ChainwardError(
            f"ledger.gas_limit: must be a whole number from 1 to {MOST_GAS:,}, not {quoted(gas_limit)}"
        )
    return blocks, gas_limit, rules(consensus, chosen)


def build(params: Mapping[str, Any], seed: int, folders: tuple[Path, ...]) -> EvmLedger:
    """Return a fresh chain; parameters are `consensus`, what its model takes, and `gas_limit` of a block."""
    blocks, gas_limit, others = chain("evm", params, seed)
    return EvmLedger(blocks, folders, gas_limit, seed, others)
