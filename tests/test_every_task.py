"""Every strategy runs on every task: one round at four sites of forty patients, wherever a task's data are at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chainward import tasks
from chainward.plans.specification import Specification
from chainward.strategy import discovery
from chainward.tasks.base import Task
from chainward.testing.small import run

AS_PUBLISHED = ("ca", "edin")
"""Tasks that come split and refuse to be dealt anew."""

VIEWS: Mapping[str, tuple[Mapping[str, Any], ...]] = {}
"""Parameters of tasks with several forms; all others are taken as they are."""


def ready(key: str, params: Mapping[str, Any]) -> Task:
    """The task, or a skip that says what its data need."""
    task = tasks.load(key, **params)
    if lacking := task.requires():
        pytest.skip(lacking)
    return task


def forms() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key in tasks.names():
        for params in VIEWS.get(key, ({},)):
            yield key, params


@pytest.mark.slow
@pytest.mark.parametrize(("key", "params"), [*forms()])
def test_every_strategy_runs_on_it(key: str, params: Mapping[str, Any]) -> None:
    ready(key, params)
    partition = {} if key in AS_PUBLISHED else {"kind": "sample", "hospitals": 4, "patients": 40}
    told = {}
    for strategy in sorted(discovery.keys()):
        record = run(Specification(strategy, key, 0, 1, task_params=params, partition=partition))
        if record.status == "failed":
            told[strategy] = record.error.message
    assert told == {}
