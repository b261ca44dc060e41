"""`chainward run --claims`: the trials that papers' claims ask for, without a plan of one's own."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from chainward.plans.claims import SETTING
from chainward.results import store
from chainward.strategy import discovery


def test_the_claims_of_a_paper_are_run_and_judged(tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = tmp_path / "report"
    told = chainward("run", "--claims", "explorer_chain", "--seeds", "1", "--in-process", "--out", out)
    assert told.code == 0, told
    records = store.read_all(out)
    assert {record.specification.strategy for record in records} == {"explorer_chain", "explorer_pooled"}
    assert {record.specification.task for record in records} == {"heart"}
    rows = table(out)
    assert {row["verdict"] for row in rows.values()} == {"not testable here"}
    assert rows["edin-auc"]["why"].endswith("; `chainward run --claims explorer_chain` gathers what is missing")
    assert rows["like-central-learning"]["why"].startswith("this report holds 1 of 5 seeds of explorer_chain on heart")
    assert rows["like-central-learning-2"]["why"].startswith(
        "this report holds 1 of 5 seeds of explorer_chain on heart"
    )
    assert "a part of the plan is left out: IST_corrected.csv not found: run `chainward data get stroke`" in " ".join(
        told.err.split()
    )
    assert len({row["rule_digest"] for row in rows.values()}) == len(rows)
    page, printed = (out / "index.html").read_text(encoding="utf-8"), " ".join(told.out.split())
    assert "first rule: the authors" in page
    assert "first rule: the authors" in printed


SMALL = """\
[[claim]]
key = "one-round"
claim = "It takes one round."
tier = "T1"
identity = "it is told to"
reproduced = "it does"
partly = ""

[claim.judge]
name = "equals"
statistic = "rounds_used"
quoted = 1

[[claim.trials]]
tasks = ["heart"]
strategies = ["bflc"]
attacks = ["none"]
rounds = 1
track = "common"
seeds = 2
"""


def test_what_decides_a_claim_stands_beside_its_verdict(
    tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "source", lambda kind: tmp_path / f"{kind.card.key}.py")
    (tmp_path / "bflc.toml").write_text(SMALL, encoding="utf-8")
    told = chainward("run", "--claims", "bflc", "--in-process", "--out", tmp_path / "report")
    assert told.code == 0, told
    row = table(tmp_path / "report")["one-round"]
    assert (row["verdict"], row["found"], row["identity"]) == ("reproduced", "1 against 1", "it is told to")
    for record in store.read_all(tmp_path / "report"):
        assert record.id in row["records"]
    assert "identity: it is told to" in told.out


def table(out: Path) -> dict[str, dict[str, str]]:
    """The claims of a report by their keys."""
    with (out / "claims.csv").open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def test_a_smaller_setting_than_that_of_a_rule_decides_nothing(tmp_path: Path, chainward) -> None:
    """One round in place of thirty, as an option of the command; every trial runs, and none is evidence."""
    out = tmp_path / "report"
    small = ("--task", "heart", "--rounds", "1", "--seeds", "1", "--in-process")
    told = chainward("run", "--claims", "blockfl", *small, "--out", out)
    assert told.code == 0, told
    rows = table(out)
    assert {row["verdict"] for row in rows.values()} == {"not testable here"}
    why = "this report holds 0 of 5 seeds of blockfl on heart, 30 rounds, track common"
    assert rows["accuracy-like-vanilla"]["why"].startswith(why)
    assert rows["accuracy-like-vanilla"]["identity"].startswith("the chain does not touch the weights here")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name one PLAN, or a --task, or --claims"),
        (("one.toml", "two.toml"), "name one PLAN, or a --task, or --claims"),
        (("--claims", "fedavg"), "fedavg claims nothing that trials decide"),
        (("--claims", "bflk"), "did you mean 'bflc'"),
        (("--claims", "bflc", "--rounds", "0"), "claims: .*rounds"),
    ],
)
def test_mistakes_are_refused(chainward, arguments: tuple[str, ...], told: str) -> None:
    found = chainward("run", *arguments)
    assert found.code == 2
    assert re.search(told, found.err), found.err


WRONG = [
    ('name = "robust_to_attack"', 'name = "robust"', "judge.name: no judge is called 'robust'; there is "),
    ("drop = 0.03\n", "", "judge: robust_to_attack needs 'drop'"),
    ("drop = 0.03\n", 'drop = "0.03"\n', "judge.drop: "),
    ("drop = 0.03\n", "drop = 0.03\ntask = 1\n", "judge: robust_to_attack takes no 'task'; it takes other, drop"),
    *((f"{field} = ", f"# {field} = ", f"trials.0.{field}: missing; ") for field in SETTING),
    ("hospitals = 20, patients = 200", "hospitals = 20", "trials.0.tasks.0.patients: missing; "),
]


@pytest.mark.parametrize("of_a_plan", [False, True], ids=["--claims", "claims = true"])
@pytest.mark.parametrize(("old", "new", "told"), WRONG, ids=[told for _, _, told in WRONG])
def test_a_claim_that_is_wrong_is_refused_before_the_first_trial(
    tmp_path: Path, chainward, monkeypatch: pytest.MonkeyPatch, old: str, new: str, told: str, of_a_plan: bool
) -> None:
    text = discovery.source(discovery.load("bflc")).with_suffix(".toml").read_text(encoding="utf-8")
    head, claim = text.split("[[claim]]", 1)
    assert old in claim
    (tmp_path / "bflc.toml").write_text(f"{head}[[claim]]{claim.replace(old, new, 1)}", encoding="utf-8")
    monkeypatch.setattr(discovery, "source", lambda kind: tmp_path / f"{kind.card.key}.py")
    (tmp_path / "plan.toml").write_text("claims = true\n", encoding="utf-8")
    out = tmp_path / "report"
    what = (tmp_path / "plan.toml",) if of_a_plan else ("--claims", "bflc")
    found = chainward("run", *what, "--out", out)
    assert found.code == 2
    assert f"bflc.toml: claim 'withstands-attackers': {told}" in found.err
    assert len(found.err.strip().splitlines()) == 1
    assert not out.exists()
