"""Gas as on a Cancun node, each transaction by itself, against arithmetic done by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_assembled import COLD_SLOT, CREATION, OTHER_BYTE, TRANSACTION, ZERO_BYTE, calldata_gas, write

from chainward.ledgers.consensus import Periodic
from chainward.ledgers.evm import EvmLedger
from chainward.ledgers.fees import floor_gas
from chainward.world import Receipt

# PUSH1 4, CALLDATALOAD, PUSH1 0, SSTORE, STOP: three opcodes of 3 gas, then the write.
CELL, READING = "60043560005500", 9
SET, RESET, SAME, REFUND = 20_000, 2_900, 100, 4_800
SELECTOR_OF_SET = 4 * OTHER_BYTE  # 60fe47b1


@pytest.fixture
def ledger(tmp_path: Path) -> EvmLedger:
    write(tmp_path, "Cell", CELL, "set", "uint256")
    # The argument into slots 0 to 9: PUSH1 4, CALLDATALOAD, then DUP1, PUSH1 slot, SSTORE each.
    write(tmp_path, "Row", "600435" + "".join(f"8060{slot:02x}55" for slot in range(10)) + "00", "set", "uint256")
    write(tmp_path, "Nothing", "00", "take", "uint256", "uint256", "uint256")
    return EvmLedger(Periodic(), (tmp_path,))


def deployed(ledger: EvmLedger, contract: str) -> str:
    return ledger.deploy(contract, (), "owner", 0, 0.0).address


def sent(ledger: EvmLedger, address: str, value: int) -> Receipt:
    return ledger.send(address, "set", (value,), "owner", 0, 0.0)


def argument(value: int) -> int:
    return calldata_gas(value.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("before", "after", "write_gas", "refund"),
    [
        (0, 5, COLD_SLOT + SET, 0),
        (5, 6, COLD_SLOT + RESET, 0),
        (5, 5, COLD_SLOT + SAME, 0),
        (0, 0, COLD_SLOT + SAME, 0),
        (5, 0, COLD_SLOT + RESET, REFUND),
    ],
)
def test_cold_write(ledger: EvmLedger, before: int, after: int, write_gas: int, refund: int) -> None:
    cell = deployed(ledger, "Cell")
    sent(ledger, cell, before)
    gas = TRANSACTION + SELECTOR_OF_SET + argument(after) + READING + write_gas - refund
    assert sent(ledger, cell, after).gas == gas


def test_every_transaction_finds_its_slots_cold(ledger: EvmLedger) -> None:
    """Not the warm price from the second on, and not measured against the value before the first."""
    cell = deployed(ledger, "Cell")
    base = TRANSACTION + SELECTOR_OF_SET + READING + COLD_SLOT
    gas = [sent(ledger, cell, value).gas - argument(value) - base for value in (5, 5, 5, 6, 0, 0, 7)]
    assert gas == [SET, SAME, SAME, RESET, RESET - REFUND, SAME, SET]


def test_price_does_not_depend_on_who_wrote_before(ledger: EvmLedger) -> None:
    first, second = deployed(ledger, "Cell"), deployed(ledger, "Cell")
    alone = sent(ledger, first, 5).gas
    assert ledger.send(second, "set", (5,), "another", 0, 0.0).gas == alone


def test_reading_does_not_warm(ledger: EvmLedger) -> None:
    cell = deployed(ledger, "Cell")
    sent(ledger, cell, 5)
    alone = sent(ledger, cell, 5).gas
    ledger.balance("owner")
    ledger.account("another")
    assert sent(ledger, cell, 5).gas == alone


def test_refund_is_capped_at_a_fifth(ledger: EvmLedger) -> None:
    row = deployed(ledger, "Row")
    sent(ledger, row, 5)
    # PUSH1, CALLDATALOAD; ten times DUP1, PUSH1 and a cold reset. 48,000 would be refunded.
    spent = TRANSACTION + SELECTOR_OF_SET + argument(0) + 6 + 10 * (6 + COLD_SLOT + RESET)
    assert spent // 5 < 10 * REFUND
    assert sent(ledger, row, 0).gas == spent - spent // 5


def test_creation(ledger: EvmLedger, tmp_path: Path) -> None:
    code = write(tmp_path, "Cell", CELL, "set", "uint256")
    # 5 opcodes of 3 or 2 gas, 3 a copied word, 3 a word of memory; 2 a word of creation code; 200 a byte kept.
    execution = 3 + 3 + 3 + 2 + 3 + 3 + 3 + 2
    gas = TRANSACTION + CREATION + calldata_gas(code) + 2 * 1 + execution + 200 * 7
    assert len(code) == 16
    assert ledger.deploy("Cell", (), "owner", 0, 0.0).gas == gas


def test_fork_is_cancun(ledger: EvmLedger) -> None:
    """100 non-zero bytes to code that does nothing: 22,600; under Prague the floor would make it 25,000."""
    ones = int.from_bytes(b"\1" * 32, "big")
    receipt = ledger.send(deployed(ledger, "Nothing"), "take", (ones,) * 3, "owner", 0, 0.0)
    assert receipt.size == 100
    assert receipt.gas == TRANSACTION + 100 * OTHER_BYTE == 22_600
    assert receipt.floor == 25_000


def test_zero_bytes_of_calldata_are_cheaper(ledger: EvmLedger) -> None:
    receipt = ledger.send(deployed(ledger, "Nothing"), "take", (0, 0, 0), "owner", 0, 0.0)
    assert receipt.gas == TRANSACTION + 4 * OTHER_BYTE + 96 * ZERO_BYTE


@pytest.mark.parametrize(
    ("calldata", "floor"),
    [
        (b"", 21_000),
        (b"\0", 21_010),
        (b"\1", 21_040),
        (b"\0\0\0\1\2", 21_110),
        (b"\xff" * 100, 25_000),
        (bytes(1000), 31_000),
    ],
)
def test_floor_of_eip_7623(calldata: bytes, floor: int) -> None:
    assert floor_gas(calldata) == floor


def test_floor_is_what_costs_more(ledger: EvmLedger) -> None:
    """A write costs more than its calldata's floor, a long argument to no effect costs less."""
    write_receipt = sent(ledger, deployed(ledger, "Cell"), 5)
    assert write_receipt.floor == write_receipt.gas
    idle = ledger.send(deployed(ledger, "Nothing"), "take", (2**256 - 1,) * 3, "owner", 0, 0.0)
    assert idle.floor == 25_000 > idle.gas
