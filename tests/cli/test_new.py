"""What `chainward new` writes is a strategy or a task that works: compiled, imported, linted, run and tested."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from compiler import SOLC, compiled

from chainward.cli.new import camel
from chainward.folders import CHECKOUT, REIMPLEMENTATIONS
from chainward.ledgers import artifacts
from chainward.plans import identity
from chainward.results import store
from chainward.strategy import discovery

IN_A_CHECKOUT = [
    "reimplementations/my_paper.py",
    "reimplementations/my_paper.toml",
    "contracts/src/MyPaper.sol",
    "tests/reimplementations/test_my_paper.py",
]
OF_ITS_OWN = [
    "pyproject.toml",
    "chainward_my_paper/__init__.py",
    "chainward_my_paper/my_paper.py",
    "chainward_my_paper/my_paper.toml",
    "chainward_my_paper/src/MyPaper.sol",
    "tests/test_my_paper.py",
    "chainward_my_paper/compile.mjs",
    "chainward_my_paper/package.json",
]
TASK_IN_A_CHECKOUT = ["chainward/tasks/my_hospitals.py", "tests/tasks/test_my_hospitals.py"]
TASK_OF_ITS_OWN = [
    "pyproject.toml",
    "chainward_my_hospitals/__init__.py",
    "chainward_my_hospitals/my_hospitals.py",
    "tests/test_my_hospitals.py",
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout of chainward."""
    root = tmp_path / "checkout"
    for folder in ("reimplementations", "contracts/src"):
        (root / folder).mkdir(parents=True)
    return root


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory, chainward) -> Path:
    """The contract of a package as written, compiled as its next steps say."""
    root = tmp_path_factory.mktemp("compiled")
    assert chainward("new", "strategy", "my_paper", "--folder", root).code == 0
    package = root / "chainward_my_paper"
    (package / "node_modules").symlink_to(SOLC.parent)
    told = chainward("contracts", "compile", package)
    assert told == (0, "1 artifact written to chainward_my_paper/artifacts/.\n", "")
    return package / "artifacts" / "MyPaper.json"


def lint(folder: Path, *options: str) -> None:
    """Check and format-check `folder` with the settings of this checkout."""
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--no-cache", "--config", str(CHECKOUT / "pyproject.toml")]
    for command in ([*ruff, "check", *options, *settings, "."], [*ruff, "format", "--check", *settings, "."]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_in_a_checkout_files_go_where_they_are_found(checkout: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(checkout / "contracts" / "src")
    told = json.loads(chainward("new", "strategy", "my_paper", "--json").out)
    assert told["files"] == [str(checkout / path) for path in IN_A_CHECKOUT]
    assert files_below(checkout) == set(IN_A_CHECKOUT)
    assert any("make contracts" in step for step in told["next"])
    assert any("pytest tests/reimplementations/test_my_paper.py" in step for step in told["next"])


def test_elsewhere_they_are_a_package(tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = chainward("new", "strategy", "my_paper")
    assert told.code == 0
    root = tmp_path / "my_paper"
    assert files_below(root) == set(OF_ITS_OWN)
    assert all(str(root / path) in told.out for path in OF_ITS_OWN)
    assert "chainward contracts compile chainward_my_paper" in told.out
    assert 'my_paper = "chainward_my_paper.my_paper:MyPaper"' in (root / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my-paper", "identifier"),
        ("MyPaper", "identifier"),
        ("2021_paper", "identifier"),
        ("../up", "identifier"),
        ("lambda", "identifier"),
        ("fedavg", "there is such a strategy"),
        ("world", "World"),
        ("posted", "Posted"),
    ],
)
def test_names_that_cannot_be(name: str, told: str, tmp_path: Path, chainward) -> None:
    complaint = chainward("new", "strategy", name, "--folder", tmp_path).complaint
    assert repr(name) in complaint
    assert told in complaint
    assert not files_below(tmp_path)


@pytest.mark.parametrize("path", IN_A_CHECKOUT)
def test_nothing_is_overwritten(path: str, checkout: Path, chainward) -> None:
    (checkout / path).parent.mkdir(parents=True, exist_ok=True)
    (checkout / path).write_text("mine", encoding="utf-8")
    assert str(checkout / path) in chainward("new", "strategy", "my_paper", "--folder", checkout).complaint
    assert files_below(checkout) == {path}
    assert (checkout / path).read_text(encoding="utf-8") == "mine"


def test_folder_below_a_file(tmp_path: Path, chainward) -> None:
    (tmp_path / "file").touch()
    complaint = chainward("new", "strategy", "my_paper", "--folder", tmp_path / "file" / "deeper").complaint
    assert "--folder" in complaint


def test_names_of_classes() -> None:
    assert [camel(key) for key in ("bflc", "my_paper", "paper_2021_b")] == ["Bflc", "MyPaper", "Paper2021B"]


@pytest.mark.skipif(find_spec("ruff") is None, reason="needs ruff")
@pytest.mark.parametrize("what", ["strategy", "task"])
def test_what_is_written_passes_the_linter(what: str, checkout: Path, tmp_path: Path, chainward) -> None:
    for root in (checkout, tmp_path / "package"):
        assert chainward("new", what, "my_own", "--folder", root).code == 0
    lint(checkout, "--config", 'lint.isort.known-first-party = ["chainward"]')
    lint(tmp_path / "package")


@pytest.mark.parametrize("inside", [True, False])
def test_files_of_a_task(inside: bool, checkout: Path, tmp_path: Path, chainward, monkeypatch) -> None:
    root = checkout if inside else tmp_path / "elsewhere"
    root.mkdir(exist_ok=True)
    monkeypatch.chdir(root)
    told = json.loads(chainward("new", "task", "my_hospitals", "--json").out)
    expected = TASK_IN_A_CHECKOUT if inside else TASK_OF_ITS_OWN
    root = root if inside else root / "my_hospitals"
    assert told["files"] == [str(root / path) for path in expected]
    assert files_below(root) == set(expected)
    assert any("pytest tests" in step for step in told["next"])
    assert told["next"][-1].endswith("--task my_hospitals")
    assert inside or "node_modules" not in (root / "pyproject.toml").read_text("utf-8")
    assert str(root / expected[0]) in chainward("new", "task", "my_hospitals").complaint


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("my-hospitals", "identifier"),
        ("class", "identifier"),
        ("heart", "there is such a task"),
        ("cohort", "Cohort"),
    ],
)
def test_names_that_no_task_can_have(name: str, told: str, tmp_path: Path, chainward) -> None:
    complaint = chainward("new", "task", name, "--folder", tmp_path).complaint
    assert repr(name) in complaint
    assert told in complaint
    assert not files_below(tmp_path)


@compiled
def test_in_a_checkout_it_runs_beside_the_others(
    checkout: Path, plan: Path, artifact: Path, chainward, monkeypatch
) -> None:
    assert chainward("new", "strategy", "my_paper", "--folder", checkout).code == 0
    source = checkout / "contracts" / "src" / "MyPaper.sol"
    assert source.read_bytes() == (artifact.parents[1] / "src" / "MyPaper.sol").read_bytes()
    for key in ("fedavg", "local_only"):
        for suffix in (".py", ".toml"):
            shutil.copy(REIMPLEMENTATIONS / f"{key}{suffix}", checkout / "reimplementations")
    monkeypatch.setattr(discovery, "REIMPLEMENTATIONS", checkout / "reimplementations")
    for module in (artifacts, identity):
        monkeypatch.setattr(module, "ARTIFACTS", artifact.parent)
    out = checkout / "reports"
    # In this process, since what is patched here does not reach another.
    options = ("--out", out, "--strategy", "my_paper", "--strategy", "fedavg", "--json", "--in-process")
    told = chainward("run", plan, *options)
    assert told.code == 0
    ours, plain = (
        {one.specification.seed: one for one in store.read_all(out) if one.specification.strategy == key}
        for key in ("my_paper", "fedavg")
    )
    assert [one.predictions for one in ours.values()] == [one.predictions for one in plain.values()]
    posted = [row.calls for one in ours.values() for row in one.gas_functions if row.function == "post"]
    assert posted == [2, 2]
    assert chainward("show", "my_paper").code == 0


@compiled
def test_as_a_package_it_holds_the_conformance_suite(artifact: Path, tmp_path: Path) -> None:
    """The generated tests, negative twins among them, run as they would at a third party's."""
    root = artifact.parents[2]
    information = root / "chainward_my_paper-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: chainward-my-paper\nVersion: 0.1.0\n")
    entry = "[chainward.strategies]\nmy_paper = chainward_my_paper.my_paper:MyPaper\n"
    (information / "entry_points.txt").write_text(entry)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:pytest-brownie", "-p", "no:cacheprovider", "tests"]
    environment = {
        "PYTHONPATH": f"{CHECKOUT}:{root}",
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(tmp_path),
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def passed(command: list[str], root: Path, *places: Path) -> int:
    """Run pytest there, as at a third party's, and return how many tests passed; no other may be."""
    environment = {
        "PYTHONPATH": ":".join(map(str, (CHECKOUT, *places))),
        "PATH": str(Path(sys.executable).parent),
        "HOME": str(root),
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
    return int(done.stdout.split(" passed")[0].split()[-1])


PYTEST = ("-q", "-W", "error", "-p", "no:pytest-brownie", "-p", "no:cacheprovider", "tests")


def test_a_task_as_a_package_holds_the_conformance_suite(tmp_path: Path, chainward) -> None:
    assert chainward("new", "task", "my_hospitals", "--folder", tmp_path).code == 0
    information = tmp_path / "chainward_my_hospitals-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: chainward-my-hospitals\nVersion: 0.1.0\n")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "chainward-my-hospitals"
    ((group, entries),) = project["entry-points"].items()
    lines = [f"{key} = {value}" for key, value in entries.items()]
    (information / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    assert passed([sys.executable, "-m", "pytest", *PYTEST], tmp_path, tmp_path) >= 20


def test_a_task_in_a_checkout_is_found_beside_the_others(checkout: Path, chainward) -> None:
    """Its folder stands in for `chainward/tasks` beside ours, since a checkout is not written to by its tests."""
    assert chainward("new", "task", "my_hospitals", "--folder", checkout).code == 0
    found = "import chainward.tasks as tasks; tasks.__path__.append('chainward/tasks'); "
    program = f"import sys, pytest; {found}sys.exit(pytest.main(sys.argv[1:]))"
    # In another process the folder would not be found: that check is for packages and real checkouts.
    command = [
        sys.executable,
        "-c",
        program,
        *PYTEST,
        "--deselect",
        f"{TASK_IN_A_CHECKOUT[1]}::TestMyHospitals::test_two_reads_are_equal",
    ]
    assert passed(command, checkout) >= 20
