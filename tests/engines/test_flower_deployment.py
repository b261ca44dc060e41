from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from click.testing import CliRunner
from flower_runs import alive, assert_agree, marked, observe, prepared, run

from chainward.cli import group
from chainward.engines.flower_federation import Federation
from chainward.engines.flower_hospital import places
from chainward.testing.small import completed, run_small
from chainward.world import HospitalAbsent

ENGINE = "flower-deployment"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="starts real processes and counts them by /proc"),
]


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    before = alive()
    yield
    assert not alive() - before
    assert not marked("CHAINWARD_FLOWER=")


@pytest.mark.parametrize("key", os.environ.get("CHAINWARD_FLOWER_STRATEGIES", "bflc").split())
def test_agrees_with_cohort(key: str) -> None:
    assert_agree(run(key, "cohort"), run(key, ENGINE, engine_params={"timeout_s": 180}))


def test_hospital_leaves_and_rejoins_with_its_memory() -> None:
    """Away in round 2: as under a plan's fault, except that here its process is gone."""
    two = {"rounds": 3, "task_params": {"hospitals": 2, "patients": 60}}
    ready = prepared("local_only", ENGINE, "synthetic", engine_params={"timeout_s": 20}, **two)
    world, federation = ready.world, ready.world.engine.federation
    away, _ = world.hospitals
    try:
        state = ready.strategy.open(world)
        for number in (1, 2, 3):
            world.begin(number)
            if number == 2:
                federation.leave(away)
            if number == 3:
                join(federation, away)
            state = ready.strategy.round(state, world)
            assert sorted(world.meter.missing) == ([away] if number == 2 else [])
            if number == 2:
                with pytest.raises(HospitalAbsent, match=away):
                    world.engine.held(away, "weights")
        found = {name: world.engine.held(name, "weights") for name in world.hospitals}
    finally:
        world.engine.close()
    twin = prepared("local_only", "cohort", "synthetic", faults={"absent": {away: [2]}}, **two)
    observe(twin)
    for name, weights in found.items():
        np.testing.assert_allclose(weights, twin.world.engine.held(name, "weights"), rtol=1e-4, atol=1e-6)


def join(federation: Federation, name: str) -> None:
    """Start a hospital again and wait until the SuperLink knows of it."""
    known = federation.processes.text("superlink").count("Activated node_id")
    federation.join(name)
    end = time.monotonic() + 60
    while federation.processes.text("superlink").count("Activated node_id") == known and time.monotonic() < end:
        time.sleep(0.1)


def test_exported_app_runs_with_flwr_run(tmp_path: Path) -> None:
    app = tmp_path / "app"
    done = CliRunner().invoke(group, ["flower", "export", "fedavg", str(app), "--rounds", "3", "--json"])
    assert done.exit_code == 0, done.output
    rows = {hospital.name: hospital.train for hospital in prepared("fedavg", "cohort").cohort.hospitals}
    assert set(json.loads(done.output)["hospitals"]) == set(rows)
    root = tmp_path / "run"
    root.mkdir()
    federation = Federation(root, places(app / "hospitals", rows), insecure=False, timeout_s=120.0)
    try:
        federation.open()
        federation.submit(app, "")
        record = _record(app / "report" / "records", federation)
    finally:
        federation.processes.close()
    assert record["status"] == "completed", record["error"]
    expected = completed(run_small("fedavg", "heart"))
    np.testing.assert_allclose(
        record["predictions"]["probability"], expected["predictions"]["probability"], rtol=1e-4, atol=1e-6
    )
    assert [entry["bytes"] for entry in record["rounds"]] == [entry["bytes"] for entry in expected["rounds"]]
    assert record["measured"]["wire_bytes"] > sum(entry["bytes"]["parties"] for entry in record["rounds"])


def _record(folder: Path, federation: Federation) -> dict[str, Any]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if found := list(folder.glob("*.json")):
            return dict(json.loads(found[0].read_text()))
        time.sleep(0.2)
    raise AssertionError(federation.processes.tail("superlink"))


DRIVER = """
import sys, time
from pathlib import Path
from chainward.engines.flower_federation import Federation
from chainward.engines.flower_hospital import places
from chainward.tasks import load

root = Path(sys.argv[1])
hospital = load("heart").cohort(0).hospitals[0]
Federation(root, places(root, {hospital.name: hospital.train}), insecure=False, timeout_s=60.0).open()
print("open", flush=True)
time.sleep(600)
"""


def test_nothing_outlives_a_driver_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"open\n"
        assert len(marked("CHAINWARD_FLOWER=")) >= 2
        driver.send_signal(signal.SIGKILL)
    end = time.monotonic() + 10
    while marked("CHAINWARD_FLOWER=") and time.monotonic() < end:
        time.sleep(0.1)
    assert not marked("CHAINWARD_FLOWER=")


def test_stranger_is_not_let_in(tmp_path: Path) -> None:
    """A SuperNode whose key nobody registered gets no messages; TLS and authentication are on by default."""
    rows = {hospital.name: hospital.train for hospital in prepared("fedavg", "cohort").cohort.hospitals[:1]}
    federation = Federation(tmp_path, places(tmp_path / "hospitals", rows), insecure=False, timeout_s=60.0)
    try:
        federation.register = lambda _: None  # type: ignore[method-assign]
        federation.open()
        (node,) = federation.nodes.values()
        assert node.wait(timeout=30) != 0
    finally:
        federation.processes.close()
