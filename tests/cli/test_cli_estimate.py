from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text('strategies = ["fedavg", "bflc"]\ntasks = ["heart"]\nseeds = 3\nrounds = 2\n', encoding="utf-8")
    return path


def test_an_estimate_is_printed_and_nothing_is_recorded(plan: Path, chainward, tmp_path: Path) -> None:
    told = chainward("run", plan, "--estimate", "--out", tmp_path / "out")
    assert told.code == 0
    assert "Trials, one after another: 6, about" in told.out
    assert "nothing was recorded" in told.out
    assert [path.name for path in tmp_path.iterdir()] == [plan.name]


def test_an_estimate_for_programs_holds_its_sum(plan: Path, chainward) -> None:
    told = json.loads(chainward("run", plan, "--estimate", "--json").out)
    names = [(row["strategy"], row["task"], row["hospitals"], row["rounds"], row["trials"]) for row in told["settings"]]
    assert names == [("fedavg", "heart", 4, 2, 3), ("bflc", "heart", 4, 2, 3)]
    assert told["settings"][0]["gas"] == 0
    assert told["sum"]["gas"] == 3 * told["settings"][1]["gas"] > 0
    assert told["sum"]["trials"] == 6


def test_what_cannot_be_tried_says_why_and_is_not_in_the_sum(plan: Path, chainward, strategy_package) -> None:
    strategy_package("untried", "def round(self, state, world): raise RuntimeError('no such round')")
    told = chainward("run", plan, "--estimate", "--strategy", "untried", "--strategy", "fedavg")
    assert told.code == 0
    assert "untried on heart is not in the sum: RuntimeError: no such round" in told.out


def test_a_mistake_in_the_plan_is_one_line(plan: Path, chainward) -> None:
    assert "no_such" in chainward("run", plan, "--estimate", "--strategy", "no_such").complaint
