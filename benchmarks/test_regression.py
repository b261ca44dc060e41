"""The fixed plan of regression.toml against its baseline: gas, latency, bytes, disclosures, predictions and time."""

from __future__ import annotations

from regression import BASELINE, message, settled, specifications

from chainward.results import snapshots
from chainward.strategy import discovery


def test_nothing_changed_since_the_baseline() -> None:
    before = snapshots.read(BASELINE)
    told = message(before, settled(before, specifications()))
    assert not told, f"\n{told}\nwhere that is meant: `make baselines` renews the baseline and prints what changed"


def test_the_plan_has_every_paper_and_reference() -> None:
    assert {one.strategy for one in specifications()} == set(discovery.keys())
