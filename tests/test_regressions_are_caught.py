"""Three regressions made on purpose: the gates of `make regressions` catch each, and the message names the cause."""

from __future__ import annotations

import json
import runpy
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from regression import measured, regressions, specifications

from chainward.engines.local.cohort import CohortEngine
from chainward.plans.specification import Specification
from chainward.results.snapshots import Snapshot
from chainward.strategy import discovery

VARIANTS = Path(__file__).parent / "fixtures" / "contracts" / "extra_write"
NAP_S = 0.6


def small(strategy: str) -> Specification:
    """The trial of the plan with this strategy on synthetic patients, two rounds of it."""
    found = [one for one in specifications() if (one.strategy, one.task) == (strategy, "synthetic")]
    return replace(found[0], rounds=2)


FEDAVG, SWARM = small("fedavg"), small("swarm_learning")


@pytest.fixture(scope="module")
def before() -> Snapshot:
    return measured([FEDAVG, SWARM])


def of(snapshot: Snapshot, strategy: str) -> Snapshot:
    return replace(snapshot, lines=tuple(line for line in snapshot.lines if line.strategy == strategy))


def found(before: Snapshot, specification: Specification) -> list[str]:
    """What is beyond the gates when this trial is run now."""
    return [str(one) for one in regressions(of(before, specification.strategy), measured([specification]))]


@pytest.mark.parametrize("specification", [FEDAVG, SWARM], ids=lambda one: one.strategy)
def test_what_did_not_change_passes(before: Snapshot, specification: Specification) -> None:
    assert found(before, specification) == []


def test_an_extra_storage_write_is_caught_by_the_function_that_makes_it(
    before: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "artifact_folders", lambda kind: (VARIANTS,))
    gas, *others = found(before, SWARM)
    assert gas.startswith("gas of swarm_learning on synthetic: +")
    assert gas.partition("%): ")[2].startswith("SwarmLearning.checkIn +")
    assert [one.partition(" ")[0] for one in others] == ["latency", "bytes"]  # the contract itself is longer


def test_a_hospital_that_an_aggregation_drops_is_caught_by_the_accuracy(
    before: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[discovery.load("fedavg").__module__]
    whole = module.weighted_mean
    monkeypatch.setattr(module, "weighted_mean", lambda updates, weights: whole(updates[:-1], weights[:-1]))
    (accuracy,) = found(before, FEDAVG)
    assert accuracy.startswith("accuracy of fedavg on synthetic: predictions moved by up to 0.")
    assert "AUROC" in accuracy


def test_a_sleep_in_the_engine_is_caught_by_the_time(before: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    awake = CohortEngine.fit

    def drowsy(self, jobs):
        time.sleep(NAP_S)
        return awake(self, jobs)

    monkeypatch.setattr(CohortEngine, "fit", drowsy)
    (told,) = found(before, FEDAVG)
    assert told.startswith("time of fedavg on synthetic: 1.")
    assert "calibration kernel" in told


def test_the_variant_is_one_of_the_contract_as_it_is() -> None:
    """Else another change of the contract would be taken for the extra write; compile.py beside it renews it."""
    made = runpy.run_path(str(VARIANTS / "compile.py"))
    variant = json.loads((VARIANTS / "SwarmLearning.json").read_text(encoding="utf-8"))
    assert variant["variantOf"] == made["original"]()
    assert len(variant["bytecode"]) > 2
