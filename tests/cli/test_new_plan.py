"""What `chainward new plan` writes runs as it stands, and what stands in comments runs without the marks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chainward.plans.file import read

FEW = {"seeds": 1, "rounds": 3, "tasks": [{"key": "synthetic", "hospitals": 4, "patients": 40}]}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_it_is_found_by_its_name_and_runs(chainward) -> None:
    told = json.loads(chainward("new", "plan", "my_plan", "--json").out)
    assert told == {
        "files": ["my_plan.toml"],
        "next": ["chainward run my_plan --estimate", "chainward run my_plan --jobs 2"],
    }
    done = chainward("run", "my_plan", "--seeds", 1, "--rounds", 1, "--task", "heart", "--json", "--in-process")
    assert done.code == 0, done.err
    assert {row["strategy"] for row in json.loads(done.out)} == {"fedavg", "local_only", "bflc"}
    assert Path("reports/my_plan/index.html").is_file()


def test_all_that_stands_in_comments_can_be_switched_on(chainward) -> None:
    assert chainward("new", "plan", "my_plan").code == 0
    text = Path("my_plan.toml").read_text(encoding="utf-8")
    on = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    assert on.count("\n#") < text.count("\n#")
    Path("all.toml").write_text(on, encoding="utf-8")
    plan = read(Path("all.toml"), FEW)
    assert [attack.kind for attack in plan.attacks] == ["none", "sign_flip"]
    assert (plan.ledger.consensus, plan.faults.absent) == ("pow", {"hospital 3": [2, 3]})


def test_its_ending_may_be_said_and_its_folder_named(chainward) -> None:
    told = chainward("new", "plan", "mine.toml", "--folder", "my plans")
    assert Path("my plans/mine.toml").is_file()
    assert "chainward run 'my plans/mine.toml' --estimate" in told.out
    assert read(Path("my plans/mine.toml"), FEW).name == "mine"


def test_nothing_is_overwritten(chainward) -> None:
    Path("mine.toml").write_text("mine", encoding="utf-8")
    assert "mine.toml: exists and is left as it is" in chainward("new", "plan", "mine").complaint
    assert Path("mine.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "name", ["", ".toml", ".hidden", "../up", "/tmp/x", "my plan", "x\n", "\x1b[31m", "é", "a" * 65]
)
def test_names_that_cannot_be(name: str, chainward) -> None:
    assert "write at most 64 letters, digits" in chainward("new", "plan", name).complaint
    assert not list(Path().iterdir())


@pytest.mark.parametrize("name", ["demo", "demo.toml", "line-up"])
def test_a_plan_that_comes_with_chainward_keeps_its_name(name: str, chainward) -> None:
    assert "comes with chainward" in chainward("new", "plan", name).complaint
