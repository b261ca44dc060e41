"""The folder listing is the list of tasks; what a plan gets wrong is said in one line."""

from dataclasses import FrozenInstanceError

import pytest

from chainward.errors import BadParameter, ChainwardError
from chainward.tasks import UnknownTask, load, names
from chainward.tasks.base import Task, Training


def test_the_listing_holds_tasks_and_no_helpers():
    assert {"heart", "edin", "ca", "synthetic", "synthetic_skewed"} <= set(names())
    assert not {"base", "explorer_files", "metrics", "partition", "preprocessing"} & set(names())


@pytest.mark.parametrize("key", names())
def test_every_task_declares_what_a_report_needs(key):
    task = load(key)
    assert isinstance(task, Task)
    assert task.key == key
    assert all(getattr(task, field) for field in ("title", "outcome", "citation", "licence", "rounds"))
    assert isinstance(task.training, Training)
    lacking = task.requires()
    assert lacking is None or "\n" not in lacking


def test_parameters_are_the_fields():
    task = load("synthetic", hospitals=3, size_skew=1)
    assert (task.hospitals, task.size_skew) == (3, 1.0)
    with pytest.raises(FrozenInstanceError):
        task.hospitals = 4


def test_an_unknown_task_gets_the_nearest_name():
    with pytest.raises(UnknownTask, match="no task 'hart': did you mean 'heart'"):
        load("hart")
    with pytest.raises(UnknownTask, match="choose one of arrhythmia, ca, csv, edin"):
        load("zzz")


@pytest.mark.parametrize(
    ("key", "params", "said"),
    [
        ("synthetic", {"hospital": 3}, "'synthetic' has no parameter 'hospital': did you mean 'hospitals'"),
        ("edin", {"folds": 3}, "'edin' has no parameter 'folds': it has none"),
        ("synthetic", {"hospitals": "3"}, "'synthetic', parameter 'hospitals': .*integer.*'3'"),
        ("synthetic", {"hospitals": 2.5}, "parameter 'hospitals'"),
        ("synthetic", {"hospitals": True}, "parameter 'hospitals'"),
        ("synthetic", {"hospitals": 0}, "'hospitals': .*greater than or equal to 1, not 0"),
        ("synthetic", {"label_skew": float("inf")}, "'label_skew'"),
    ],
)
def test_a_bad_parameter_names_task_and_field(key, params, said):
    with pytest.raises(BadParameter, match=said) as caught:
        load(key, **params)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, ChainwardError)
    assert "\n" not in str(caught.value)
