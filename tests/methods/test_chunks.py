"""A model in chunks: layout, distances, transactions."""

from __future__ import annotations

import numpy as np
import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods import chunks
from chainward.methods.chunks import Layout
from chainward.methods.packing import from_slots, joined, packed, to_slots


@pytest.mark.parametrize(("weights", "slots", "expected"), [(193, 4, 7), (16, 1, 2), (17, 1, 3), (1, 1, 1), (64, 8, 1)])
def test_layouts(weights: int, slots: int, expected: int) -> None:
    layout = Layout(weights, slots)
    assert layout.chunks == expected == len(layout.cuts) + 1
    parts = layout.cut(packed(np.arange(weights, dtype=np.int32)))
    assert len(parts) == expected
    assert [int.from_bytes(part[:4], "big") for part in parts] == [0, *layout.cuts]


def test_distances_are_rounded_down_and_of_what_stands_on_chain() -> None:
    layout, standing = Layout(9, 1), joined(to_slots([1.0] * 9))
    moved = chunks.moved([1.000003, 1.000004, *[1.0] * 6, 0.0], standing, layout)
    assert moved.distances == (5, 1_000_000)
    assert moved.fit == (True, True)
    assert b"".join(moved.chunks) == joined(to_slots([1.000003, 1.000004, *[1.0] * 6, 0.0]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -3e3])
def test_a_chunk_with_a_number_that_does_not_fit_says_so(bad: float) -> None:
    assert chunks.moved([0.0] * 8 + [bad], bytes(64), Layout(9, 1)).fit == (True, False)


def test_a_commitment_is_to_a_place_and_hashes() -> None:
    hashes = [bytes(32), keccak(b"x")]
    assert chunks.commitment(3, hashes) == keccak(b"\0\3" + b"".join(hashes))
    assert chunks.commitment(3, hashes) != chunks.commitment(4, hashes)


@given(st.integers(0, 2**12 - 1), st.integers(1, 9), st.integers(1, 3))
def test_batches_are_the_chunks_of_the_mask_in_order_within_the_limit(mask: int, most: int, size: int) -> None:
    numbers = [k for k in range(12) if mask >> k & 1]
    data = [bytes([k]) * 32 * size for k in numbers]
    found = list(chunks.batches(mask, data, most))
    assert sum(part for part, _ in found) == mask
    assert joined(number for _, slots in found for number in slots) == b"".join(data)
    assert all(len(slots) <= max(most, size) for _, slots in found)
    assert all(len(one[1]) + size > most for one in found[:-1])


def test_chunks_that_are_missing_are_not_named() -> None:
    assert list(chunks.batches(0b11, [bytes(32)], 9)) == [(1, (0,))]
    assert list(chunks.batches(0b11, [], 9)) == []


def test_weights_come_back_from_slots() -> None:
    weights = [0.25, -1.5, *range(9)]
    assert from_slots(to_slots(weights), 11).tolist() == weights


@pytest.mark.parametrize(("share", "hospitals", "expected"), [(0.5, 5, 2), (0.01, 5, 1), (0.0, 5, 1), (1.0, 600, 255)])
def test_winners_are_at_least_one_and_fit_a_byte(share: float, hospitals: int, expected: int) -> None:
    assert chunks.winners(share, hospitals) == expected


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.1, 1), (0.5, 4), (1.0, 7)])
def test_a_budget_is_rounded_up(share: float, expected: int) -> None:
    assert Layout(193, 4).most_bids(share) == expected
