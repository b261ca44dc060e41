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
    "unknown plan field": (
        "seeds",
        "seedz",
        ["seedz: there is no such field", "did you mean 'seeds'?", "name, "],
    ),
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
    "unknown fault": ("seeds", "faults.lost = {}\nseeds", ["faults.lost: there is no such field", "absent, delay"]),
    "endless delay": ("seeds", 'faults.delay = {"hospital 1" = inf}\nseeds', ["faults.delay.hospital 1", "finite"]),
    "no speed": ("seeds", "speeds.bits_per_s = 0\nseeds", ["speeds.bits_per_s", "greater than 0"]),
    "unknown field of a partition": (
        "seeds",
        'partition = {kind = "iid", hopsitals = 3}\nseeds',
        ["partition.hopsitals: there is no such field", "did you mean 'hospitals'?", "concentration"],
    ),
    "unknown field of a part": (
        "[[tasks]]",
        "[[parts]]\nseedz = 1\n[[tasks]]",
        ["parts.0.seedz", "did you mean 'seeds'?"],
    ),
    "absence beyond the last round": (
        "seeds",
        'faults.absent = {"hospital 1" = [1, 3]}\nseeds',
        ["faults.absent.hospital 1: round 3 is beyond the last, which is 2", "--rounds 3"],
    ),
    "strength of an attack that has none": (
        "seeds",
        'attacks = [{kind = "free_rider", strength = 4}]\nseeds',
        ["attacks.0: strength: free_rider has none"],
    ),
    "share of nobody": (
        "seeds",
        'attacks = [{kind = "none", share = 0.3}]\nseeds',
        ["attacks.0: share: nobody attacks"],
    ),
    "hidden units of none": (
        "seeds",
        'training = {network = "logistic", hidden = 8}\nseeds',
        ["training.hidden: a logistic regression has no hidden units"],
    ),
    "reason for a column that is not suspected": (
        "seeds",
        'leaks = {age = "known before"}\nseeds',
        ["leaks: column 'age' gives no outcome away; none is suspected"],
    ),
    "insecure without a deployment": (
        "seeds",
        "flower.insecure = true\nseeds",
        ["flower.insecure", "flower-deployment"],
    ),
    "patience of no deployment": (
        "seeds",
        "flower.timeout_s = 9\nseeds",
        ["timeout_s", "engine of Flower's"],
    ),
    "a committee of everybody": (
        '"local_only"',
        '{key = "bflc", committee_size = 4}',
        ["strategy bflc: cannot run on task synthetic: it needs committee <= wanted", "committee is 4, wanted is 0"],
    ),
    "more peers than hospitals": (
        '"local_only"',
        '{key = "swarm_learning", min_peers = 5}',
        ["strategy swarm_learning: cannot run on task synthetic: it needs min_peers <= hospitals", "min_peers is 5"],
    ),
    "name of a folder elsewhere": ("seeds", 'name = "../up"\nseeds', ["name: write letters, digits"]),
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
    "unknown speed": (["--speed", "light=1"], ["speeds.light: there is no such field", "bits_per_s"]),
    "speed in words": (["--speed", "bits_per_s=fast"], ["speeds.bits_per_s", "number"]),
    "unknown track": (["--track", "third"], ["track", "'common', 'tuned' or 'published'"]),
    "tuned paper": (["--track", "tuned", "--strategy", "bflc"], ["bflc", '"tuned"', "common"]),
    "unknown training": (["--training", "momentum=1"], ["training.momentum: there is no such field", "learning_rate"]),
    "training in words": (["--training", "learning_rate=fast"], ["training.learning_rate", "number"]),
    "unknown engine": (["--engine", "abacus"], ["'abacus'", "cohort"]),
    "unknown ledger": (["--ledger", "stone"], ["'stone'", "evm"]),
    "unknown consensus": (["--consensus", "luck"], ["'luck'", "poa, pow"]),
    "an attack with too much": (["--attack", "sign_flip:0.3:4:9"], ["--attack", "KIND:SHARE:STRENGTH"]),
    "strength of an attack that has none": (["--attack", "free_rider:0.3:4"], ["attacks.0", "free_rider has none"]),
    "share of nobody": (["--attack", "none:0.3"], ["attacks.0", "nobody attacks"]),
    "a hospital absent twice": (["--absent", "hospital 1:1", "--absent", "hospital 1:2"], ["--absent", "named twice"]),
    "absent in no rounds": (["--absent", "hospital 1:"], ["--absent", "HOSPITAL for all rounds"]),
    "absent beyond the last round": (["--absent", "hospital 1:2,3"], ["faults.absent.hospital 1: round 3 is beyond"]),
    "a hospital late twice": (["--delay", "hospital 1:1", "--delay", "hospital 1:2"], ["--delay", "named twice"]),
    "insecure without a deployment": (["--insecure"], ["flower.insecure", "flower-deployment"]),
    "a cluster's address without a cluster": (["--ray-address", "auto"], ["--ray-address", "--jobs ray"]),
    "a reason for no suspect": (["--leak", "age=known before"], ["leaks: column 'age'", "none is suspected"]),
    "two reasons for a column": (["--leak", "x=a", "--leak", "x=b"], ["--leak", "named twice"]),
    "jobs in superscript": (["--jobs", "²"], ["--jobs '²'", "1 to 9999, or ray"]),
    "jobs of none": (["--jobs", "0"], ["--jobs '0'", "1 to 9999, or ray"]),
    "hidden units of none": (["--training", "network=logistic", "--training", "hidden=8"], ["training.hidden"]),
    "an unknown field of a partition": (["--partition", "iid:hopsitals=3"], ["partition.hopsitals", "'hospitals'"]),
    "a name with spaces": (["--name", "my plan"], ["name: write letters, digits", "'my plan'"]),
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


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_plan_in_utf_16(encoding: str, plan: Path, chainward) -> None:
    text = plan.read_text(encoding="utf-8")
    plan.write_bytes((text if encoding == "utf-16" else f"\ufeff{text}").encode(encoding))
    assert chainward("run", plan).complaint == f"chainward: {plan}: is UTF-16; save it as UTF-8"


AS_SAVED = {"BOM": lambda text: f"\ufeff{text}", "CRLF": lambda text: text.replace("\n", "\r\n")}


@pytest.mark.parametrize("saved", AS_SAVED)
def test_a_plan_as_other_editors_save_it_is_the_same_plan(saved: str, plan: Path, finished, chainward) -> None:
    plan.write_bytes(AS_SAVED[saved](plan.read_text(encoding="utf-8")).encode())
    again = chainward("run", plan, "--out", finished.folder)
    assert again.code == 0, again.err
    assert "4 of 4 trials are on record and skipped" in again.err


def test_a_plan_with_spaces_in_its_name(plan: Path, chainward) -> None:
    other = plan.rename(plan.with_name(" my plan (2).toml"))
    assert chainward("run", other, "--engine", "abacus").complaint.startswith(f"chainward: {other}: engine: ")


def test_a_home_folder_that_no_shell_wrote_out(plan: Path, finished, tmp_path: Path, chainward, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    again = chainward("run", f"~/{plan.name}", "--out", f"~/{finished.folder.relative_to(tmp_path)}")
    assert again.code == 0, again.err
    assert "4 of 4 trials are on record and skipped" in again.err


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
