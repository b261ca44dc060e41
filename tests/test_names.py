"""A name from outside never becomes a path, a module or an attribute: nothing is executed, read or written by it."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainward import engines, ledgers, names, plugins, tasks
from chainward.engines.flower.hospital import places
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.flower.wire import Question
from chainward.errors import ChainwardError
from chainward.ledgers import artifacts
from chainward.ledgers.store import MemoryStore
from chainward.plans import file as plans
from chainward.strategy import discovery
from chainward.tasks.base import Patients
from chainward.world import FIT, Kind, Query

HOSTILE = [
    "../evil",
    "a/b",
    "/etc/passwd",
    "evil.py",
    ".",
    "..",
    "",
    "__init__",
    "_evil",
    "Evil",
    "os:system",
    "chainward.cli:main",
    "../x:fedavg",
    "x:../evil",
    "x:y:fedavg",
    ":fedavg",
    "flwr:",
    "flwr:../evil",
    "flwr:__builtins__",
    "flwr:Strategy",
    "flwr:annotations",
    "évil",
    "fedavg\n",
    "fedavg\x00",
    "\x1b[31mfedavg",
    "\ud800",
    "f" * 5000,
]


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A Python file that leaves a mark when it is executed; its path without the suffix."""
    marked = tmp_path / "marked"
    (tmp_path / "evil.py").write_text(f"open({str(marked)!r}, 'w').close()\n", encoding="utf-8")
    (tmp_path / "evil.json").write_text("{}", encoding="utf-8")
    yield tmp_path / "evil"
    assert not marked.exists()


def paths_to(evil: Path, start: Path) -> list[str]:
    return [str(evil), os.path.relpath(evil, start), f"flwr:{evil}", f"package:{evil}", f"{evil}:fedavg"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strategy_is_a_key(name: str) -> None:
    with pytest.raises(ChainwardError) as caught:
        discovery.load(name)
    assert len(str(caught.value)) < 600
    assert names.is_plain(str(caught.value))


def test_a_path_to_a_strategy_is_not_executed(evil: Path) -> None:
    for name in paths_to(evil, discovery.REIMPLEMENTATIONS):
        with pytest.raises(ChainwardError):
            discovery.load(name)
        with pytest.raises(ChainwardError):
            discovery.build(name, {})


def test_a_plan_and_its_options_execute_nothing(evil: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    for name in paths_to(evil, discovery.REIMPLEMENTATIONS):
        for field in ("strategies", "tasks", "attacks"):
            kept = {"strategies": '["fedavg"]', "tasks": '["synthetic"]', "attacks": '["none"]', field: f"[{name!r}]"}
            plan.write_text("\n".join(f"{key} = {value}" for key, value in kept.items()), encoding="utf-8")
            with pytest.raises(ChainwardError, match=r"plan\.toml: "):
                plans.read(plan, {})
        plan.write_text('strategies = ["fedavg"]\ntasks = ["synthetic"]\n', encoding="utf-8")
        for overrides in ({"engine": name}, {"ledger": {"name": name}}, {"ledger": {"consensus": name}}):
            with pytest.raises(ChainwardError):
                plans.read(plan, overrides)


def test_commands_execute_and_write_nothing(evil: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from chainward.cli import group

    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for name in paths_to(evil, discovery.REIMPLEMENTATIONS):
        for arguments in (
            ("show", name),
            ("new", "strategy", name),
            ("data", "get", name),
            ("flower", "export", name, "app"),
            ("flower", "export", "fedavg", "app", "--task", name),
        ):
            told = CliRunner().invoke(group, arguments)
            assert isinstance(told.exception, ChainwardError | SystemExit), (arguments, told.exception)
            assert told.exit_code != 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", HOSTILE)
def test_tasks_engines_ledgers_and_contracts_are_names_of_a_list(name: str, tmp_path: Path) -> None:
    asked = (
        lambda: tasks.load(name),
        lambda: engines.load(name),
        lambda: ledgers.build(name, {}, 0, ()),
        lambda: ledgers.build("evm", {"consensus": name}, 0, ()),
        lambda: artifacts.find(name, (tmp_path,)),
    )
    for ask in asked:
        with pytest.raises(ChainwardError) as caught:
            ask()
        assert names.is_plain(str(caught.value))


def test_a_card_names_no_contract_that_is_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = discovery.load("fedavg")
    monkeypatch.setattr(kind, "card", replace(kind.card, contracts=("../../secret",)))
    with pytest.raises(ChainwardError, match=r"names a contract '\.\./\.\./secret'"):
        discovery._checked(kind, "fedavg")


# --- packages ------------------------------------------------------------------------------------


class Installed(Distribution):
    """A distribution that is a name and entry points."""

    def __init__(self, name: str) -> None:
        self._own_name = name

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: {self._own_name}\nVersion: 1\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return path

    def entry(self, key: str, value: str) -> EntryPoint:
        return EntryPoint(key, value, discovery.GROUP)._for(self)


def test_of_two_packages_with_one_key_a_user_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    fedavg, local = (f"{discovery.load(key).__module__}:{discovery.load(key).__name__}" for key in ("fedavg", "bflc"))
    entries = (Installed("One_Pack").entry("fedavg", fedavg), Installed("other").entry("fedavg", local))
    monkeypatch.setattr(plugins, "entry_points", EntryPoints(entries).select)
    monkeypatch.setattr(discovery, "REIMPLEMENTATIONS", Path("nowhere"))
    discovery.load.cache_clear()
    try:
        with pytest.raises(ChainwardError, match="or write one-pack:fedavg or other:fedavg"):
            discovery.load("fedavg")
        found = discovery.load("one-pack:fedavg")
        assert found.card.key == "fedavg"
        assert discovery.load("One_Pack:fedavg") is found
        assert discovery.name_of(found) == "one-pack:fedavg"
        with pytest.raises(ChainwardError, match="calls itself 'bflc'"):
            discovery.load("other:fedavg")
        with pytest.raises(ChainwardError, match="no strategy is called 'absent:fedavg'"):
            discovery.load("absent:fedavg")
    finally:
        discovery.load.cache_clear()


def test_a_strategy_is_found_again_by_its_name() -> None:
    assert [discovery.name_of(discovery.load(key)) for key in ("fedavg", "bflc")] == ["fedavg", "bflc"]


# --- hospitals, contents, queries ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "a/b", "/tmp/x", "", ".", "x" * 5000, "\x1b[31m", "\x00"])
def test_a_hospital_is_no_folder(name: str, tmp_path: Path) -> None:
    rows = Patients(np.zeros((1, 2)), np.zeros(1), np.zeros(1, dtype=np.int64))
    root = tmp_path / "root"
    (found,) = places(root, {name: rows}, {name: rows}).values()
    assert found.directory == root / "0"
    assert found.name() == name
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert [path.name for path in root.iterdir()] == ["0"]


@pytest.mark.parametrize("cid", ["../secret", "secret", "/etc/passwd", "", ".", "x" * 5000, "bafkrei", 5, None, ["a"]])
def test_an_id_that_is_none_is_not_served(cid: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "secret").write_bytes(b"x")
    directory, memory = DirectoryStore(tmp_path / "store"), MemoryStore()
    memory.restore({"secret": b"x"})
    for store in (directory, memory):
        with pytest.raises(ChainwardError, match="nothing is stored"):
            store.get(cid)
        assert store.get(store.put(b"content")) == b"content"
    assert len(directory.snapshot()) == 1


@pytest.mark.parametrize(
    "where", ["open", "__init__", "__class__", "predict", "state_type", "card", "weighted", "a.b", "", ":", ":fit", 5]
)
def test_a_hospital_runs_no_method_that_is_not_the_papers_own(where: Any) -> None:
    question = Question((("steal", Kind.CONTROL.value, where),), "", None)
    with pytest.raises(ChainwardError, match="no local function"):
        question.query(discovery.build("fedavg", {}))


@pytest.mark.parametrize("name", ["../x", "a/b", "", "fit.x", "é", "f" * 5000])
def test_a_query_is_an_identifier(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        Query(name, Kind.CONTROL)
    with pytest.raises(ValueError, match="identifier"):
        Question(((name, Kind.CONTROL.value, None),), "", None).query(discovery.build("fedavg", {}))
    assert FIT.name == "fit"


# --- text ----------------------------------------------------------------------------------------


def test_what_acts_on_a_terminal_is_written_out() -> None:
    assert names.visible("a\x1b[31mb\x07\x9b\x7f\u202e\ud800é–") == r"a\x1b[31mb\x07\x9b\x7f\u202e\ud800é–"
    assert names.quoted("x" * 5000) == f"'{'x' * 63}…"
    assert names.quoted("fedavg") == "'fedavg'"
