"""A plan as it is written beside its report reads as the same trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainward import tasks
from chainward.folders import CHECKOUT
from chainward.names import is_plain
from chainward.plans.file import of_options, read
from chainward.plans.plan import Plan
from chainward.plans.written import as_toml

SHIPPED = sorted(path for path in (CHECKOUT / "benchmarks").glob("*.toml") if "strategies" in path.read_text("utf-8"))


def reread(plan: Plan, folder: Path) -> Plan:
    path = folder / "plan.toml"
    path.write_text(as_toml(plan), encoding="utf-8")
    return read(path, {})


def same(plan: Plan, folder: Path) -> None:
    again = reread(plan, folder)
    assert list(again.specifications()) == list(plan.specifications())
    assert (again.name, again.title) == (plan.name, plan.title)
    assert as_toml(again) == as_toml(plan)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_plans_of_ours(path: Path, tmp_path: Path) -> None:
    same(read(path, {}), tmp_path)


HOSPITALS = [hospital.name for hospital in tasks.load("synthetic", hospitals=4).dataset(0).hospitals]
OPTIONS: dict[str, dict[str, Any]] = {
    "params": {"strategies": [{"key": "fedavg", "weighted": False}]},
    "attacks": {"attacks": ["none", {"kind": "sign_flip", "share": 0.25, "strength": 4.0}]},
    "faults": {"faults": {"absent": {HOSPITALS[0]: [], HOSPITALS[1]: [1, 2]}, "delay": {HOSPITALS[2]: 1.5}}},
    "ledger": {"ledger": {"consensus": "pow", "gas_limit": 40_000_000}},
    "partition": {"partition": {"kind": "labels", "hospitals": 4, "concentration": 0.3}},
    "training": {"training": {"learning_rate": 0.05, "hidden": 3}},
    "speeds": {"speeds": {"jitter": 0.0}},
    "rest": {"rounds": 3, "preparation": "per-hospital", "track": "published", "title": "“é” #\"'\\ ]]"},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_field_survives(name: str, tmp_path: Path) -> None:
    given = {"strategies": ["fedavg"], "tasks": [{"key": "synthetic", "hospitals": 4}], "seeds": 2, **OPTIONS[name]}
    same(of_options("some.plan", given), tmp_path)


def test_why_a_column_may_give_the_outcome_away_survives(tmp_path: Path) -> None:
    rows = "".join(f"{at % 2},{'ab'[at // 2 % 2]},{at % 2},{at * 37 % 101}\n" for at in range(80))
    (tmp_path / "t.csv").write_text(f'died,ward,"a ""column""",age\n{rows}', encoding="utf-8")
    task = {"key": "csv", "path": str(tmp_path / "t.csv"), "label": "died", "site": "ward"}
    leaks = {'a "column"': "a 'reason' \\ with = signs"}
    same(of_options("some.plan", {"strategies": ["fedavg"], "tasks": [task], "seeds": 1, "leaks": leaks}), tmp_path)


def test_seeds_that_count_from_zero_are_told_by_their_number() -> None:
    assert "seeds = 3\n" in as_toml(of_options("a", {"strategies": ["fedavg"], "tasks": ["synthetic"], "seeds": 3}))


def test_a_part_that_was_left_out_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        'seeds = 1\nstrategies = ["fedavg"]\n[[parts]]\ntasks = ["synthetic"]\n'
        '[[parts]]\ntasks = ["stroke"]\noptional = true\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "nothing"))
    plan = read(path, {})
    assert len(plan.left_out) == 1
    text = as_toml(plan)
    assert "stroke" not in text
    assert "optional" not in text
    same(plan, tmp_path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=st.text(st.characters().filter(is_plain), max_size=40))
def test_any_title_is_text(title: str, tmp_path: Path) -> None:
    plan = of_options("a", {"strategies": ["fedavg"], "tasks": ["synthetic"], "title": title})
    assert reread(plan, tmp_path).title == title
