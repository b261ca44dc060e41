"""What slither finds is held against the reasons in contracts/audit/triage.toml; each contract has its invariants."""

from __future__ import annotations

import json
import runpy
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

AUDIT = Path(__file__).parents[1] / "contracts" / "audit"
DEPLOYED = {json.loads(path.read_text())["contract"] for path in (AUDIT.parent / "artifacts").glob("*.json")}
PARTS = {"Crowdsource": "TwoCP"}
"""Contracts that another one makes, with whose invariants they are tried."""


@pytest.fixture(scope="module")
def triage() -> Any:
    return SimpleNamespace(**runpy.run_path(str(AUDIT / "triage.py")))


def element(*names: str) -> dict[str, Any]:
    """An element of slither's report by the names of what it stands in, from the file on."""
    kinds = ("file", "contract", "function", "variable")
    parent = {"type_specific_fields": {"parent": element(*names[:-1])}} if len(names) > 1 else {}
    return {"type": kinds[len(names) - 1], "name": names[-1], **parent}


def report(*found: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    detectors = [{"check": check, "elements": [where]} for check, where in found]
    return {"success": True, "error": None, "results": {"detectors": detectors} if found else {}}


PAY = ("reentrancy", element("F.sol", "F", "pay"))
LOCAL = ("uninitialized-local", element("F.sol", "F", "sum", "total"))
REASONS = {"finding": [{"check": "reentrancy", "where": ["F.pay", "F.pay"], "reason": "no gas"}]}


def test_every_finding_needs_a_reason_and_every_reason_a_finding(triage: Any) -> None:
    excused = triage.reasons(REASONS)
    assert triage.complaints(triage.findings(report(PAY, PAY)), excused) == []
    assert triage.complaints(triage.findings(report(PAY, LOCAL, PAY, PAY)), excused) == [
        "F.pay: reentrancy has no reason in audit/triage.toml",
        "F.sum.total: uninitialized-local has no reason in audit/triage.toml",
    ]
    assert triage.complaints(triage.findings(report(PAY)), excused) == [
        "F.pay: reentrancy is in audit/triage.toml and not found"
    ]
    assert triage.findings(report()) == Counter()


def test_a_reason_is_written(triage: Any) -> None:
    with pytest.raises(SystemExit, match="no reason for reentrancy"):
        triage.reasons({"finding": [{"check": "reentrancy", "where": ["F.pay"], "reason": ""}]})


def test_a_run_that_failed_is_no_clean_bill(triage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no solc"):
        triage.findings({"success": False, "error": "no solc", "results": {}})
    told = SimpleNamespace(stdout="", stderr="no such program")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: told)
    with pytest.raises(SystemExit, match="no such program"):
        triage.main(["build"])


@pytest.mark.parametrize("others", [(), (PAY,)])
def test_what_does_not_match_fails(
    triage: Any, others: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    rows = tomllib.loads((AUDIT / "triage.toml").read_text(encoding="utf-8"))["finding"]
    known = [(row["check"], element("F.sol", *where.split("."))) for row in rows for where in row["where"]]
    told = SimpleNamespace(stdout=json.dumps(report(*known, *others)))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: told)
    if others:
        with pytest.raises(SystemExit):
            triage.main(["build"])
        assert "F.pay: reentrancy has no reason" in capsys.readouterr().out
    else:
        triage.main(["build"])


def test_every_contract_has_invariants() -> None:
    assert {path.name.removesuffix(".t.sol") for path in AUDIT.glob("*.t.sol")} == {
        PARTS.get(contract, contract) for contract in DEPLOYED
    }
