"""The least gas that published figures are held against, beside what the EVM charges for code made by hand."""

from __future__ import annotations

import pytest
from hand_assembled import calldata_gas, creation_code
from hypothesis import given
from hypothesis import strategies as st

from chainward.audit.chain import least
from chainward.audit.figures import Transaction
from chainward.audit.forks import FORKS
from chainward.ledgers.evm_machine import Machine
from chainward.ledgers.fees import floor_gas

CANCUN, PRAGUE = FORKS["cancun"], FORKS["prague"]
SENDER, NOBODY = "0x" + "11" * 20, "0x" + "22" * 20
INITIAL_WORD = 2  # of EIP-3860, for each word of the code that makes a contract


def said(**done: int) -> Transaction:
    return Transaction(figure="one", quoted="one", gas=1, **done)  # type: ignore[arg-type]


@pytest.fixture
def machine() -> Machine:
    found = Machine()
    found.set_block(1, 1, bytes(32), 30_000_000)
    found.endow(SENDER, 10**20)
    return found


def deployed(machine: Machine, runtime: str) -> str:
    made = machine.run(SENDER, "", creation_code(bytes.fromhex(runtime)), 0, 10_000_000)
    machine.keep()
    return made.address


def gas(machine: Machine, to: str, data: bytes = b"") -> int:
    found = machine.run(SENDER, to, data, 0, 10_000_000)
    machine.keep()
    assert found.failure is None
    return found.gas


def test_bare_transaction(machine: Machine) -> None:
    assert gas(machine, NOBODY) == least(said(), CANCUN)[0] == 21_000


@pytest.mark.parametrize("data", [bytes(32), b"\1" * 32, b"\0\1\2" * 50])
def test_calldata(machine: Machine, data: bytes) -> None:
    nonzero = len(data) - data.count(0)
    assert gas(machine, NOBODY, data) == least(said(calldata=len(data), nonzero=nonzero), CANCUN)[0]


@pytest.mark.parametrize("slots", [1, 2, 7])
def test_new_and_changed_slots(machine: Machine, slots: int) -> None:
    """Calldata's first word into each slot: PUSH0, CALLDATALOAD, then DUP1, PUSH1 slot, SSTORE each."""
    code = "5f35" + "".join(f"8060{slot:02x}55" for slot in range(slots)) + "00"
    address, opcodes = deployed(machine, code), 2 + 3 + slots * (3 + 3)
    word = {"calldata": 32, "nonzero": 1}
    assert gas(machine, address, (1).to_bytes(32, "big")) == least(said(**word, new_slots=slots), CANCUN)[0] + opcodes
    changed = least(said(**word, changed_slots=slots), CANCUN)[0] + opcodes
    assert gas(machine, address, (2).to_bytes(32, "big")) == changed


@pytest.mark.parametrize("topics", range(5))
def test_events(machine: Machine, topics: int) -> None:
    """PUSH1 32, PUSH0 and LOGn, topics before it, which opens one word of memory."""
    address = deployed(machine, "5f" * topics + f"60205f{0xA0 + topics:02x}00")
    opcodes = 2 * topics + 3 + 2 + 3
    assert gas(machine, address) == least(said(logs=1, topics=topics, log_bytes=32), CANCUN)[0] + opcodes


@pytest.mark.parametrize("length", [1, 40, 200])
def test_making_a_contract(machine: Machine, length: int) -> None:
    code = creation_code(bytes([0]) * length)
    made = machine.run(SENDER, "", code, 0, 10_000_000)
    words = -(-length // 32)
    opcodes = 3 + 3 + 3 + 2 + (3 + 3 * words + 3 * words) + 2  # the copy opens memory and moves words
    sent = {"calldata": len(code), "nonzero": len(code) - code.count(0)}
    floor = least(said(creations=1, code_bytes=length, **sent), CANCUN)[0]
    assert made.gas == floor + opcodes + INITIAL_WORD * -(-len(code) // 32)


def test_many_slots_are_cheaper_by_an_access_list() -> None:
    assert CANCUN.cold(12) == 12 * 2_100
    assert CANCUN.cold(100) == 2_400 + 100 * 1_900 < 100 * 2_100


@given(st.binary(max_size=300))
def test_floor_of_calldata(data: bytes) -> None:
    done = said(calldata=len(data), nonzero=len(data) - data.count(0))
    assert least(done, PRAGUE)[0] == max(21_000 + calldata_gas(data), floor_gas(data))
    assert least(done, CANCUN)[0] == 21_000 + calldata_gas(data)


def test_forks_differ_where_their_eips_say() -> None:
    word = said(calldata=32, nonzero=32, new_slots=1)
    found = {name: least(word, fork)[0] for name, fork in FORKS.items()}
    assert found["frontier"] == 21_000 + 32 * 68 + 20_000
    assert found["istanbul"] == 21_000 + 32 * 16 + 20_000
    assert found["berlin"] == found["london"] == found["cancun"] == found["prague"] == 21_000 + 32 * 16 + 22_100
    made = said(creations=1)
    assert [least(made, FORKS[name])[0] for name in ("frontier", "homestead")] == [21_000, 53_000]
