"""A paper and tasks in a package of its own: installed, found, run and reported without a change in chainward."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from chainward.folders import CHECKOUT

pytest.importorskip("hatchling", reason="builds a package offline: pip install hatchling")

PACKAGE = Path(__file__).parent / "fixtures" / "third_party"

# What the authors of the package write to have it checked.
THEIR_TEST = """\
from chainward.testing import StrategyConformance, TaskConformance


class TestMedian(StrategyConformance):
    key = "median"


class TestClinics(TaskConformance):
    key = "clinics"


class TestTheirHeart(TaskConformance):
    key = "chainward-example:heart"
"""

PLAN = """\
strategies = ["fedavg", { key = "median", quorum = 2 }]
seeds = 1
rounds = 2

[[tasks]]
key = "synthetic"
hospitals = 4
patients = 40

[[tasks]]
key = "clinics"

[[tasks]]
key = "chainward-example:heart"
"""

LINE_UP = """\
from chainward.strategy import discovery
from chainward.errors import ChainwardError

assert "median" in discovery.keys() and "broken" in discovery.keys() and "fedavg" in discovery.keys()
assert discovery.build("median", {"quorum": 3}).quorum == 3
assert discovery.load("fedavg").card.key == "fedavg"
assert [claim.key for claim in discovery.claims(discovery.load("median"))] == ["like-the-mean", "books-every-round"]
try:
    discovery.load("broken")
except ChainwardError as error:
    assert "'broken' of no_such_package:Strategy cannot be imported" in str(error), error
else:
    raise AssertionError("a broken package was loaded")

from chainward import tasks

assert "clinics" in tasks.names() and "no_task" in tasks.names()
assert tasks.load("clinics").title == "Three clinics"
assert tasks.kind("heart").__module__ == "chainward.tasks.heart"
assert tasks.kind("chainward-example:heart").__module__ == "chainward_example.clinics"
try:
    tasks.load("no_task")
except ChainwardError as error:
    assert "'no_task' of no_such_package:Task cannot be imported" in str(error), error
else:
    raise AssertionError("a broken package was loaded")
"""


DIGESTS = """\
import json
from chainward.plans.identity import code_digest
from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification

trials = {key: Specification(key, "heart", 0, 1) for key in ("fedavg", "median")}
print(json.dumps({key: code_digest(resolve(trial)) for key, trial in trials.items()}))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed by pip from its sources, and beside it a package that cannot be imported."""
    place = tmp_path_factory.mktemp("third_party")
    sources, target = copytree(PACKAGE, place / "sources"), place / "site"
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    finished("-m", "pip", "install", *offline, "--target", target, sources, site=None, folder=place)
    broken = target / "broken-1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n", encoding="utf-8")
    entry = (
        "[chainward.strategies]\nbroken = no_such_package:Strategy\n[chainward.tasks]\nno_task = no_such_package:Task\n"
    )
    (broken / "entry_points.txt").write_text(entry, encoding="utf-8")
    return target


def finished(*arguments: str | Path, site: Path | None, folder: Path) -> str:
    """Run Python there, with the packages of `site`, and return what it printed; fail with its output if it fails."""
    places = [str(CHECKOUT), *([str(site)] if site else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PIP_ROOT_USER_ACTION": "ignore"}
    command = [sys.executable, *map(str, arguments)]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def called(site: Path, folder: Path, *arguments: str) -> str:
    """Run `chainward` there."""
    return finished("-c", "from chainward.cli import main; main()", *arguments, site=site, folder=folder)


def test_is_found_and_a_broken_one_breaks_its_own_name_only(site: Path, tmp_path: Path) -> None:
    finished("-W", "error", "-c", LINE_UP, site=site, folder=tmp_path)


def test_holds_the_conformance_suite(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_median.py").write_text(THEIR_TEST, encoding="utf-8")
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:pytest-brownie")
    printed = finished("-m", "pytest", *options, site=site, folder=tmp_path)
    passed = int(printed.split(" passed")[0].split()[-1])
    assert passed >= 60, printed
    assert "skipped" not in printed


def test_is_listed_and_described_beside_ours(site: Path, tmp_path: Path) -> None:
    rows = {row["key"]: row for row in json.loads(called(site, tmp_path, "list", "tasks", "--json"))}
    assert (rows["clinics"]["package"], rows["clinics"]["patients"]) == ("chainward-example", 238)
    assert "no_such_package" in rows["no_task"]["title"]
    assert rows["heart"]["package"] is None
    found = json.loads(called(site, tmp_path, "data", "describe", "clinics", "--json"))
    assert [hospital["name"] for hospital in found["hospitals"]] == ["Hill", "Quay", "Mill"]


def test_runs_beside_ours_and_is_in_the_report(site: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    called(site, tmp_path, "run", "plan.toml", "--out", "report")
    rows = json.loads((tmp_path / "report" / "leaderboard.json").read_text(encoding="utf-8"))
    their_heart = "chainward-example:heart"
    assert {(row["task"], row["strategy"]): row["failed"] for row in rows} == {
        (task, strategy): 0 for task in ("synthetic", "clinics", their_heart) for strategy in ("fedavg", "median")
    }
    (median,) = (row for row in rows if (row["task"], row["strategy"]) == ("synthetic", "median"))
    assert median["gas_total"] > 0
    assert median["sees_individual_updates"] == "coordinator"
    assert "RoundBook" in (tmp_path / "report" / "gas_functions.csv").read_text(encoding="utf-8")
    with (tmp_path / "report" / "claims.csv").open(encoding="utf-8", newline="") as file:
        claims = {row["key"]: row for row in csv.DictReader(file)}
    assert claims["books-every-round"]["verdict"] == "reproduced", claims["books-every-round"]
    assert claims["like-the-mean"]["verdict"] == "not testable here"
    assert "Byzantine-Robust Distributed Learning" in (tmp_path / "report" / "index.html").read_text(encoding="utf-8")


def digests(site: Path, folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(finished("-c", DIGESTS, site=site, folder=folder))
    return found


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("defaults.py", "QUORUM = 1", "QUORUM = 2", True),
        ("defaults.py", "QUORUM = 1", "QUORUM = 1  # of the hospitals", False),
        ("defaults.py", "without touching", "without any touch of", False),
        ("median.py", "The book of rounds is an addition.", "A book of rounds was added.", False),
        ("median.toml", "partly = 0.05", "partly = 0.04", False),
    ],
)
def test_what_changes_in_the_package_runs_just_its_trials_again(
    site: Path, tmp_path: Path, file: str, old: str, new: str, changes: bool
) -> None:
    theirs = copytree(site, tmp_path / "site")
    before = digests(theirs, tmp_path)
    path = theirs / "chainward_example" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    after = digests(theirs, tmp_path)
    assert before["fedavg"] == after["fedavg"]
    assert (before["median"] != after["median"]) is changes


def test_the_suite_says_that_it_needs_pytest(tmp_path: Path) -> None:
    without = "import sys; sys.modules['pytest'] = None; import chainward.testing"
    command = [sys.executable, "-c", without]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.stderr.splitlines()[-1] == "ImportError: chainward.testing needs pytest: pip install pytest"


def test_its_contract_is_found_beside_it_only(site: Path) -> None:
    assert (site / "chainward_example" / "artifacts" / "RoundBook.json").is_file()
    assert not (CHECKOUT / "contracts" / "artifacts" / "RoundBook.json").exists()
