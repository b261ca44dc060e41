"""Seeds by their values and strategies' parameters on the command line, and plans by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainward.cli.overrides import _parameters
from chainward.plans import shipped
from chainward.results import store

SMALL = ("--task", "heart", "--rounds", 1, "--strategy", "fedavg", "--strategy", "two_cp", "--in-process")


def test_a_plan_by_name_with_seeds_and_parameters(tmp_path: Path, chainward) -> None:
    """Statistics take seeds that are not the first ones; a parameter makes another trial, and the record names it."""
    chosen = ("--seed", 7, "--seed", 3, "--param", "two_cp.setting=consortium", "--param", "fedavg.weighted=false")
    done = chainward("run", "line-up", *SMALL, *chosen, "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert {(row["strategy"], row["trials"]) for row in rows} == {("fedavg", 2), ("two_cp", 2)}
    assert all(row["auroc_low"] < row["auroc_mean"] < row["auroc_high"] and row["rank"] for row in rows)
    found = {(one.specification.strategy, one.specification.seed) for one in store.read_all(tmp_path)}
    assert found == {(key, seed) for key in ("fedavg", "two_cp") for seed in (3, 7)}
    assert {json.dumps(dict(one.specification.params)) for one in store.read_all(tmp_path)} == {
        '{"weighted": false}',
        '{"setting": "consortium"}',
    }


def test_the_largest_seed_runs(tmp_path: Path, plan: Path, chainward) -> None:
    done = chainward("run", plan, "--seed", 2**32 - 1, "--out", tmp_path / "report", "--in-process")
    assert done.code == 0, done.err


def test_a_file_here_that_hides_a_plan_is_said(tmp_path: Path, plan: Path, chainward, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan.rename("demo.toml")
    done = chainward("run", "demo", "--in-process", "--seeds", 1, "--json")
    assert done.err.startswith(f"the plan is demo.toml, not {shipped.place('demo')}\n")
    assert {row["task"] for row in json.loads(done.out)} == {"synthetic"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seeds", 2, "--seed", 1], "--seeds and --seed: give how many from 0, or values, not both"),
        (["--seed", 1, "--seed", 1], "seeds: write how many"),
        (["--seed", -1], "seeds: write how many"),
        (["--seed", 2**32], "seeds: write how many"),
        (["--param", "fedavg"], "--param 'fedavg': write STRATEGY.FIELD=VALUE"),
        (["--param", "weighted=1"], "--param 'weighted': write STRATEGY.FIELD=VALUE"),
        (["--param", "fedavg.=1"], "write STRATEGY.FIELD=VALUE"),
        (["--param", "fedavg.weighted="], "write STRATEGY.FIELD=VALUE"),
        (["--param", "fedavg.weigthed=1"], "did you mean 'weighted'"),
        (["--param", "fedavg.weighted=1", "--param", "fedavg.weighted=0"], "'fedavg.weighted' is given twice"),
        (["--param", "bflc.committee_size=2"], "the plan has no strategy 'bflc'"),
        (["--param", "fedavg.\x1b[31m=2"], r"printable characters, not '\x1b[31m'"),
        (["--param", f"fedavg.weighted={'[' * 100_000}"], "text has at most 1000 characters"),
    ],
)
def test_choices_that_cannot_be(options: list[object], told: str, plan: Path, tmp_path: Path, chainward) -> None:
    assert told in chainward("run", plan, "--out", tmp_path / "report", *options).complaint
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("consortium", "consortium"),
        ('"two words"', "two words"),
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ("inf", float("inf")),
        ("a=b", "a=b"),
        ("1\nother = 2", "1\nother = 2"),
    ],
)
def test_a_value_is_toml_or_json_or_text(text: str, value: object) -> None:
    assert _parameters((f"their-package:key.field={text}",)) == {"their-package:key": {"field": value}}
