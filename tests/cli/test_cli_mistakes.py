"""What a user can put right is one line that names place and fix, exit code 2, and loses nothing on record."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

EDITS = {
    "misspelled strategy": ('"fedavg"', '"fedavgg"', ["'fedavgg'", "did you mean 'fedavg'?"]),
    "misspelled task": ('"synthetic"', '"syntetic"', ["'syntetic'", "did you mean 'synthetic'?"]),
    "broken TOML": ("seeds = 2", "seeds = = 2", ["not valid TOML", "line 2"]),
    "negative round count": ("rounds = 2", "rounds = -2", ["rounds", "greater than or equal to 1", "'-2'"]),
    "no seeds": ("seeds = 2", "seeds = 0", ["seeds", "from 1 to 1,000,000"]),
    "unknown plan field": ("seeds", "seedz", ["seedz", "not permitted"]),
    "unknown strategy parameter": (
        '"fedavg"',
        '{key = "fedavg", wieghted = false}',
        ["fedavg", "'wieghted'", "weighted"],
    ),
    "wrong kind of parameter": ('"fedavg"', '{key = "fedavg", weighted = "often"}', ["fedavg", "weighted", "boolean"]),
    "unknown task parameter": ("patients", "pateints", ["'pateints'", "did you mean 'patients'?"]),
    "impossible task parameter": ("hospitals = 4", "hospitals = 0", ["'hospitals'", "greater than or equal to 1"]),
    "no strategy": ('["fedavg", "local_only"]', "[]", ["strategies: name at least 1"]),
    "a number for a strategy": ('"fedavg"', "5", ["strategies.0"]),
    "unknown engine": ("seeds", 'engine = "abacus"\nseeds', ["engine", "'abacus'", "cohort"]),
    "unknown ledger": ("seeds", 'ledger = {name = "stone"}\nseeds', ["ledger.name", "'stone'", "evm"]),
    "ledger as text": ("seeds", 'ledger = "evm"\nseeds', ["ledger", "dictionary"]),
    "unknown ledger parameter": ("seeds", "ledger = {gas = 1}\nseeds", ["ledger", "'gas'", "gas_limit"]),
    "unknown consensus": ("seeds", 'ledger = {consensus = "luck"}\nseeds', ["ledger", "'luck'", "poa, pow"]),
    "hospital of another task": ("seeds", 'faults.absent = {"Bern" = []}\nseeds', ["faults", "'Bern'", "hospital 1"]),
    "negative round of absence": (
        "seeds",
        'faults.absent = {"hospital 1" = [-1]}\nseeds',
        ["faults.absent.hospital 1"],
    ),
    "unknown fault": ("seeds", "faults.lost = {}\nseeds", ["faults.lost", "not permitted"]),
    "endless delay": ("seeds", 'faults.delay = {"hospital 1" = inf}\nseeds', ["faults.delay.hospital 1", "finite"]),
    "no speed": ("seeds", "speeds.bits_per_s = 0\nseeds", ["speeds.bits_per_s", "greater than 0"]),
    "name of a folder elsewhere": ("seeds", 'name = "../up"\nseeds', ["name", "pattern"]),
}
OPTIONS = {
    "misspelled strategy": (["--strategy", "fedavgg"], ["'fedavgg'", "did you mean 'fedavg'?"]),
    "misspelled task": (["--task", "syntetic"], ["'syntetic'", "did you mean 'synthetic'?"]),
    "negative round count": (["--rounds", -1], ["rounds", "greater than or equal to 1"]),
    "no seeds": (["--seeds", 0], ["seeds", "from 1 to 1,000,000"]),
    "unknown hospital": (["--absent", "Bern:1"], ["faults", "'Bern'", "hospital 1"]),
    "rounds in words": (["--absent", "hospital 1:one"], ["--absent", "HOSPITAL:3,4"]),
    "delay in words": (["--delay", "hospital 1:long"], ["--delay", "HOSPITAL:SECONDS"]),
    "endless delay": (["--delay", "hospital 1:inf"], ["faults.delay.hospital 1", "finite"]),
    "unknown speed": (["--speed", "light=1"], ["speeds.light", "not permitted"]),
    "speed in words": (["--speed", "bits_per_s=fast"], ["speeds.bits_per_s", "number"]),
    "unknown track": (["--track", "third"], ["track", "'common', 'tuned' or 'published'"]),
    "tuned paper": (["--track", "tuned", "--strategy", "bflc"], ["bflc", '"tuned"', "common"]),
    "unknown training": (["--training", "momentum=1"], ["training.momentum", "not permitted"]),
    "training in words": (["--training", "learning_rate=fast"], ["training.learning_rate", "number"]),
    "unknown engine": (["--engine", "abacus"], ["'abacus'", "cohort"]),
    "unknown ledger": (["--ledger", "stone"], ["'stone'", "evm"]),
    "unknown consensus": (["--consensus", "luck"], ["'luck'", "poa, pow"]),
    "unknown device": (["--device", "abacus"], ["device", "'cuda'"]),
}


@pytest.fixture
def intact(finished):
    """The folder of a finished run; afterwards every record in it must be as it was."""
    before = _digests(finished.folder)
    assert before
    yield finished.folder
    assert _digests(finished.folder) == before


def _digests(folder: Path) -> dict[str, str]:
    files = [*folder.glob("records/*"), *folder.glob("predictions/*")]
    files += [folder / name for name in ("papers.json", "manifest.json", "index.html")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("case", EDITS)
def test_mistake_in_a_plan(case: str, plan: Path, intact: Path, chainward) -> None:
    old, new, told = EDITS[case]
    text = plan.read_text(encoding="utf-8")
    plan.write_text(text.replace(old, new, 1), encoding="utf-8")
    complaint = chainward("run", plan, "--out", intact).complaint
    assert complaint.startswith(f"chainward: {plan}: ")
    assert all(part in complaint for part in told), complaint


@pytest.mark.parametrize("case", OPTIONS)
def test_mistake_in_an_option(case: str, plan: Path, intact: Path, chainward) -> None:
    options, told = OPTIONS[case]
    complaint = chainward("run", plan, "--out", intact, *options).complaint
    assert all(part in complaint for part in told), complaint


def test_a_table_of_options_does_not_hide_that_the_plan_has_none(plan: Path, chainward) -> None:
    plan.write_text('ledger = "evm"\n' + plan.read_text(encoding="utf-8"), encoding="utf-8")
    assert "ledger" in chainward("run", plan, "--consensus", "pow").complaint


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator here")
def test_a_device_that_is_not_there(plan: Path, intact: Path, chainward) -> None:
    assert "use auto or cpu" in chainward("run", plan, "--out", intact, "--device", "cuda").complaint


def test_data_that_are_not_there(plan: Path, intact: Path, tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.delenv("CHAINWARD_DATA", raising=False)
    monkeypatch.setattr("chainward.tasks.sources.folder", lambda: tmp_path)
    complaint = chainward("run", plan, "--out", intact, "--task", "edin").complaint
    assert "task edin" in complaint
    assert "chainward data get explorer" in complaint


def test_missing_plan(tmp_path: Path, chainward) -> None:
    complaint = chainward("run", tmp_path / "none.toml").complaint
    assert f"{tmp_path / 'none.toml'}: no such plan" in complaint


def test_a_folder_for_a_plan(tmp_path: Path, chainward) -> None:
    assert f"{tmp_path}: cannot be read" in chainward("run", tmp_path).complaint


def test_plan_in_another_encoding(plan: Path, chainward) -> None:
    plan.write_bytes('title = "Zürich"'.encode("latin-1"))
    assert f"{plan}: cannot be read" in chainward("run", plan).complaint


def test_output_folder_below_a_file(plan: Path, intact: Path, chainward) -> None:
    complaint = chainward("run", plan, "--out", intact / "manifest.json" / "deeper").complaint
    assert "manifest.json" in complaint
    assert "--out" in complaint


@pytest.mark.parametrize("command", ["report", "verify"])
@pytest.mark.parametrize("content", [None, "{", "[]", "{}"], ids=["absent", "torn", "a list", "empty"])
def test_folder_without_a_sound_manifest(command: str, content: str | None, tmp_path: Path, chainward) -> None:
    if content is not None:
        (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    complaint = chainward(command, tmp_path).complaint
    assert str(tmp_path) in complaint
    assert "run" in complaint or "not valid JSON" in complaint
