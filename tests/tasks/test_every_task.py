"""Every strategy runs on every task: one round at a few sites of forty patients, wherever a task's data are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import omop_made
import pytest

from chainward import tasks
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.testing.small import run

FORTY: Mapping[str, Any] = {"kind": "sample", "hospitals": 4, "patients": 40}
FEW: Mapping[str, Any] = {"kind": "iid", "hospitals": 3}
NATURAL: Mapping[str, Any] = {}

FORMS = [
    ("arrhythmia", {}, FORTY),
    ("ca", {}, NATURAL),  # comes split, and refuses to be dealt anew
    ("edin", {}, NATURAL),
    ("eicu", {"view": "summary"}, FEW),
    ("eicu", {"view": "hourly"}, FEW),
    ("heart", {}, FORTY),
    ("heart", {"variant": "flamby"}, FORTY),
    ("icu_physionet2012", {"view": "summary"}, FORTY),
    ("icu_physionet2012", {"view": "hourly"}, FORTY),
    ("mimic", {"view": "summary"}, FEW),
    ("mimic", {"view": "hourly"}, FEW),
    ("readmission", {}, FORTY),
    ("stroke", {"target": "death_14_days"}, FORTY),
    ("stroke", {"target": "dependent_6_months", "by": "country"}, FORTY),
    ("support", {}, FORTY),
    ("synthetic", {}, FORTY),
    ("synthetic_skewed", {}, FORTY),
]
"""Each task in each of its forms, and how its patients are dealt; those of a user's own data are below."""

OWN = ("csv", "meds", "omop")

THOUSANDS = {"icu_physionet2012", "mimic"}
"""Tasks with thousands of features an hour by hour: those who keep their covariance refuse them by name."""


def test_no_task_is_forgotten() -> None:
    assert {key for key, *_ in FORMS} | {*OWN} == set(tasks.names())


def failures(key: str, params: Mapping[str, Any], partition: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """What each strategy that did not run to its end says."""
    told = {}
    for strategy in sorted(discovery.keys()):
        quick = discovery.load(strategy).quick
        record = run(Specification(strategy, key, 0, 1, quick, task_params=params, partition=partition, **more))
        if record.status == "failed":
            told[strategy] = record.error.message
    return told


SQUARES = {"explorer_chain", "explorer_pooled", "glore_chain", "glore_pooled"}
"""They keep a number for any two features."""

MOST_PROVED = 185
"""Features of a step whose proof a contract can hold the key for."""


@pytest.mark.slow
@pytest.mark.parametrize(("key", "params", "partition"), FORMS)
def test_every_strategy_runs_on_it(key: str, params: Mapping[str, Any], partition: Mapping[str, Any]) -> None:
    if lacking := tasks.load(key, **params).requires():
        pytest.skip(lacking)
    told = failures(key, params, partition)
    many = key in THOUSANDS and params["view"] == "hourly"
    wide = len(tasks.load(key, **params).dataset(0).feature_names) > MOST_PROVED
    assert set(told) == (SQUARES if many else set()) | ({"verifiable_fl"} if wide else set()), told
    assert all("features" in message for message in told.values())


@pytest.mark.slow
def test_every_strategy_runs_on_somebodys_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal():.3f};{'ab'[n % 2]};{'ABCD'[n % 4]};{int(rng.random() < 0.4)}" for n in range(200)]
    table = tmp_path / "cohort.csv"
    table.write_text("\n".join(["lactate;ward;hospital;died", *rows]).replace(".", ","), encoding="utf-8")
    params = {"path": str(table), "label": "died", "site": "hospital"}
    assert failures("csv", params, FORTY, training={"learning_rate": 0.1}) == {}


@pytest.mark.slow
def test_every_strategy_runs_on_meds(tmp_path: Path) -> None:
    pytest.importorskip("meds", reason="needs the extra: pip install 'chainward[meds]'")
    import meds_made

    folder = meds_made.write(tmp_path)
    params = {"folder": str(folder), "labels": str(folder / "labels"), "site": "SITE//"}
    assert failures("meds", params, FORTY) == {}


@pytest.mark.slow
def test_every_strategy_runs_on_omop(tmp_path: Path) -> None:
    assert failures("omop", {"folder": str(omop_made.write(tmp_path))}, FORTY) == {}
