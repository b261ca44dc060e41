"""The in-process chain as contracts and their callers find it."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.address import is_checksum_address
from eth_utils.crypto import keccak
from hand_assembled import FIXTURES

from chainward.errors import ChainwardError
from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import ENDOWMENT_WEI, EvmLedger
from chainward.world import Receipt, Reverted


@pytest.fixture
def ledger() -> EvmLedger:
    return fresh()


def fresh() -> EvmLedger:
    return EvmLedger(Periodic(), (FIXTURES,))


def deployed(ledger: EvmLedger, first: int = 1, value: int = 0) -> str:
    return ledger.deploy("Tally", (first,), "owner", value, 0.0).address


def send(
    ledger: EvmLedger, address: str, function: str, *arguments: Any, sender: str = "owner", **more: Any
) -> Receipt:
    return ledger.send(address, function, arguments, sender, more.get("value", 0), more.get("at", 0.0))


def call(ledger: EvmLedger, address: str, function: str, *arguments: Any) -> Any:
    return ledger.call(address, function, arguments, None, 0.0)


def nonce(ledger: EvmLedger, party: str) -> int:
    """From the address that the party's next contract gets: it is made of sender and nonce."""
    address = ledger.deploy("Tally", (0,), party, 0, 0.0).address
    account = bytes.fromhex(ledger.account(party)[2:])
    for number in range(256):
        encoded = b"\x80" if number == 0 else bytes([number]) if number < 128 else bytes([0x81, number])
        body = b"\x94" + account + encoded
        if keccak(bytes([0xC0 + len(body)]) + body)[-20:] == bytes.fromhex(address[2:]):
            return number
    raise AssertionError("no nonce below 256 gives this address")


def test_storage_lasts_from_one_transaction_to_the_next(ledger: EvmLedger) -> None:
    tally = deployed(ledger, 42)
    assert call(ledger, tally, "value") == 42
    send(ledger, tally, "set", 43)
    assert call(ledger, tally, "value") == 43
    send(ledger, tally, "set", 0)
    assert call(ledger, tally, "value") == 0


def test_contracts_of_one_kind_have_storage_of_their_own(ledger: EvmLedger) -> None:
    first, second = deployed(ledger, 1), deployed(ledger, 2)
    send(ledger, first, "set", 10)
    assert (call(ledger, first, "value"), call(ledger, second, "value")) == (10, 2)


def test_contracts_made_by_contracts_live_on(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    send(ledger, tally, "bear")
    for age in (1, 2, 3):
        send(ledger, tally, "feed")
        assert call(ledger, tally, "age") == age
    older = call(ledger, tally, "child")
    send(ledger, tally, "bear")
    assert call(ledger, tally, "child") != older
    assert call(ledger, tally, "age") == 0


def test_call_changes_nothing_and_costs_nothing(ledger: EvmLedger) -> None:
    tally = deployed(ledger, 5)
    receipts = len(ledger.receipts)
    with pytest.raises(Reverted):
        call(ledger, tally, "set", 6)  # a static call may not write
    assert call(ledger, tally, "value") == 5
    assert len(ledger.receipts) == receipts


def test_call_warms_nothing_for_the_next_transaction(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    first = send(ledger, tally, "set", 2).gas
    call(ledger, tally, "value")
    assert send(ledger, tally, "set", 3).gas == first


def test_results_come_alone_or_as_a_tuple(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    assert call(ledger, tally, "value") == 1
    assert call(ledger, tally, "two") == (2, "two")


def test_parties_stand_for_their_addresses(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    receipt = send(ledger, tally, "note", 7, "seven", sender="clinic")
    assert receipt.events == (("Noted", {"who": "clinic", "value": 7, "text": "seven"}),)
    assert call(ledger, tally, "last") == "clinic"
    assert call(ledger, tally, "everyone", ["owner", "clinic"]) == ("owner", "clinic")
    stranger = "0x" + 39 * "0" + "1"
    assert call(ledger, tally, "everyone", [stranger]) == (stranger,)


def test_accounts_are_distinct_stable_and_endowed(ledger: EvmLedger) -> None:
    addresses = [ledger.account(party) for party in ("a", "b", "a")]
    assert addresses[0] == addresses[2] != addresses[1]
    assert all(map(is_checksum_address, addresses))
    assert fresh().account("a") == addresses[0]
    assert ledger.balance("a") == ENDOWMENT_WEI


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("refuse", ("not on a Sunday",), "not on a Sunday"),
        ("refuse", ("",), ""),
        ("fail", (), "panic 0x1"),
        ("refuseSilently", (), "without a reason"),
        ("refuseByError", (), "0x" + keccak(text="TooMuch(uint256)")[:4].hex() + 63 * "0" + "7"),
    ],
)
def test_revert_carries_the_contracts_own_word(
    ledger: EvmLedger, function: str, arguments: tuple[Any, ...], reason: str
) -> None:
    tally = deployed(ledger)
    for attempt in (send, call):
        with pytest.raises(Reverted) as caught:
            attempt(ledger, tally, function, *arguments)
        if (function, attempt) != ("refuse", call):  # writes, so a static call stops it before it reverts
            assert caught.value.reason == reason
        assert (caught.value.contract, caught.value.function) == ("Tally", function)


def test_revert_undoes_the_writes_and_costs_the_gas(ledger: EvmLedger) -> None:
    tally = deployed(ledger, 5)
    with pytest.raises(Reverted):
        send(ledger, tally, "refuse", "no")
    receipt = ledger.receipts[-1]
    assert call(ledger, tally, "value") == 5
    assert (receipt.function, receipt.succeeded, receipt.events) == ("refuse", False, ())
    assert receipt.gas > 21_000 + 5_000  # the write to slot 0 was paid for
    assert receipt.size == 4 + 3 * 32


def test_every_transaction_counts_in_the_nonce() -> None:
    assert nonce(fresh(), "clinic") == 0
    ledger = fresh()
    tally = deployed(ledger)
    send(ledger, tally, "set", 1, sender="clinic")
    with pytest.raises(Reverted):
        send(ledger, tally, "refuse", "no", sender="clinic")
    send(ledger, tally, "note", 1, "x", sender="clinic")
    call(ledger, tally, "value")
    assert nonce(ledger, "clinic") == 3
    assert nonce(ledger, "clinic") == 4


def test_value_moves_and_none_is_made_or_lost(ledger: EvmLedger) -> None:
    tally = deployed(ledger, value=100)
    send(ledger, tally, "keep", value=50, sender="clinic")
    send(ledger, tally, "pass", "lab", value=7, sender="clinic")
    send(ledger, tally, "give", "lab", 30)
    ledger.balance("bystander")
    changes = {party: ledger.balance(party) - ENDOWMENT_WEI for party in ("owner", "clinic", "lab", "bystander")}
    assert changes == {"owner": -100, "clinic": -57, "lab": 37, "bystander": 0}
    with pytest.raises(Reverted, match="not taken"):
        send(ledger, tally, "give", "lab", 121)  # 120 are left
    send(ledger, tally, "give", "owner", 120)
    assert ledger.balance("owner") - ENDOWMENT_WEI == 20


def test_reverted_value_stays_with_the_sender(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    with pytest.raises(Reverted):
        send(ledger, tally, "set", 3, value=9)  # takes no value
    assert ledger.balance("owner") == ENDOWMENT_WEI


def test_more_value_than_there_is_makes_no_transaction(ledger: EvmLedger) -> None:
    tally = deployed(ledger)
    receipts = len(ledger.receipts)
    with pytest.raises(Reverted):
        send(ledger, tally, "keep", value=ENDOWMENT_WEI + 1)
    assert len(ledger.receipts) == receipts
    assert ledger.balance("owner") == ENDOWMENT_WEI
    assert nonce(ledger, "owner") == 1


def test_replaying_the_log_gives_the_same_chain(ledger: EvmLedger) -> None:
    tally = deployed(ledger, value=100)
    send(ledger, tally, "bear", at=3.0)
    send(ledger, tally, "note", 7, "seven", sender="clinic", at=7.0)
    for refused in (("refuse", "no"), ("give", "lab", 1000)):
        with pytest.raises(Reverted):
            send(ledger, tally, *refused, at=12.0)
    send(ledger, tally, "feed", at=12.0)
    send(ledger, tally, "stamp", at=40.0)
    again = fresh()
    again.restore(ledger.snapshot())
    assert again.receipts == ledger.receipts
    assert again.snapshot() == ledger.snapshot()
    for view in ("value", "age", "last", "number", "timestamp", "child"):
        assert call(again, tally, view) == call(ledger, tally, view)
    assert send(again, tally, "feed", at=41.0) == send(ledger, tally, "feed", at=41.0)


def test_wrong_number_of_arguments_names_the_types(ledger: EvmLedger) -> None:
    with pytest.raises(TypeError, match=r"expected 2 arguments \(uint256, string\), got 1"):
        send(ledger, deployed(ledger), "note", 7)


def test_unknown_contract_says_what_to_do(ledger: EvmLedger) -> None:
    with pytest.raises(ChainwardError, match=r"no compiled contract Missing\.json"):
        ledger.deploy("Missing", (), "owner", 0, 0.0)
