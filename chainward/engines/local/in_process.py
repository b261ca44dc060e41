"""What engines that hold all hospitals in one process share; they differ in how they train."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainward.engines.local.batches import Indices, schedule, seen
from chainward.engines.local.sites import Sites
from chainward.world import Answer, Held, Kind, Memory, Passes, Proximal, Query, Share, Site, Update


@dataclass(frozen=True, slots=True)
class Job:
    """One party's training: from which weights [P], on which rows [S, B] of its patients in each step.

    `mu` is the proximal term that holds it to those weights.
    """

    party: str
    weights: npt.NDArray[np.float32]
    schedule: Indices
    mu: float = 0.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """What training gave one party: weights [P], mean loss over the steps, measured seconds."""

    weights: npt.NDArray[np.float32]
    loss: float
    seconds: float


class InProcessEngine(ABC):
    """Runs local functions one party after another; `fit` trains the asked parties, at most `together` at a time."""

    apportioned = False
    together = 1

    def __init__(self, sites: Sites) -> None:
        self.sites = sites

    @abstractmethod
    def fit(self, jobs: list[Job]) -> list[Fitted]:
        """Train every job's network on its own patients."""

    def enrol(self, party: str, givers: Sequence[str]) -> Mapping[str, Share]:
        """Add a party that is not a hospital; see `Sites.enrol`."""
        return self.sites.enrol(party, givers)

    def run(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer]:
        """Run `query` at every party in `requests`."""
        if query.local is not None or not requests:
            found = {party: self.sites.run(party, query.steps, payload, label) for party, payload in requests.items()}
        else:
            found = self._trained(query, requests, label)
        return {party: answer for party, answer in found.items() if answer is not None}

    def _trained(self, query: Query, requests: Mapping[str, Any], label: str) -> dict[str, Answer | None]:
        """The answers of parties that train first, at most `together` at a time."""
        answers: dict[str, Answer | None] = {}
        for parties in np.array_split(list(requests), -(-len(requests) // self.together)):
            jobs = [self._job(str(party), requests[party], f"{label}/{query.name}") for party in parties]
            for job, fitted in zip(jobs, self._fitted(jobs), strict=True):
                answers[job.party] = self._answer(query.tail, job, fitted, label)
        return answers

    def snapshot(self) -> Mapping[str, Any]:
        """Return who was enrolled, and every party's memory."""
        return {"enrolled": dict(self.sites.enrolled), "memories": dict(self.sites.memories)}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Put back what `snapshot` returned."""
        for party, givers in snapshot["enrolled"].items():
            self.sites.enrol(party, givers)
        self.sites.memories.update(snapshot["memories"])

    def held(self, party: str, name: str) -> npt.NDArray[np.float32]:
        """Return the weights [P] a party holds; see `Sites.held`."""
        weights: npt.NDArray[np.float32] = self.sites.held(party, name)
        return weights

    def close(self) -> None:
        """End nothing: everything is in this process."""
        return

    def _fitted(self, jobs: list[Job]) -> list[Fitted]:
        """What training gives, those together that take as many steps."""
        found: dict[str, Fitted] = {}
        for steps in dict.fromkeys(len(job.schedule) for job in jobs):
            alike = [job for job in jobs if len(job.schedule) == steps]
            found.update(zip((job.party for job in alike), self.fit(alike), strict=True))
        return [found[job.party] for job in jobs]

    def _job(self, party: str, payload: Any, label: str) -> Job:
        training = self.sites.training
        start, mu = (payload.weights, payload.mu) if isinstance(payload, Proximal) else (payload, 0.0)
        patients, steps = len(self.sites.training_rows[party]), training.local_steps
        if isinstance(payload, Passes):
            start, steps = payload.weights, payload.passes * -(-patients // training.batch_size)
        weights = self.held(party, start.name) if isinstance(start, Held) else start
        rows = schedule(self.sites.rng(party, label), patients, steps, training.batch_size)
        return Job(party, np.asarray(weights, dtype=np.float32), rows, mu)

    def _answer(self, tail: Query | None, job: Job, fitted: Fitted, label: str) -> Answer | None:
        trained = Update(fitted.weights, len(self.sites.training_rows[job.party]), fitted.loss)
        update = self.sites.given(job.party, job.weights, trained, label)
        training = self.sites.training
        rows = seen(update.samples, len(job.schedule), training.batch_size)
        flops = 3.0 * self.sites.network.flops_per_row * rows
        spoiled = int(self.sites.spoils(job.party))
        steps = tail.steps if tail else (FITTED,)
        return self.sites.run(job.party, steps, update, label, flops, fitted.seconds, spoiled)


def _as_trained(_: Site, memory: Memory, update: Update) -> tuple[Update, Memory]:
    return update, memory


FITTED = Query("fitted", Kind.UPDATE, _as_trained)
"""Reply what training gave."""
