from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
pytest.importorskip("ray", reason="needs the flower extra: pip install 'chainward[flower]'")

from flower_runs import alive, assert_agree, prepared, run

from chainward import discovery
from chainward.testing.small import run_small
from chainward.trials import trial
from chainward.trials.checkpoint import Checkpoint

ENGINE = "flower-simulation"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    before = alive()
    yield
    end = time.monotonic() + 10
    while alive() - before and time.monotonic() < end:
        time.sleep(0.1)
    assert not alive() - before


@pytest.mark.parametrize("key", [*discovery.keys(), "flwr:FedAdam"])
def test_agrees_with_cohort(key: str) -> None:
    assert_agree(run(key, "cohort"), run(key, ENGINE))


def test_goes_on_from_a_checkpoint_with_the_hospitals_memories(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", interval_s=0.0)
    first = prepared("local_only", ENGINE, rounds=1)
    trial.run(first, checkpoint)
    places = first.world.engine._places
    assert len({place.directory for place in places.values()}) == len(first.world.hospitals)
    for name, place in places.items():
        assert (place.name(), place.patients()) == (name, first.world.sizes[name])
        assert set(place.memory() or {}) == {"weights"}
    first.world.engine.close()
    assert not any(place.directory.exists() for place in places.values())
    second = prepared("local_only", ENGINE, rounds=2)
    again = trial.run(second, checkpoint)
    second.world.engine.close()
    whole = prepared("local_only", "cohort", rounds=2)
    expected = trial.run(whole, Checkpoint())
    np.testing.assert_allclose(
        again["predictions"]["probability"], expected["predictions"]["probability"], rtol=1e-4, atol=1e-6
    )


def test_failed_trial_leaves_nothing_and_names_the_hospital() -> None:
    record = run_small("swarm_learning", "heart", engine=ENGINE, rounds=1, params={"min_peers": 5})
    assert record["status"] == "failed"
