"""A whole plan in a folder: which of its trials are on record, and what is to be said of the others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chainward import tasks
from chainward.errors import ChainwardError
from chainward.files import replace_file
from chainward.plans.plan import Plan
from chainward.results import folder
from chainward.results.manifest import Manifest
from chainward.tasks.base import Task
from chainward.tasks.overview import Overview, overview
from chainward.trials.reasons import with_reasons
from chainward.trials.sweep import Sweep, sweep_of


def resumed(plan: Plan, out: Path) -> tuple[Sweep, tuple[str, ...]]:
    """Return what of a plan is to be run in a folder, and remarks on what lies there already.

    Trials that are run again are taken out of an earlier manifest, which else would call them changed.

    Raises:
        ChainwardError: the folder cannot be written, or a task's patients cannot be read.
    """
    manifest, remark = _manifest(out)
    sweep = with_reasons(sweep_of(plan, out, manifest), plan)
    remarks = [*remark, *(f"{problem}; it is run again" for problem in sweep.problems)]
    if sweep.skipped:
        remarks.append(f"{len(sweep.skipped)} of {len(sweep.identifiers)} trials are on record and skipped")
    if manifest:
        folder.forget(out, manifest, [job.identifier for job in sweep.jobs])
    return sweep, tuple(remarks)


def _manifest(out: Path) -> tuple[Manifest | None, tuple[str, ...]]:
    """The manifest of an earlier run; one that is no manifest, or not whole, tells nothing and is written anew."""
    if not (out / folder.MANIFEST).exists():
        return None, ()
    alone = "records are held against their own digests alone"
    try:
        manifest = folder.read_manifest(out)
    except ChainwardError as error:
        return None, (f"{error}: {alone}",)
    if not manifest.whole:
        return None, (f"the manifest's Merkle root does not belong to its files: {alone}",)
    return manifest, ()


@dataclass(frozen=True)
class PrivateTask:
    """A private task of a plan, what its table came to, what the plan says of suspected leaks, and where that lies."""

    task: Task
    found: Overview
    said: Mapping[str, str]
    path: Path


def private_tasks(plan: Plan, out: Path) -> Iterator[PrivateTask]:
    """Yield each private task of a plan, with what it came to written to `data/` in the folder of the report."""
    reasons: dict[Task, Mapping[str, str]] = {}
    for leaf in plan.leaves:
        for task in (tasks.load(entry.key, **entry.params) for entry in leaf.tasks):
            if task.private:
                reasons[task] = {**reasons.get(task, {}), **leaf.leaks}
    for number, (task, said) in enumerate(reasons.items(), 1):
        found = overview(task.cohort())
        path = out / "data" / (f"{task.key}.json" if number == 1 else f"{task.key}-{number}.json")
        replace_file(path, json.dumps(dataclasses.asdict(found), indent=2).encode() + b"\n")
        yield PrivateTask(task, found, said, path)
