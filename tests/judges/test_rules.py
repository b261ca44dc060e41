"""A rule that no judge could decide is refused before the first trial, by file, claim and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chainward.errors import ChainwardError
from chainward.judges import checked_claims
from chainward.plans.claims import SETTING, specifications_of
from chainward.strategy import discovery

TEXT = """\
[[claim]]
key = "one"
claim = "It works."
tier = "T1"
reproduced = "within 0.02"
partly = ""

[claim.judge]
name = "close_to"
statistic = "auroc"
quoted = 0.9
reproduced = 0.01
partly = 1

[[claim.trials]]
tasks = ["heart"]
strategies = ["fedavg"]
attacks = ["none"]
rounds = 30
track = "common"
seeds = 5
"""


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """FedAvg as if its file lay in a folder of its own."""
    monkeypatch.setattr(discovery, "source", lambda kind: tmp_path / "fedavg.py")
    return discovery.load("fedavg")


def write(folder: Path, old: str = "", new: str = "") -> None:
    assert old in TEXT
    (folder / "fedavg.toml").write_text(TEXT.replace(old, new), encoding="utf-8")


def test_a_rule_that_can_be_judged_is_taken(tmp_path: Path, kind: Any) -> None:
    write(tmp_path)
    (claim,) = checked_claims(kind)
    assert claim.judge == "close_to"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"close_to"', '"near"', r"judge.name: no judge is called 'near'; there is attackers_earn_less, "),
        ("quoted = 0.9\n", "", r"judge: close_to needs 'quoted'"),
        ("quoted = 0.9", "quote = 0.9", r"judge: close_to takes no 'quote'; it takes statistic, "),
        ("quoted = 0.9", 'quoted = "0.9"', r"judge.quoted: .* number .*'0.9'"),
        ("quoted = 0.9", "quoted = true", r"judge.quoted: .* number"),
        ('"auroc"', '"auprc"', r"judge.statistic: .*'auroc'.*'auprc'"),
    ],
)
def test_a_rule_that_cannot_is_refused(tmp_path: Path, kind: Any, old: str, new: str, told: str) -> None:
    write(tmp_path, old, new)
    with pytest.raises(ChainwardError, match=f"^fedavg.toml: claim 'one': {told}") as caught:
        checked_claims(kind)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", SETTING)
def test_a_setting_that_is_not_whole_is_refused(tmp_path: Path, kind: Any, field: str) -> None:
    (line,) = (line for line in TEXT.splitlines(keepends=True) if line.startswith(f"{field} = "))
    write(tmp_path, line)
    with pytest.raises(ChainwardError, match=f"^fedavg.toml: claim 'one': trials.0.{field}: missing; "):
        checked_claims(kind)


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ('"synthetic"', "hospitals: missing; say how many synthetic has here"),
        ('{ key = "synthetic", patients = 9 }', "hospitals: missing"),
        ('{ key = "synthetic_skewed", hospitals = 9 }', "patients: missing; say how many synthetic_skewed"),
    ],
)
def test_how_many_hospitals_and_patients_is_part_of_a_setting(tmp_path: Path, kind: Any, task: str, told: str) -> None:
    write(tmp_path, '["heart"]', f'["heart", {task}]')
    with pytest.raises(ChainwardError, match=rf"^fedavg.toml: claim 'one': trials.0.tasks.1.{told}"):
        checked_claims(kind)


def test_a_claim_that_the_published_code_decides_has_no_judge(tmp_path: Path, kind: Any) -> None:
    write(tmp_path, 'partly = ""', 'partly = ""\npublished_code = "It is empty."')
    with pytest.raises(ChainwardError, match=r"^fedavg.toml: claim 'one': .*published_code: is the verdict by itself"):
        checked_claims(kind)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('["heart"]', "[]", "trials.0: tasks: name at least 1"),
        ('["heart"]', '"heart"', "trials.0: tasks: "),
        ("[[claim.trials]]", "[[claim.trials]]\nparts = []", "trials.0.parts: write each as a table"),
        ('["heart"]', '["haert"]', "trials.0: .*did you mean 'heart'"),
        ('["fedavg"]', '["fedavgg"]', "trials.0: .*did you mean 'fedavg'"),
        ('["fedavg"]', '[{ key = "fedavg", w = 1 }]', "trials.0: .*no parameter 'w'"),
        ('["fedavg"]', '["fedavg"]\ncolour = 1', "trials.0: colour: "),
    ],
)
def test_trials_that_do_not_exist_are_refused(tmp_path: Path, kind: Any, old: str, new: str, told: str) -> None:
    write(tmp_path, old, new)
    with pytest.raises(ChainwardError, match=f"^fedavg.toml: claim 'one': {told}") as caught:
        list(specifications_of(kind, *discovery.claims(kind)))
    assert "\n" not in str(caught.value)
