"""A record is read exactly as it was written, or refused in one line."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_records import ended, entry, failed, specified

from chainward.folders import CHECKOUT
from chainward.results import store
from chainward.results.document import Unsound, decode, encode, seal, unseal
from chainward.results.record import Completed, Inclusion, Record, rounds_adapter
from chainward.results.rounds import DisclosureRow, Rounds
from chainward.results.schema import schema
from chainward.world import Audience

FINITE = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=4)
VALUES = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=3), PLAIN, max_size=2)
DISCLOSED = DisclosureRow("scores", "everyone", 1, 8)
SECONDS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(blacklist_categories=["Cs"]), max_size=5)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Completed and failed trials with fields of all kinds; counts of things are small, so that draws are alike."""
    specification = specified(
        params={name: draw(PLAIN) for name in ("a", "b")}, seed=draw(st.integers(0, 9)), faults={"absent": {"x": [1]}}
    )
    if draw(st.booleans()):
        return failed(specification, draw(NAMES)).record
    parts = [draw(SECONDS) for _ in range(2)]
    rounds = Rounds.of(
        entry(
            number,
            draw(st.integers(0, 2**70)),
            {"compute": parts[0], "network": parts[1]},
            validation_auroc=draw(st.none() | FINITE),
            missing=(draw(NAMES),),
            unreadable=(draw(NAMES),),
            audience=draw(st.sampled_from(Audience)),
        )
        for number in (1, 2)
    )
    measured = ended().record.measured
    return ended(
        specification,
        rounds=rounds,
        numbers={draw(NAMES): draw(st.integers() | FINITE)},
        outcomes={"paid": {draw(NAMES): draw(FINITE)}},
        measured=replace(measured, inclusion_s=draw(st.none() | st.builds(Inclusion, FINITE, FINITE))),
    ).record


@given(records())
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    data = store.to_bytes(record)
    again = store.from_bytes(data)
    assert again == record
    assert store.to_bytes(again) == data


@given(records().filter(lambda record: record.status == "completed"))
def test_rounds_survive_a_checkpoint(record: Completed) -> None:
    assert decode(rounds_adapter(), encode(rounds_adapter(), record.entries)) == record.entries


def test_rounds_come_out_of_their_columns_as_they_went_in() -> None:
    rounds = [entry(number, gas=number, disclosures=(DISCLOSED,) * number) for number in (1, 2, 3)]
    columns = Rounds.of(rounds)
    assert [*columns] == rounds
    assert (len(columns), columns.gas, columns.disclosures.round) == (3, (1, 2, 3), (1, 2, 2, 3, 3, 3))
    assert [*Rounds.of([])] == []


# --- mutations -----------------------------------------------------------------------------------

WHOLE = ended(specified(params={"weighted": False}), outcomes={"paid": {"north": 1.5}})
DOCUMENT = json.loads(unseal(store.to_bytes(WHOLE.record)))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


def mutated(path: tuple[Any, ...], change: str, value: Any) -> Any:
    """The document with what is at a place deleted, put into something, or replaced by a value."""
    whole = [copy.deepcopy(DOCUMENT)]
    parent: Any = whole
    *above, last = (0, *path)
    for key in above:
        parent = parent[key]
    if change == "delete":
        del parent[last]
    elif change == "insert" and isinstance(parent[last], dict):
        parent[last]["inserted"] = value
    elif change == "insert" and isinstance(parent[last], list):
        parent[last].append(value)
    elif change == "wrap":
        parent[last] = [parent[last]]
    elif change == "nest":
        parent[last] = nested(parent[last], value if isinstance(value, int) and 0 < value < 400 else 250)
    else:
        parent[last] = value
    return whole[0] if whole else None


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = {"deeper": value}
    return value


@given(
    st.sampled_from([*places(DOCUMENT)]),
    st.sampled_from(["delete", "insert", "replace", "wrap", "nest"]),
    VALUES | st.sampled_from([float("nan"), float("inf"), 10**400, 1, 190, 300]),
)
def test_what_is_not_exactly_a_record_is_refused_in_one_line(path: tuple[Any, ...], change: str, value: Any) -> None:
    """Somebody who renews the digest of the content gets in what a record can hold, and nothing else: no field is
    made up, dropped or read as something else. The specification cannot be changed at all, since it gives the id; what
    is left out of it is the default, so that the record is equal or has another id."""
    document = mutated(path, change, value)
    data = json.dumps(document).encode()
    record, refusal = read(seal(data) if isinstance(document, dict) else data)
    if record is None:
        assert len(refusal.splitlines()) == 1
    else:
        assert record == WHOLE.record or json.loads(unseal(store.to_bytes(record))) == document
        assert record.specification == WHOLE.record.specification


def read(data: bytes) -> tuple[Record | None, str]:
    """The record, or why there is none."""
    try:
        return store.from_bytes(data), ""
    except Unsound as refusal:
        return None, str(refusal)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_is_found(place: int, flip: int) -> None:
    data = bytearray(store.to_bytes(WHOLE.record))
    data[place % len(data)] ^= flip
    with pytest.raises(Unsound):
        store.from_bytes(bytes(data))


def test_a_parameter_that_is_not_finite_is_refused_also_under_its_own_id() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["specification"]["params"]["mu"] = float("nan")
    parts = {"specification": document["specification"], **document["digests"]}
    document["id"] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    with pytest.raises(Unsound, match="specification: a number is not finite"):
        store.from_bytes(seal(json.dumps(document).encode()))


REFUSED = {
    "a field too many": ((), "insert", 1, "inserted: Unexpected keyword argument"),
    "a field too many deep down": (("rounds", "bytes"), "insert", 1, "rounds.bytes.inserted"),
    "a field missing": (("rounds", "gas"), "delete", None, "rounds.gas: "),
    "a round without its gas": (("rounds", "gas", 0), "delete", None, "rounds: .*columns differ in length"),
    "a disclosure of no round": (("rounds", "disclosures", "round", 0), "replace", 9, "a disclosure is of no round"),
    "text for a number": (("rounds", "gas", 0), "replace", "7", "rounds.gas.0: Input should be a valid integer"),
    "a number for text": (("status",), "replace", 7, "status"),
    "true for a number": (("rounds", "gas", 0), "replace", True, "rounds.gas.0: Input should be a valid integer"),
    "less than nothing": (("rounds", "gas", 0), "replace", -1, "greater than or equal to 0"),
    "no number": (("outcomes", "paid", "north"), "replace", float("nan"), "outcomes.paid.north: .*finite"),
    "an unknown audience": (("facts", "sees_individual_updates"), "replace", "all", "facts.sees_individual_updates"),
    "another schema": (("schema",), "replace", 1, "schema"),
    "another specification": (("specification", "seed"), "replace", 1, "id: is not that of"),
    "a default left out": (("specification", "params"), "delete", None, "id: is not that of"),
    "absurd nesting": (("notes",), "nest", 300, "recursion limit"),
    "line breaks in a key": (("numbers",), "replace", {"a\nb": "x"}, "numbers.a\ufffdb"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_field(case: str) -> None:
    *mutation, words = REFUSED[case]
    with pytest.raises(Unsound, match=words):
        store.from_bytes(seal(json.dumps(mutated(*mutation)).encode()))


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"content":"', b"\xff\xfe", b"null", b'{"content":"' + b"0" * 64]
)
def test_what_has_no_seal_is_no_record(data: bytes) -> None:
    with pytest.raises(Unsound, match="does not begin with the digest"):
        store.from_bytes(data)


# --- in the documentation ------------------------------------------------------------------------


def test_the_schema_in_the_docs_is_the_one_of_the_code() -> None:
    assert (CHECKOUT / "docs" / "record.schema.json").read_text(encoding="utf-8") == schema(), "run `make schema`"
