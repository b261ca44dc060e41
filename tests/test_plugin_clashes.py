"""A key that two packages have means neither of them until the user says which."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import Distribution, EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chainward import plugins, tasks
from chainward.errors import ChainwardError
from chainward.judges import JUDGES, rules
from chainward.plans.file import of_document
from chainward.plans.plan import Plan
from chainward.strategy import discovery

SMALL = {"name": "small", "seeds": 1, "rounds": 1}
Installed = Callable[..., None]


class Package(Distribution):
    """A distribution that is a name and entry points."""

    def __init__(self, name: str) -> None:
        self._own_name = name

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: {self._own_name}\nVersion: 1\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(str(path))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Have packages installed that bring entries: (package, group, key, value)."""

    def install(*entries: tuple[str, str, str, str]) -> None:
        found = [EntryPoint(key, value, group)._for(Package(name)) for name, group, key, value in entries]  # type: ignore[attr-defined]
        monkeypatch.setattr(plugins, "entry_points", EntryPoints(found).select)

    return install


def plan(strategy: str, task: str) -> Plan:
    return of_document("plan", {**SMALL, "strategies": [strategy], "tasks": [task]}, {})


def names(plan: Plan) -> set[tuple[str, str]]:
    return {(one.strategy, one.task) for one in plan.specifications()}


def test_a_strategy_of_a_key_of_ours(installed: Installed) -> None:
    installed(("One_Pack", discovery.GROUP, "fedavg", "one_pack.mean:FedAvg"))
    with pytest.raises(ChainwardError) as found:
        plan("fedavg", "heart")
    told = str(found.value)
    assert told.startswith("plan: strategy 'fedavg' is chainward's and that of one-pack (one_pack.mean:FedAvg); ")
    assert "write chainward:fedavg or one-pack:fedavg, or uninstall one" in told
    assert names(plan("chainward:fedavg", "heart")) == {("fedavg", "heart")}  # no other trial than before
    assert names(plan("bflc", "heart")) == {("bflc", "heart")}


def test_theirs_is_had_by_its_package(installed: Installed) -> None:
    ours = discovery.load("fedavg")
    installed(("One_Pack", discovery.GROUP, "fedavg", f"{ours.__module__}:{ours.__name__}"))
    assert names(plan("one-pack:fedavg", "heart")) == {("one-pack:fedavg", "heart")}


def test_a_task_of_a_key_of_ours(installed: Installed) -> None:
    installed(("one-pack", tasks.GROUP, "heart", "one_pack.clinics:Heart"))
    with pytest.raises(
        ChainwardError, match=r"task 'heart' is chainward's and that of one-pack \(one_pack.clinics:Heart\)"
    ):
        plan("fedavg", "heart")
    assert names(plan("fedavg", "chainward:heart")) == {("fedavg", "heart")}
    assert tasks.kind("chainward:heart") is tasks.kind("heart")


def test_two_packages_of_one_key(installed: Installed) -> None:
    both = [(name, "their_key", f"{name.replace('-', '_')}:Thing") for name in ("one-pack", "other-pack")]
    installed(
        *(
            (name, group, key, value)
            for group in (discovery.GROUP, tasks.GROUP, rules.GROUP)
            for name, key, value in both
        )
    )
    for load, what in ((discovery.load, "strategy"), (tasks.load, "task"), (rules.load, "judge")):
        with pytest.raises(ChainwardError) as found:
            load("their_key")  # type: ignore[operator]
        told = str(found.value)
        assert told.startswith(f"two installed packages have a {what} 'their_key': one_pack:Thing and other_pack:Thing")
        assert "write one-pack:their_key or other-pack:their_key" in told


def test_a_judge_of_a_name_of_ours_is_refused_where_a_claim_of_theirs_names_it(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trials = 'tasks = ["heart"]\nstrategies = ["bflc"]\nattacks = ["none"]\nrounds = 2\ntrack = "common"\nseeds = 1\n'
    judge = '[claim.judge]\nname = "equals"\nstatistic = "rounds_used"\nquoted = 2\n'
    head = '[[claim]]\nkey = "one"\nclaim = "c"\ntier = "T1"\nreproduced = "r"\npartly = ""\n'
    (tmp_path / "bflc.toml").write_text(f"{head}\n{judge}\n[[claim.trials]]\n{trials}", encoding="utf-8")
    module = ModuleType("their_paper")
    module.__file__ = str(tmp_path / "bflc.py")
    monkeypatch.setitem(sys.modules, "their_paper", module)
    ours = discovery.load("bflc")
    theirs = type("Theirs", (ours,), {"__module__": "their_paper"})
    assert [claim.key for claim in rules.checked_claims(theirs)] == ["one"]
    installed(("one-pack", rules.GROUP, "equals", "one_pack.judges:equals"))
    with pytest.raises(ChainwardError, match=r"judge.name: judge 'equals' is chainward's and that of one-pack"):
        rules.checked_claims(theirs)
    assert rules.checked_claims(ours)
    assert rules.load("chainward:equals") is JUDGES["equals"]
