"""Named streams: the same name, the same numbers, on every machine and in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainward.methods.randomness import stream

labels = st.lists(st.integers(0, 99) | st.text(st.characters(blacklist_characters="\x1f"), max_size=6), max_size=4)


def test_a_stream_is_pinned() -> None:
    """Changing how streams are named changes every result: this is the place to notice."""
    assert stream(0, "hospital 1", "1/fit/1").integers(0, 1000, 5).tolist() == [445, 280, 653, 789, 126]


@given(labels)
def test_equal_names_give_equal_numbers(names: list[object]) -> None:
    assert np.array_equal(stream(*names).random(8), stream(*names).random(8))


@given(labels, labels)
def test_different_names_give_different_numbers(one: list[object], other: list[object]) -> None:
    if "\x1f".join(map(str, one)) != "\x1f".join(map(str, other)):
        assert not np.array_equal(stream(*one).random(8), stream(*other).random(8))


@pytest.mark.parametrize(("one", "other"), [(("a", "b"), ("b", "a")), (("ab",), ("a", "b")), ((1, 23), (12, 3))])
def test_names_do_not_run_together(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert stream(*one).random() != stream(*other).random()


def test_drawing_from_one_stream_leaves_the_others_alone() -> None:
    expected = stream("b").random(4)
    stream("a").random(1000)
    assert np.array_equal(stream("b").random(4), expected)


def test_streams_are_uncorrelated() -> None:
    one, other = (stream(0, f"hospital {number}").standard_normal(20_000) for number in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
