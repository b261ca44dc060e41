"""Words decoded without the library are what the library says."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from chainward.ledgers.artifacts import decoded

WORDS = {
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}"),
    "bytes32": st.binary(min_size=32, max_size=32),
    "uint256": st.integers(0, 2**256 - 1),
}
OTHERS = {"bool": st.booleans(), "string": st.text(max_size=40), "uint256[]": st.lists(st.integers(0, 9), max_size=3)}


@given(st.data(), st.lists(st.sampled_from([*WORDS, *OTHERS]), max_size=6))
def test_decoding_is_the_librarys(data: st.DataObject, kinds: list[str]) -> None:
    values = [data.draw((WORDS | OTHERS)[kind]) for kind in kinds]
    encoded = encode(kinds, values)
    assert decoded(kinds, encoded) == decode(kinds, encoded)


@pytest.mark.parametrize("cut", [1, 31, 32])
def test_what_is_too_short_is_refused(cut: int) -> None:
    kinds: list[Any] = ["uint256", "address"]
    with pytest.raises(Exception, match="Tried to read 32 bytes"):
        decoded(kinds, encode(kinds, [1, "0x" + 40 * "1"])[:-cut])
