"""Whatever is encoded comes back as it was, and equal values have equal bytes."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainward import codec
from chainward.world import Kind, Update

DTYPES = ("<f4", "<f8", "<i4", "<i8", "|u1", "<u8")

arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
values = st.recursive(
    scalars | arrays,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal in type and content; -0.0 is not 0.0, and NaN is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return repr(one) == repr(other)


@given(values)
def test_round_trip(value: Any) -> None:
    data = codec.encode(value)
    assert same(codec.decode(data), value)
    assert codec.encode(codec.decode(data)) == data
    assert codec.size(value) == len(data)


@given(st.dictionaries(st.text(max_size=5), scalars, max_size=6), st.randoms())
def test_bytes_do_not_depend_on_the_order_of_a_mapping(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert codec.encode(dict(items)) == codec.encode(value)


@given(arrays)
def test_bytes_do_not_depend_on_the_layout_of_an_array(array: npt.NDArray[Any]) -> None:
    assert codec.encode(np.array(array, order="F")) == codec.encode(array)


def test_views_are_encoded_by_their_content() -> None:
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert same(codec.decode(codec.encode(table[::2, 1:3])), np.array([[1, 2], [9, 10]], dtype=np.float32))


def test_special_numbers_survive() -> None:
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    assert same(codec.decode(codec.encode(array)), array)
    for number in (float("nan"), float("inf"), -0.0, 0.1, 2**70, -(2**70)):
        assert same(codec.decode(codec.encode(number)), number)


def test_sequences_come_back_as_tuples() -> None:
    assert codec.decode(codec.encode([1, [2, (3,)]])) == (1, (2, (3,)))
    assert codec.decode(codec.encode(Update(np.ones(2, np.float32), 3, 0.5)))[1:] == (3, 0.5)


def test_dataclasses_come_back_as_mappings_of_their_fields() -> None:
    @dataclass(frozen=True)
    class Point:
        x: float
        name: str

    assert codec.decode(codec.encode((Point(0.5, "a"),))) == ({"x": 0.5, "name": "a"},)
    assert codec.fields(Point(0.5, "a")) == {"x": 0.5, "name": "a"}


def test_words_and_numbers_of_libraries_are_plain() -> None:
    assert codec.decode(codec.encode(Kind.UPDATE)) == "individual update"
    assert codec.encode(np.float64(0.5)) == codec.encode(0.5)
    assert codec.encode(np.int64(7)) == codec.encode(7)
    assert codec.encode(np.bool_(True)) == codec.encode(True)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (np.ones(2, dtype=np.float16), "float16"),
        (np.ones(2, dtype=bool), "bool"),
        (np.ones(2, dtype=">f8"), "canonical"),
        (np.array(["a"]), "canonical"),
        (object(), "object"),
        (lambda: None, "function"),
        (Update, "type"),
        ({"deep": (1, [object()])}, "object"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        codec.encode(value)


def test_read_only_mappings_are_mappings() -> None:
    assert codec.encode(MappingProxyType({"a": 1})) == codec.encode({"a": 1})


def test_floats_are_little_endian_typed_arrays() -> None:
    """RFC 8746: tag 40 over [shape, tag 85 over the bytes] for float32."""
    plain = cbor2.loads(codec.encode(np.array([[1.0, 2.0]], dtype=np.float32)))
    assert (plain.tag, list(plain.value[0]), plain.value[1].tag) == (40, [1, 2], 85)
    assert plain.value[1].value == np.array([1.0, 2.0], dtype="<f4").tobytes()
