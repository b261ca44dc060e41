"""Trials on a Ray cluster: each is a task, and the driver writes the records."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chainward.errors import ChainwardError

Job = TypeVar("Job")
Ended = TypeVar("Ended")


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster by address, e.g. "auto" or "ray://host:10001"; `None` starts one on this machine for the run."""

    address: str | None = None

    def results(self, jobs: Sequence[Job], attempt: Callable[[Job], Ended]) -> Iterator[tuple[Job, Ended]]:
        """Yield each job with its record as it comes; each takes one CPU.

        Raises:
            ChainwardError: Ray is not installed, the cluster is away, or a worker died.
        """
        ray = _ray()
        try:
            _knock(self.address)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # hints about defaults of its next release
                ray.init(address=self.address, log_to_driver=False, include_dashboard=False, configure_logging=False)
        except (OSError, ValueError) as error:
            raise ChainwardError(f"Ray at {self.address!r} does not answer: {str(error).splitlines()[0]}") from None
        try:

            def run(job: Job) -> Ended:  # Ray takes plain functions only
                return attempt(job)

            task = ray.remote(num_cpus=1)(run)
            running = {task.remote(job): job for job in jobs}
            while running:
                (ready, *_), _ = ray.wait(list(running), num_returns=1)
                yield running.pop(ready), ray.get(ready)
        except ray.exceptions.RayError as error:
            raise ChainwardError(
                f"a Ray worker was lost ({type(error).__name__}); start the same command again"
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
