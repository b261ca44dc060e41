"""A sweep on Ray gives the records a sweep in this process gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from chainward.errors import ChainwardError
from chainward.plans.plan import Plan
from chainward.testing import without_times
from chainward.trials import runner
from chainward.trials.on_ray import Cluster
from chainward.trials.runner import Place
from chainward.trials.sweep import sweep_of
from chainward.trials.workers import InProcess

PLAN = Plan.model_validate(
    {
        "name": "ray",
        "seeds": 2,
        "rounds": 2,
        "strategies": ["fedavg", "bflc"],
        "tasks": [{"key": "synthetic", "hospitals": 4, "patients": 40}],
    }
)


def records(out: Path, place: Place) -> dict[str, dict]:
    found: dict[str, dict] = {}
    jobs = sweep_of(PLAN, out).jobs
    runner.run(jobs, out, place, "cpu", lambda job, record: found.update({job.identifier: without_times(record)}))
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # Ray's own
def test_a_sweep_on_ray_gives_the_same_records(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra: pip install 'chainward[ray]'")
    here = records(tmp_path / "here", InProcess())
    assert len(here) == 4
    assert records(tmp_path / "there", Cluster()) == here
    assert not sweep_of(PLAN, tmp_path / "there").jobs  # the driver wrote them


@pytest.mark.slow
def test_a_cluster_that_is_away_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs the extra: pip install 'chainward[ray]'")
    with pytest.raises(ChainwardError, match="does not answer"):
        records(tmp_path, Cluster("127.0.0.1:1"))
