"""What came of a transaction or a call, in the words of the contract's artifact: results, events, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eth_abi.abi import decode as abi_decode

from chainward.ledgers.accounts import Accounts
from chainward.ledgers.artifacts import Artifact, Function

_ERROR_STRING, _PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")

Log = tuple[str, Iterable[bytes], bytes]


def results(function: Function, returned: bytes, accounts: Accounts) -> Any:
    """Return what a function returned; one result comes alone, several as a tuple."""
    values = tuple(
        accounts.named(kind, value) for kind, value in zip(function.outputs, function.decode(returned), strict=True)
    )
    return values[0] if len(values) == 1 else values


def events(
    logs: Iterable[Log], contracts: Mapping[str, Artifact], accounts: Accounts
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and arguments of the events in logs (address, topics, data) of known contracts."""
    for address, topics, data in logs:
        topics = list(topics)
        event = contracts[address.lower()].events[topics[0]]
        kinds = {name: kind for name, kind, _ in event.arguments}
        values = event.decode(topics, data)
        yield event.name, {name: accounts.named(kinds[name], value) for name, value in values.items()}


def reason(output: bytes) -> str:
    """Return why a contract reverted: the string of `require`, the number of a panic, else the bytes it gave."""
    if output[:4] == _ERROR_STRING:
        return str(abi_decode(["string"], output[4:])[0])
    if output[:4] == _PANIC:
        return f"panic {abi_decode(['uint256'], output[4:])[0]:#x}"
    return f"0x{output.hex()}" if output else "without a reason"
