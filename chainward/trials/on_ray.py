"""Trials on a Ray cluster: each is a task, and the driver writes the records."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chainward.errors import ChainwardError
from chainward.results.store import Ended
from chainward.trials.attempt import failed
from chainward.trials.isolated import Limits
from chainward.trials.sweep import Job
from chainward.trials.worker import Endings, Work
from chainward.trials.workers import NO_LIMITS, Workers


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster by address, e.g. "auto" or "ray://host:10001"; `None` starts one on this machine for the run."""

    address: str | None = None
    limits: Limits = NO_LIMITS
    contended = True
    shares_disk = False

    def prepare(self) -> None:
        """Do nothing: a cluster is asked when there is something to do."""

    def results(self, jobs: Sequence[Job], work: Work, started: Callable[[Job], None]) -> Endings:
        """Yield each job with its record as it comes; each takes one CPU, in a process of its own at a Ray worker.

        Raises:
            ChainwardError: Ray is not installed, or the cluster is away.
        """
        with _connected(self.address) as ray:
            task = ray.remote(num_cpus=1, max_retries=0)(_alone)
            running = {}
            for job in jobs:
                started(job)
                running[task.remote(job, work, self.limits)] = job
            while running:
                (ready, *_), _ = ray.wait(list(running), num_returns=1)
                job = running.pop(ready)
                yield job, _ended(ray, ready, job)


def _alone(job: Job, work: Work, limits: Limits) -> Ended:
    """Run on the cluster: a worker of Ray makes many trials one after another, and each may end its process."""
    ((_, ended),) = Workers(1, limits).results([job], work, lambda _: None)
    return ended


def _ended(ray: Any, ready: Any, job: Job) -> Ended:
    """Return a record, a failed one where Ray lost the worker."""
    lost = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError)
    try:
        ended: Ended = ray.get(ready)
    except (*lost, ray.exceptions.RayTaskError) as error:
        return failed(job, type(error).__name__, f"{job.specification.label}: {str(error).strip().splitlines()[-1]}")
    return ended


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """Connect to a cluster and give Ray's module.

    Raises:
        ChainwardError: that fails, or the cluster goes away meanwhile.
    """
    ray = _ray()
    try:
        _knock(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hints about defaults of its next release
            ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
    except (OSError, ValueError) as error:
        raise ChainwardError(f"Ray at {address!r} does not answer: {str(error).splitlines()[0]}") from None
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ChainwardError(
            f"the Ray cluster is lost ({type(error).__name__}); start the same command again"
        ) from None
    finally:
        ray.shutdown()


def _knock(address: str | None) -> None:
    """Connect once to a cluster named by host and port: Ray itself tries for minutes, then ends the process."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise ChainwardError("--jobs ray needs Ray: pip install 'chainward[ray]'") from None
    return ray
