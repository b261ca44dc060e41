"""What came of a transaction or a call, in the words of the contract's artifact: results, events, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from chainward.errors import ChainwardError
from chainward.ledgers import abi
from chainward.ledgers.accounts import Accounts
from chainward.ledgers.artifacts import Artifact, Function

_ERROR_STRING, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")

Log = tuple[str, Iterable[bytes], bytes]


class Outcome(NamedTuple):
    """What came of a transaction. `address` is "" after a creation that failed, `failure` why the contract refused.

    `floor` is the gas under EIP-7623; `seconds` are measured from sending to inclusion, where there is a node.
    """

    address: str
    gas: int
    floor: int
    block: int
    logs: Iterable[Log]
    failure: str | None = None
    seconds: float | None = None


class Rejected(ChainwardError):
    """There was no transaction, or a call failed; the message is the contract's reason or the machine's."""


def results(function: Function, returned: bytes, accounts: Accounts) -> Any:
    """Return what a function returned; one result comes alone, several as a tuple."""
    values = tuple(
        accounts.named(kind, value) for kind, value in zip(function.outputs, function.decode(returned), strict=True)
    )
    return values[0] if len(values) == 1 else values


class Events(Sequence[tuple[str, Mapping[str, Any]]]):
    """Name and arguments of the events in logs (address, topics, data) of known contracts, decoded when looked at:
    few receipts are, and decoding takes as long as executing."""

    def __init__(self, logs: Iterable[Log], contracts: Mapping[str, Artifact], accounts: Accounts) -> None:
        self._logs, self._contracts, self._accounts = tuple(logs), contracts, accounts

    def __len__(self) -> int:
        return len(self._logs)

    def __getitem__(self, index: Any) -> Any:
        return self._decoded[index]

    def __eq__(self, other: object) -> bool:
        return self._decoded == (other._decoded if isinstance(other, Events) else other)

    def __repr__(self) -> str:
        return repr(self._decoded)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._decoded,)

    __hash__ = None  # type: ignore[assignment]  # as of a tuple of dictionaries

    @cached_property
    def _decoded(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        return tuple(map(self._decode, self._logs))

    def _decode(self, log: Log) -> tuple[str, Mapping[str, Any]]:
        address, topics, data = log
        signature, *indexed = topics
        event = self._contracts[address.lower()].events[signature]
        values = event.decode(indexed, data)
        return event.name, {name: self._accounts.named(kind, values[name]) for name, kind, _ in event.arguments}


def reason(output: bytes) -> str:
    """Return why a contract reverted: the string of `require`, the number of a panic, else the bytes it gave."""
    if output[:4] == _ERROR_STRING:
        return str(abi.decode(["string"], output[4:])[0])
    if output[:4] == _PANIC:
        return f"panic {abi.decode(['uint256'], output[4:])[0]:#x}"
    return f"0x{output.hex()}" if output else "without a reason"
