from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")

from click.testing import CliRunner
from engine_runs import assert_agree, observe, prepared, run
from left_processes import commands, marked, nothing_left

from chainward.cli import group
from chainward.engines.flower.deployment.certificates import node_keys
from chainward.engines.flower.deployment.engine import DeploymentEngine
from chainward.engines.flower.deployment.federation import Federation
from chainward.engines.flower.engine import FlowerEngine
from chainward.engines.flower.hospital import Place
from chainward.engines.flower.store import DirectoryStore
from chainward.engines.local.sites import Sites
from chainward.errors import ChainwardError
from chainward.folders import CHECKOUT
from chainward.plans.plan import Plan
from chainward.results import store
from chainward.results.record import Record
from chainward.strategy import Strategy
from chainward.testing.small import completed, results_of, run_whole, small
from chainward.trials.prepare import Trial
from chainward.world import HospitalAbsent

ENGINE, EXPORTED = "flower-deployment", "explorer_chain"
TIMEOUT_S, PATIENCE_S = 20.0, 240.0  # for one exchange with a hospital that is gone; for what a busy machine does
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
        self.exchange = self.federation.exchange()

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


@pytest.mark.parametrize("key", os.environ.get("CHAINWARD_FLOWER_STRATEGIES", "bflc fedavg").split())
def test_agrees_with_cohort(key: str, deployment: Deployment) -> None:
    assert_agree(run(key, "cohort"), run(key, ENGINE, build=deployment.build))


def test_exported_app_runs_with_flwr_run(deployment: Deployment) -> None:
    """Beside another run on the same SuperNodes, each with memories of its own."""
    whole = run_whole(small(EXPORTED, "heart"))
    expected = completed(whole.record)
    record = completed(_record(deployment.app / "report", deployment.federation))
    mine = results_of(whole).opener.predictions(expected)
    theirs = store.PredictionFiles(deployment.app / "report").predictions(record)
    np.testing.assert_allclose(theirs.probability, mine.probability, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(theirs.patient, mine.patient)
    for ours, there in zip(expected.entries, record.entries, strict=True):
        assert there.bytes == ours.bytes
        assert there.disclosures == ours.disclosures
        tolerance = 0 if np.array_equal(mine.probability, theirs.probability) else 1e-3
        assert there.gas == pytest.approx(ours.gas, rel=tolerance)
    assert (record.measured.wire_bytes or 0) > sum(entry.bytes.parties for entry in record.rounds)


def _record(report: Path, federation: Federation) -> Record:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := list(report.glob("records/*.json")):
            return store.read(report, found[0].stem)
        time.sleep(0.2)
    raise AssertionError(federation.processes.tail("superlink"))


def test_strangers_and_listeners_are_not_let_in(deployment: Deployment, tmp_path: Path) -> None:
    """Without --insecure: TLS by the trial's own authority, and no SuperNode with a key that nobody registered."""
    federation = deployment.federation
    port = federation.port
    with pytest.raises((HTTPException, OSError)):
        answer(HTTPConnection("127.0.0.1", port, timeout=30))
    with pytest.raises(ssl.SSLCertVerificationError):
        answer(HTTPSConnection("127.0.0.1", port, timeout=30, context=ssl.create_default_context()))
    authority = ssl.create_default_context(cafile=str(federation.root / "tls" / "ca.pem"))
    assert answer(HTTPSConnection("127.0.0.1", port, timeout=30, context=authority)) >= 400  # nothing to see there
    private, _ = node_keys(tmp_path)
    name = next(iter(federation.places))
    assert federation.start(name, private).wait(timeout=PATIENCE_S) != 0
    assert federation.nodes[name].poll() is None


def answer(connection: HTTPConnection) -> int:
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_hospital_leaves_and_rejoins_with_its_memory() -> None:
    """Away in round 2: as under a plan's fault, except that here its process is gone."""
    two = {"rounds": 3, "task_params": {"hospitals": 2, "patients": 60}}
    with nothing_left():
        ready = prepared("local_only", ENGINE, "synthetic", engine_params={"timeout_s": TIMEOUT_S}, **two)
        world, engine = ready.world, ready.world.engine
        assert isinstance(engine, DeploymentEngine)
        away, _ = world.hospitals
        try:
            beside = partial(FlowerEngine, exchange=engine.exchange, places={})
            strict = prepared("swarm_learning", ENGINE, "synthetic", beside, params={"min_peers": 2}, **two)
            swarm = strict.strategy.open(strict.world)
            state = ready.strategy.open(world)
            for number in (1, 2, 3):
                world.begin(number)
                if number == 2:
                    engine.federation.leave(away)
                    refuses_by_name(strict, swarm, away)
                if number == 3:
                    rejoin(engine, away)
                state = ready.strategy.round(state, world)
                assert sorted(world.meter.missing) == ([away] if number == 2 else [])
            found = {name: engine.held(name, "weights") for name in world.hospitals}
        finally:
            engine.close()
    twin = prepared("local_only", "cohort", "synthetic", faults={"absent": {away: [2]}}, **two)
    observe(twin)
    for name, weights in found.items():
        np.testing.assert_allclose(weights, twin.world.engine.held(name, "weights"), rtol=1e-4, atol=1e-6)


def refuses_by_name(ready: Trial, state: Any, away: str) -> None:
    """The swarm wants two peers, so it cannot go on; it knows when the time for one exchange is over."""
    started = time.monotonic()
    ready.world.begin(1)
    with pytest.raises(HospitalAbsent, match=f"round 1 cannot go on without {away}"):
        ready.strategy.round(state, ready.world)
    assert time.monotonic() - started < 2 * TIMEOUT_S


def rejoin(engine: DeploymentEngine, name: str) -> None:
    """Start a hospital again and wait until it says who it is; until the SuperLink knows it, its old node is asked."""
    log, end = engine.federation.processes, time.monotonic() + PATIENCE_S
    known = log.text("superlink").count("Activated node_id")
    engine.federation.join(name)
    while log.text("superlink").count("Activated node_id") == known and time.monotonic() < end:
        time.sleep(0.1)
    while not engine.exchange.ask({name: ("hello", b"")}, "") and time.monotonic() < end:
        pass


HELPERS = Path(__file__).parents[1]
DRIVER = f"""
import time
from engine_runs import prepared

one = {{"hospitals": 1, "patients": 60}}
ready = prepared("fedavg", "{ENGINE}", "synthetic", engine_params={{"insecure": True}}, task_params=one)
ready.world.begin(1)
state = ready.strategy.round(ready.strategy.open(ready.world), ready.world)
print(float(abs(state.weights).sum()), flush=True)
time.sleep(600)
"""


def test_nothing_outlives_an_insecure_driver_that_was_killed() -> None:
    """Between two rounds of a trial, the first of which is that of the cohort."""
    with (
        nothing_left() as mark,
        subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, cwd=HELPERS) as driver,
    ):
        assert driver.stdout is not None
        moved = float(driver.stdout.readline())
        (link,) = (line for line in map(commands, marked(mark)) if "flower-superlink" in line)
        assert "--insecure" in link
        assert len(marked(mark)) > 4  # the driver, SuperLink and SuperNode with a helper each, the ServerApp
        driver.send_signal(signal.SIGKILL)
    twin = prepared("fedavg", "cohort", "synthetic", task_params={"hospitals": 1, "patients": 60}, rounds=1)
    assert np.abs(observe(twin).models[0][0]).sum() == pytest.approx(moved, rel=1e-4)


def test_a_trial_whose_superlink_dies_fails_by_name() -> None:
    """Long before the time for one exchange is over, and leaves nothing."""
    one = {"hospitals": 1, "patients": 60}
    with nothing_left():
        options = {"insecure": True, "timeout_s": PATIENCE_S}
        ready = prepared("fedavg", ENGINE, "synthetic", engine_params=options, task_params=one, rounds=2)
        world, engine = ready.world, ready.world.engine
        assert isinstance(engine, DeploymentEngine)
        try:
            world.begin(1)
            state = ready.strategy.round(ready.strategy.open(world), world)
            engine.federation.processes.end(engine.federation.link)
            world.begin(2)
            started = time.monotonic()
            with pytest.raises(ChainwardError, match="superlink ended with exit code -9"):
                ready.strategy.round(state, world)
            assert time.monotonic() - started < 10
        finally:
            engine.close()


def test_nothing_outlives_a_deployment_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainward.engines.flower.deployment.federation.START_S", 0.0)
    with nothing_left(), pytest.raises(ChainwardError, match="the SuperLink did not start"):
        prepared("fedavg", ENGINE)


@pytest.mark.parametrize("options", [(), ("--insecure",)])
def test_security_is_off_only_when_asked(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr("chainward.cli.progress.run_with_progress", lambda plan, *_: plans.append(plan))
    plan = str(CHECKOUT / "benchmarks" / "demo.toml")
    done = CliRunner().invoke(group, ["run", plan, "--engine", ENGINE, "--out", str(tmp_path), *options])
    assert done.exit_code == 0, done.output
    asked = [specification.engine_params for specification in plans[0].specifications()]
    assert asked == [{"insecure": True} if options else {}] * len(asked)
