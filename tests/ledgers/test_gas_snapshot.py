"""A change of what a contract costs is a diff in review: the committed snapshot is what the contracts cost now."""

from chainward.ledgers import snapshot
from chainward.strategy import discovery
from chainward.trials import gas


def test_every_contract_function_costs_what_the_snapshot_says() -> None:
    assert gas.differences(snapshot.read(), gas.measure(discovery.keys())) == []


def test_a_dearer_a_new_and_a_dropped_function_are_each_reported() -> None:
    row = {"contract": "C", "function": "f", "calls": 2, "min": 1000, "median": 1000.0, "max": 1000}
    assert gas.differences([row], [row]) == []
    assert gas.differences([row], [{**row, "max": 1010}]) == ["C.f: max 1000 -> 1010"]
    assert gas.differences([row], [{**row, "calls": 3}]) == ["C.f: calls 2 -> 3"]
    assert gas.differences([row], []) == ["C.f: no longer called"]
    assert gas.differences([], [row]) == ["C.f: not in the snapshot"]


def test_the_snapshot_reads_what_it_writes() -> None:
    rows = snapshot.read()
    assert rows
    header, *lines = snapshot.text(rows).splitlines()
    assert header.startswith("#")
    assert len(lines) == len(rows)
