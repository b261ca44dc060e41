from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from tiny_plan import PLAN

from chainward.cli import main


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on standard error of a command that was refused."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.err.count("\n") == 1, self.err
        assert self.out == ""
        return self.err.rstrip("\n")


class Finished(NamedTuple):
    """A tiny plan, the folder it was run into, and what the run printed."""

    plan: Path
    folder: Path
    outcome: Outcome


def call(*arguments: Any) -> Outcome:
    """Run `chainward` with these arguments in this process, exactly as the installed command does."""
    code = 0
    with (
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        patch.object(sys, "argv", ["chainward", *map(str, arguments)]),
    ):
        try:
            main()
        except SystemExit as left:
            code = int(left.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def chainward() -> Callable[..., Outcome]:
    return call


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    place = tmp_path_factory.mktemp("finished")
    plan, folder = place / "tiny.toml", place / "report"
    plan.write_text(PLAN, encoding="utf-8")
    return Finished(plan, folder, call("run", plan, "--out", folder))


@pytest.fixture
def finished(_finished: Finished, tmp_path: Path) -> Finished:
    """A finished run; each test has a copy of its own."""
    folder = tmp_path / "report"
    copytree(_finished.folder, folder)
    return _finished._replace(folder=folder)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A tiny plan in a file of its own."""
    path = tmp_path / "tiny.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture
def strategy_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install a package with one strategy, a FedAvg whose class body is given, the way third parties do."""

    def install(key: str, body: str) -> None:
        place = tmp_path / f"installed_{key}"
        information = place / f"{key}-1.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {key}\nVersion: 1\n", encoding="utf-8")
        entry = f"[chainward.strategies]\n{key} = theirs_{key}:Theirs\n"
        (information / "entry_points.txt").write_text(entry, encoding="utf-8")
        (place / f"theirs_{key}.py").write_text(STRATEGY.format(key=key, body=body), encoding="utf-8")
        monkeypatch.syspath_prepend(str(place))

    return install


@pytest.fixture
def task_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a package with one task, whose file begins and whose class body goes on as given."""

    def install(key: str, head: str = "", body: str = "", package: str = "") -> None:
        name = package or key
        place = tmp_path / f"installed_{name}"
        information = place / f"{name}-1.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", encoding="utf-8")
        entry = f"[chainward.tasks]\n{key} = task_of_{name}:Theirs\n"
        (information / "entry_points.txt").write_text(entry, encoding="utf-8")
        (place / f"task_of_{name}.py").write_text(TASK.format(key=key, head=head, body=body), encoding="utf-8")
        monkeypatch.syspath_prepend(str(place))

    return install


TASK = """\
from dataclasses import dataclass

import numpy as np
import pandas as pd

from chainward.tasks.base import Task, Training
from chainward.tasks.cohort import Cohort, Column
from chainward.tasks.sources import Source
{head}

@dataclass(frozen=True)
class Theirs(Task):
    key = {key!r}
    title = "Theirs"
    outcome = "death"
    citation = "Them 2025"
    licence = "CC0"
    training = Training("logistic", 0, 0.1, 32, 10)
    rounds = 3

    def cohort(self):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame({{"x": rng.standard_normal(200)}})
        sites = np.arange(200) % 4
        return Cohort((Column("x"),), frame, rng.random(200) < 0.5, sites, ("a", "b", "c", "d"), 200)

    {body}
"""


STRATEGY = """\
import os
from dataclasses import dataclass, replace

import numpy as np

from chainward.strategy.discovery import load

FedAvg = load("fedavg")


@dataclass(frozen=True)
class Theirs(FedAvg):
    card = replace(FedAvg.card, key={key!r})
    {body}
"""
