"""`chainward run --claims`: the trials that papers' claims ask for, without a plan of one's own."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from chainward.judges import rules
from chainward.results import store


def test_the_claims_of_a_paper_are_run_and_judged(tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = tmp_path / "report"
    told = chainward("run", "--claims", "explorer_chain", "--seeds", "1", "--out", out)
    assert told.code == 0, told
    records = store.read_all(out)
    assert {record.specification.strategy for record in records} == {"explorer_chain", "explorer_pooled"}
    assert {record.specification.task for record in records} == {"heart"}
    with (out / "claims.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    assert rows["edin-auc"]["verdict"] == "not testable here"
    assert rows["edin-auc"]["why"].endswith("; `chainward run --claims explorer_chain` gathers what is missing")
    assert len({row["rule_digest"] for row in rows.values()}) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name one PLAN, or --claims"),
        (("one.toml", "two.toml"), "name one PLAN, or --claims"),
        (("--claims", "fedavg"), "fedavg claims nothing that trials decide"),
        (("--claims", "bflk"), "did you mean 'bflc'"),
        (("--claims", "bflc", "--rounds", "0"), "claims: .*rounds"),
    ],
)
def test_mistakes_are_refused(chainward, arguments: tuple[str, ...], told: str) -> None:
    found = chainward("run", *arguments)
    assert found.code == 2
    assert re.search(told, found.err), found.err


def test_a_rule_that_cannot_be_judged_is_refused_before_the_first_trial(
    tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "JUDGES", {})
    out = tmp_path / "report"
    found = chainward("run", "--claims", "bflc", "--out", out)
    assert found.code == 2
    assert "bflc.toml: claim 'withstands-attackers': judge.name: no judge is called 'robust_to_attack'" in found.err
    assert not out.exists()
