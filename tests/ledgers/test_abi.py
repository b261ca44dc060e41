"""The compiled ABI coding says what eth_abi says, which takes its place where it is not installed."""

from __future__ import annotations

import importlib
import pickle
import sys
from typing import Any

import eth_abi.abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.ledgers import abi
from chainward.ledgers.accounts import Accounts
from chainward.ledgers.artifacts import Artifact, Event
from chainward.ledgers.outcomes import Events

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
VALUES = {
    "address": ADDRESSES,
    "bytes32": st.binary(min_size=32, max_size=32),
    "uint256": st.integers(0, 2**256 - 1),
    "int256": st.integers(-(2**255), 2**255 - 1),
    "uint8": st.integers(0, 255),
    "bool": st.booleans(),
    "string": st.text(max_size=40),
    "bytes": st.binary(max_size=70),
    "uint256[]": st.lists(st.integers(0, 9), max_size=3).map(tuple),
    "address[]": st.lists(ADDRESSES, max_size=3).map(tuple),
    "address[2][]": st.lists(st.tuples(ADDRESSES, ADDRESSES), max_size=2).map(tuple),
    "(address,bool)": st.tuples(ADDRESSES, st.booleans()),
    "uint256[2]": st.tuples(st.integers(0, 9), st.integers(0, 9)),
    "(uint256,bytes32)[]": st.lists(st.tuples(st.integers(0, 9), st.just(bytes(32))), max_size=2).map(tuple),
}


@given(st.data(), st.lists(st.sampled_from(list(VALUES)), max_size=6))
def test_coding_is_that_of_eth_abi(data: st.DataObject, kinds: list[str]) -> None:
    values = tuple(data.draw(VALUES[kind]) for kind in kinds)
    encoded = abi.encode(kinds, values)
    assert encoded == eth_abi.abi.encode(kinds, values)
    assert abi.decode(kinds, encoded) == eth_abi.abi.decode(kinds, encoded) == values


@pytest.mark.parametrize("cut", [1, 31, 32])
def test_what_is_too_short_is_refused(cut: int) -> None:
    kinds: list[Any] = ["uint256", "address"]
    with pytest.raises(Exception, match="Tried to read 32 bytes"):
        abi.decode(kinds, abi.encode(kinds, [1, "0x" + 40 * "1"])[:-cut])


@pytest.mark.parametrize(
    ("kind", "value"),
    [("uint8", 256), ("uint256", -1), ("address", "clinic"), ("address", 1), ("address[]", ["0x1"]), ("uint256", "1")],
)
def test_what_does_not_fit_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(Exception, match=r"Value .* (cannot be encoded|\(-?\w+\))"):
        abi.encode([kind], [value])


def test_eth_abi_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "faster_eth_abi", None)
        importlib.reload(abi)
        assert abi._CODER is eth_abi.abi
    importlib.reload(abi)


def test_a_partys_address_is_coded_from_bytes_as_from_text() -> None:
    accounts = Accounts(lambda party: "0x" + 20 * f"{ord(party):02x}")
    kinds = ("address", "address[]")
    parties, texts = ("a", ["b", "a"]), (accounts.of("a"), [accounts.of("b"), accounts.of("a")])
    assert abi.encode(kinds, accounts.addressed(kinds, parties)) == abi.encode(kinds, texts)
    assert abi.encode(kinds, accounts.addressed(kinds, texts)) == abi.encode(kinds, texts)


# --- events, decoded when looked at --------------------------------------------------------------

SIGNATURE, EMITTER, WHO = b"\7" * 32, "0x" + 40 * "e", "0x" + 40 * "1"
PAID = Event("Paid", (("amount", "uint256", False), ("who", "address", True), ("note", "string", False)))
EXPECTED = (("Paid", {"amount": 5, "who": "clinic", "note": "thanks"}),)


@pytest.fixture
def events() -> Events:
    accounts = Accounts(lambda _: WHO)
    accounts.of("clinic")
    contracts = {EMITTER: Artifact("Till", b"", (), {}, {SIGNATURE: PAID})}
    log = (EMITTER.upper().replace("X", "x"), (SIGNATURE, bytes.fromhex(f"{WHO[2:]:0>64}")), _data(5, "thanks"))
    return Events([log], contracts, accounts)


def _data(amount: int, note: str) -> bytes:
    return abi.encode(["uint256", "string"], [amount, note])


def test_events_are_a_tuple_to_who_looks(events: Events) -> None:
    assert events == EXPECTED
    assert events != ()
    assert list(events) == list(EXPECTED)
    assert (len(events), events[0], events[-1:]) == (1, EXPECTED[0], EXPECTED)
    assert repr(events) == repr(EXPECTED)
    assert list(events[0][1]) == ["amount", "who", "note"]  # in the order of the event


def test_events_are_pickled_decoded(events: Events) -> None:
    again = pickle.loads(pickle.dumps(events))
    assert type(again) is tuple
    assert again == EXPECTED


def test_nothing_is_decoded_before(events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "decode", lambda kinds, data: pytest.fail("decoded"))
    assert len(events) == 1
    monkeypatch.undo()
    assert events == EXPECTED
