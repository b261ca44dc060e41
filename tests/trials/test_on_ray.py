"""A sweep on Ray gives the records a sweep in this process gives."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving import install

from chainward.errors import ChainwardError
from chainward.plans.fields import Named
from chainward.plans.plan import Plan
from chainward.results.record import Record
from chainward.testing import without_times
from chainward.trials import runner
from chainward.trials.on_ray import Cluster
from chainward.trials.runner import Place
from chainward.trials.sweep import sweep_of
from chainward.trials.workers import InProcess

pytestmark = [
    pytest.mark.slow,
    # Ray's own
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _collect() -> Iterator[None]:
    """Let Ray's forgotten files be collected where they are forgiven."""
    yield
    gc.collect()


PLAN = Plan.model_validate(
    {
        "name": "ray",
        "seeds": 2,
        "rounds": 2,
        "strategies": ["fedavg", "bflc"],
        "tasks": [{"key": "synthetic", "hospitals": 4, "patients": 40}],
    }
)


def records(out: Path, place: Place) -> dict[str, Record]:
    found: dict[str, Record] = {}
    jobs = sweep_of(PLAN, out).jobs
    runner.run(jobs, out, place, "cpu", lambda job, record: found.update({job.identifier: without_times(record)}))
    return found


def test_a_sweep_on_ray_gives_the_same_records(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra: pip install 'chainward[ray]'")
    here = records(tmp_path / "here", InProcess())
    assert len(here) == 4
    assert records(tmp_path / "there", Cluster()) == here
    assert not sweep_of(PLAN, tmp_path / "there").jobs  # the driver wrote them


DEADLY = {
    "vanishes": ("os._exit(3)", "exit code 3"),
    "kills_ray": ("psutil.Process().parent().parent().kill()", "kills_ray on synthetic, seed 0"),
}


@pytest.mark.skipif(sys.platform != "linux", reason="a worker's grandparent is Ray's on Linux")
def test_a_worker_that_dies_costs_its_trial_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the extra: pip install 'chainward[ray]'")
    for key, (statement, _) in DEADLY.items():
        install(tmp_path / key, key, statement)
        monkeypatch.syspath_prepend(str(tmp_path / key))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    plan = PLAN.model_copy(update={"seeds": (0,), "strategies": tuple(Named(key=key) for key in (*DEADLY, "fedavg"))})
    found: dict[str, Record] = {}
    jobs = sweep_of(plan, tmp_path).jobs
    runner.run(jobs, tmp_path, Cluster(), "cpu", lambda job, record: found.update({job.specification.strategy: record}))
    assert found["fedavg"].status == "completed"
    for key, (_, part) in DEADLY.items():
        assert part in found[key].error.message


def test_a_cluster_that_is_away_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra: pip install 'chainward[ray]'")
    with pytest.raises(ChainwardError, match="does not answer"):
        records(tmp_path, Cluster("127.0.0.1:1"))
