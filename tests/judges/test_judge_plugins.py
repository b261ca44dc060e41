"""A judge of another package: found by its entry point, checked as ours are, and asked for a verdict."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from judged import asked_for, claim_of, judged, part, trial, verdict

from chainward import plugins
from chainward.errors import ChainwardError
from chainward.judges import JUDGES, NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, checked_claims, rules
from chainward.strategy import discovery

JUDGE = """
from chainward.judges import Evidence, Finding, Unjudgeable, decided

def frugal(evidence: Evidence, *, most: int, quantity: str = "gas") -> Finding:
    spent = sum(entry.gas for record in evidence.records for entry in record.rounds)
    if quantity != "gas":
        raise Unjudgeable(f"no trial tells {quantity}")
    return decided(spent <= most, False, f"{spent} gas", evidence.records)

number = 7
"""
TOML = """\
[[claim]]
key = "one"
claim = "It is frugal."
tier = "T1"
reproduced = "at most 600 gas"
partly = ""

[claim.judge]
name = "frugal"
most = 600

[[claim.trials]]
tasks = ["heart"]
strategies = ["bflc"]
attacks = ["none"]
rounds = 2
track = "common"
seeds = 1
"""


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with a judge, one that cannot be imported, one that is no function, and one of a name of ours."""
    module = ModuleType("their_judges")
    exec(JUDGE, vars(module))
    monkeypatch.setitem(sys.modules, "their_judges", module)
    named = {"frugal": "frugal", "broken": "gone", "number": "number", "equals": "frugal"}
    entries = [EntryPoint(name, f"their_judges:{value}", rules.GROUP) for name, value in named.items()]
    monkeypatch.setattr(plugins, "entry_points", EntryPoints(entries).select)


@pytest.mark.parametrize(("most", "expected"), [(600, REPRODUCED), (599, NOT_REPRODUCED)])
def test_is_asked_for_a_verdict(most: int, expected: str) -> None:
    found = judged("bflc", claim_of({"name": "frugal", "most": most}, part("bflc")))
    assert (found["verdict"], found["found"], len(found["records"])) == (expected, "600 gas", 1)


def test_may_say_that_it_cannot_judge() -> None:
    found = judged("bflc", claim_of({"name": "frugal", "most": 1, "quantity": "time"}, part("bflc")))
    assert (found["verdict"], found["why"]) == (NOT_TESTABLE, "no trial tells time")


def test_comes_after_ours_and_takes_no_name_of_ours() -> None:
    assert rules.names() == (*JUDGES, "broken", "frugal", "number")
    assert rules.load("equals") is JUDGES["equals"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", ""),
        ('"frugal"', '"frugle"', "judge.name: no judge is called 'frugle'; there is .*, frugal, number"),
        ('"frugal"', '"broken"', "judge.name: judge 'broken' of their_judges:gone cannot be imported"),
        ('"frugal"', '"number"', "judge.name: judge 'number' is no function"),
        ("most = 600", "", "judge: frugal needs 'most'"),
        ("most = 600", 'most = "600"', "judge.most: .* integer"),
        ("most = 600", "most = 600\nleast = 1", "judge: frugal takes no 'least'; it takes most, quantity"),
    ],
)
def test_its_arguments_are_checked_as_those_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, told: str
) -> None:
    monkeypatch.setattr(discovery, "source", lambda kind: tmp_path / "bflc.py")
    (tmp_path / "bflc.toml").write_text(TOML.replace(old, new) if old else TOML, encoding="utf-8")
    kind: Any = discovery.load("bflc")
    if not told:
        assert [claim.judge for claim in checked_claims(kind)] == ["frugal"]
        return
    with pytest.raises(ChainwardError, match=f"^bflc.toml: claim 'one': {told}"):
        checked_claims(kind)


def test_a_report_is_written_where_the_package_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claim_of({"name": "frugal", "most": 600}, part("bflc"))
    trials = [trial(one) for one in asked_for(claim)]
    monkeypatch.setattr(plugins, "entry_points", EntryPoints().select)
    found = verdict("bflc", claim, trials)
    assert found["verdict"] == NOT_TESTABLE
    assert found["why"].startswith("no judge is called 'frugal'; there is ")
