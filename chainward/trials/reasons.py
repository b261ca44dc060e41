"""Why a column may give the outcome away, as a plan says: a note in the record of each trial that it is true of."""

from __future__ import annotations

from dataclasses import replace

from chainward import tasks
from chainward.plans.plan import Plan
from chainward.tasks.base import Task
from chainward.tasks.leaks import suspects
from chainward.trials.sweep import Job, Sweep


def with_reasons(sweep: Sweep, plan: Plan) -> Sweep:
    """The sweep, with the plan's reasons among the notes of the jobs whose task has such a column."""
    told = {
        task: _notes(task, leaf)
        for leaf in plan.leaves
        if leaf.leaks
        for task in (tasks.load(entry.key, **entry.params) for entry in leaf.tasks)
    }
    return replace(sweep, jobs=tuple(_noted(job, told) for job in sweep.jobs)) if told else sweep


def _noted(job: Job, told: dict[Task, tuple[str, ...]]) -> Job:
    task = tasks.load(job.specification.task, **job.specification.task_params)
    return replace(job, notes=told.get(task, ()))


def _notes(task: Task, leaf: Plan) -> tuple[str, ...]:
    return tuple(
        f"Column {one.column} alone ({one.of}) reaches AUROC {one.auroc:.3f}. It may: {leaf.leaks[one.column]}"
        for one in suspects(task.cohort())
        if one.column in leaf.leaks
    )
