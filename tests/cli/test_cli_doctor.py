from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from chainward import tasks
from chainward.cli import checks
from chainward.ledgers import snapshot
from chainward.strategy import discovery


def examined(chainward) -> tuple[int, bool, dict[str, tuple[str, str]]]:
    """Exit code, whether all is well, and status and detail of each check."""
    told = chainward("doctor", "--json")
    found = json.loads(told.out)
    return told.code, found["sound"], {row["check"]: (row["status"], row["detail"]) for row in found["checks"]}


def test_all_that_a_plain_run_needs_is_here(chainward) -> None:
    code, sound, found = examined(chainward)
    assert (code, sound) == (0, True), found
    needed = ("python", "packages", "device", "evm", "strategies", "reports")
    assert [found[name][0] for name in needed] == ["ok"] * len(needed)
    assert f"torch {version('torch')}" in found["packages"][1]
    assert found["strategies"][1].split(", ") == list(discovery.keys())
    assert {f"task {key}" for key in tasks.names()} <= set(found)
    assert {"extra flower", "extra brownie", "extra ray", "commit", "browser", "gas snapshot"} <= set(found)


def test_table_has_a_line_a_check(chainward) -> None:
    told = chainward("doctor").out
    assert all(name in told for name in ("python", "packages", "evm", "strategies", "reports"))


def test_evm_is_told_apart_by_what_it_executes(monkeypatch) -> None:
    assert checks.fork() == "Cancun"
    monkeypatch.setitem(checks._PROBE, "bytecode", "0x67" + "5f0c5f5260205ff3" + "5f5260086018f3")
    assert checks.fork() == "older than Cancun"
    monkeypatch.setitem(checks._PROBE, "bytecode", "0x67" + "5f5c5f5260205ff3" + "5f5260086018f3")
    monkeypatch.setattr("chainward.ledgers.evm.floor_gas", lambda data: 0)
    assert checks.fork() == "newer than Cancun"


def test_absent_data_extras_snapshot_commit_and_browser_are_notes(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("chainward.tasks.sources.folder", lambda: tmp_path)
    monkeypatch.setattr(snapshot, "GAS_SNAPSHOT", tmp_path / "none")
    monkeypatch.setattr("chainward.results.provenance._commit", lambda: None)
    found_version = checks._version
    monkeypatch.setattr(checks, "_version", lambda name: None if name == "flwr" else found_version(name))
    code, sound, found = examined(chainward)
    assert (code, sound) == (0, True), found
    notes = ("task edin", "extra flower", "gas snapshot", "commit", "browser")
    assert [found[name][0] for name in notes] == ["note"] * len(notes)
    assert "pip install 'chainward[flower]'" in found["extra flower"][1]
    assert "chainward data get explorer" in found["task edin"][1]


def test_a_strategy_without_its_contract_is_missing_and_named(chainward, strategy_package) -> None:
    strategy_package("hollow", 'card = replace(FedAvg.card, key="hollow", contracts=("Hollow",))')
    code, sound, found = examined(chainward)
    assert (code, sound) == (1, False)
    assert found["strategy hollow"] == (
        "missing",
        "ChainwardError: no compiled contract Hollow.json; run `make contracts`",
    )
    assert found["strategies"][0] == "ok"


@pytest.mark.parametrize("has", [None, "0.1"])
def test_a_package_out_of_range_is_missing_and_named(has: str | None, chainward, monkeypatch) -> None:
    found_version = checks._version
    monkeypatch.setattr(checks, "_version", lambda name: has if name == "torch" else found_version(name))
    code, _, found = examined(chainward)
    assert code == 1
    assert found["torch"][0] == "missing"
    assert "pip install 'torch" in found["torch"][1]


def test_data_that_were_changed_are_missing(tmp_path: Path, chainward, monkeypatch) -> None:
    (tmp_path / "explorer").mkdir()
    for part in ("train_1", "train_2", "test_1", "test_2"):
        (tmp_path / "explorer" / f"ca_{part}.txt").write_text("1 2 3\n")
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    code, _, found = examined(chainward)
    assert code == 1
    assert found["task ca"][0] == "missing"
    assert "SHA-256" in found["task ca"][1]


def test_a_folder_for_reports_that_cannot_be_written(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").touch()
    code, _, found = examined(chainward)
    assert code == 1
    assert found["reports"][0] == "missing"
    assert "--out" in found["reports"][1]


def test_a_check_that_breaks_is_a_finding(chainward, monkeypatch) -> None:
    monkeypatch.setattr("chainward.ledgers.build", lambda *_: 1 / 0)
    code, _, found = examined(chainward)
    assert code == 1
    assert found["evm"] == ("missing", "ZeroDivisionError: division by zero")
