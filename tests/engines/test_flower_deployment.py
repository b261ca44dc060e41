from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from click.testing import CliRunner
from engine_runs import assert_agree, observe, prepared, run
from left_processes import marked, nothing_left

from chainward.cli import group
from chainward.engines.flower import FlowerEngine
from chainward.engines.flower_exchange import RemoteExchange
from chainward.engines.flower_federation import Federation
from chainward.engines.flower_hospital import Place, places
from chainward.engines.flower_store import DirectoryStore
from chainward.engines.sites import Sites
from chainward.strategy import Strategy
from chainward.testing.small import completed, run_small

ENGINE, EXPORTED = "flower-deployment", "explorer_chain"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="starts real processes and counts them by /proc"),
]


@pytest.fixture(scope="module", autouse=True)
def _no_orphans() -> Iterator[None]:
    with nothing_left():
        yield


@dataclass
class Deployment:
    """SuperNodes on the hospitals' folders of an exported app, which runs there while trials of the tests do."""

    app: Path
    federation: Federation

    def __post_init__(self) -> None:
        self.federation.open()
        self.federation.submit(self.app, "")
        self.exchange = RemoteExchange(self.federation.relay())

    def build(self, sites: Sites, strategy: Strategy[Any]) -> FlowerEngine:
        """An engine for one more trial, which begins without memories."""
        sites.store = DirectoryStore(self.app / "hospitals" / "store")
        for place in self.federation.places.values():
            place.remember({})
        return FlowerEngine(sites, strategy, self.exchange, self.federation.places)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    root = tmp_path_factory.mktemp("run")
    app = root / "app"
    done = CliRunner().invoke(group, ["flower", "export", EXPORTED, str(app), "--rounds", "3", "--json"])
    assert done.exit_code == 0, done.output
    folders = json.loads(done.output)["hospitals"]
    found = {name: Place(Path(folder), app / "hospitals" / "store") for name, folder in folders.items()}
    federation = Federation(root, found, insecure=False, timeout_s=180.0)
    try:
        yield Deployment(app, federation)
    finally:
        federation.processes.close()


@pytest.mark.parametrize("key", os.environ.get("CHAINWARD_FLOWER_STRATEGIES", "bflc").split())
def test_agrees_with_cohort(key: str, deployment: Deployment) -> None:
    assert_agree(run(key, "cohort"), run(key, ENGINE, build=deployment.build))


def test_exported_app_runs_with_flwr_run(deployment: Deployment) -> None:
    """Beside another run on the same SuperNodes, each with memories of its own."""
    expected = completed(run_small(EXPORTED, "heart"))
    record = completed(_record(deployment.app / "report" / "records", deployment.federation))
    mine, theirs = (np.array(one["predictions"]["probability"]) for one in (expected, record))
    np.testing.assert_allclose(theirs, mine, rtol=1e-4, atol=1e-6)
    assert record["predictions"]["patient"] == expected["predictions"]["patient"]
    for ours, there in zip((expected["setup"], *expected["rounds"]), (record["setup"], *record["rounds"]), strict=True):
        assert there["bytes"] == ours["bytes"]
        assert there["disclosures"] == ours["disclosures"]
        tolerance = 0 if np.array_equal(mine, theirs) else 1e-3
        assert there["gas"] == pytest.approx(ours["gas"], rel=tolerance)
    assert record["measured"]["wire_bytes"] > sum(entry["bytes"]["parties"] for entry in record["rounds"])


def _record(folder: Path, federation: Federation) -> dict[str, Any]:
    end = time.monotonic() + 240
    while time.monotonic() < end:
        if found := list(folder.glob("*.json")):
            return dict(json.loads(found[0].read_text()))
        time.sleep(0.2)
    raise AssertionError(federation.processes.tail("superlink"))


def test_hospital_leaves_and_rejoins_with_its_memory() -> None:
    """Away in round 2: as under a plan's fault, except that here its process is gone."""
    two = {"rounds": 3, "task_params": {"hospitals": 2, "patients": 60}}
    with nothing_left():
        ready = prepared("local_only", ENGINE, "synthetic", engine_params={"timeout_s": 20}, **two)
        world, federation = ready.world, ready.world.engine.federation  # type: ignore[attr-defined]
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
    with (
        nothing_left() as mark,
        subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], stdout=subprocess.PIPE) as driver,
    ):
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"open\n"
        assert len(marked(mark)) > 2
        driver.send_signal(signal.SIGKILL)


def test_stranger_is_not_let_in(tmp_path: Path) -> None:
    """A SuperNode whose key nobody registered gets no messages; TLS and authentication are on by default."""
    rows = {hospital.name: hospital.train for hospital in prepared("fedavg", "cohort").cohort.hospitals[:1]}
    federation = Federation(tmp_path, places(tmp_path / "hospitals", rows), insecure=False, timeout_s=60.0)
    with nothing_left():
        try:
            federation.register = lambda _: None  # type: ignore[method-assign]
            federation.open()
            (node,) = federation.nodes.values()
            assert node.wait(timeout=30) != 0
        finally:
            federation.processes.close()
