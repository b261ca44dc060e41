from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the flower extra: pip install 'chainward[flower]'")
pytest.importorskip("ray", reason="needs the flower extra: pip install 'chainward[flower]'")

from engine_runs import assert_agree, prepared, run
from left_processes import nothing_left

from chainward.engines.flower.engine import FlowerEngine
from chainward.engines.local.sites import Sites
from chainward.errors import ChainwardError
from chainward.strategy import Strategy, discovery
from chainward.testing.small import run_small
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.prepare import EngineBuilder
from chainward.trials.run import run_trial
from chainward.world import FIT, Each

ENGINE = "flower-simulation"
pytestmark = pytest.mark.slow
PARAMS: dict[str, dict[str, Any]] = {"flwr:FedAdam": {"eta": 0.01}, "flwr:FedProx": {"proximal_mu": 0.5}}
KEYS = discovery.keys()
WITH_CONTRACTS = [key for key in KEYS if discovery.load(key).card.contracts]
NO = np.zeros(1, dtype=np.float32)


@pytest.fixture(scope="module", autouse=True)
def _no_orphans() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(scope="module")
def simulation() -> Iterator[EngineBuilder]:
    """One simulation for all strategies, which takes ten seconds to start; hospitals' memories are emptied between."""
    ready = prepared("fedavg", ENGINE)
    first: Any = ready.world.engine

    def build(sites: Sites, strategy: Strategy[Any]) -> FlowerEngine:
        sites.store = ready.world.store
        for place in first.places.values():
            place.remember({})
        return FlowerEngine(sites, strategy, first.exchange, first.places)

    yield build
    first.close()
    assert not any(place.directory.exists() for place in first.places.values())


@pytest.mark.parametrize("key", [*KEYS, *PARAMS])
def test_agrees_with_cohort(key: str, simulation: EngineBuilder) -> None:
    params = PARAMS.get(key, {})
    assert_agree(run(key, "cohort", params=params), run(key, ENGINE, build=simulation, params=params))


@pytest.mark.parametrize("kind", ["malformed", "silent", "false_score"])
@pytest.mark.parametrize("key", WITH_CONTRACTS)
def test_a_hostile_hospital_acts_in_its_own_process_as_in_the_cohort(
    key: str, kind: str, simulation: EngineBuilder
) -> None:
    attack = {"kind": kind, "share": 0.25, "strength": 1.0}
    assert_agree(run(key, "cohort", attack=attack), run(key, ENGINE, build=simulation, attack=attack))


def test_goes_on_from_a_checkpoint_with_the_hospitals_memories(tmp_path: Path, simulation: EngineBuilder) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", interval_s=0.0)
    first = prepared("local_only", ENGINE, rounds=1, build=simulation)
    run_trial(first, checkpoint)
    places = first.world.engine.places  # type: ignore[attr-defined]
    assert len({place.directory for place in places.values()}) == len(first.world.hospitals)
    for name, place in places.items():
        assert (place.name(), place.patients()) == (name, first.world.sizes[name])
        assert set(place.memory() or {}) == {"weights"}
    second = prepared("local_only", ENGINE, rounds=2, build=simulation)
    assert not any(place.memory() for place in places.values())
    _, again = run_trial(second, checkpoint)
    _, expected = run_trial(prepared("local_only", "cohort", rounds=2), Checkpoint())
    np.testing.assert_allclose(again.probability, expected.probability, rtol=1e-4, atol=1e-6)


def test_what_a_hospital_cannot_do_ends_the_trial_by_its_name(simulation: EngineBuilder) -> None:
    ready = prepared("fedavg", ENGINE, build=simulation)
    payload = Each({"Cleveland": ready.world.initial_weights(), "Hungary": NO})
    with pytest.raises(ChainwardError, match=r"Hungary: .*size"):
        ready.world.ask(("Cleveland", "Hungary"), FIT, payload)


def test_failed_trial_leaves_nothing() -> None:
    with nothing_left():
        record = run_small("swarm_learning", "heart", engine=ENGINE, rounds=1, params={"min_peers": 5})
    assert record.status == "failed"
