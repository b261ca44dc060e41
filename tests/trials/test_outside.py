"""Hospitals that take no part in training: one that is left out, or one without a training patient in a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainward.plans.resolve import resolve
from chainward.plans.specification import Specification
from chainward.results import predictions
from chainward.tasks import load
from chainward.tasks.division import BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, Division
from chainward.testing.small import completed, dataset, run, run_whole, small
from chainward.trials.attempt import attempt
from chainward.trials.sweep import job_of

TIMELESS = (BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT)
TINY = {"hospitals": 20, "patients": 1}


def predicted_in(specification: Specification) -> predictions.Predictions:
    ended = run_whole(specification)
    completed(ended.record)
    assert ended.predictions is not None
    return predictions.decode(ended.predictions)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 20), st.integers(1, 3), st.integers(0, 9), st.sampled_from(TIMELESS))
def test_a_tiny_federation_trains_to_its_end(hospitals: int, patients: int, seed: int, split: str) -> None:
    sizes = {"hospitals": hospitals, "patients": patients}
    specification = Specification("fedavg", "synthetic_skewed", seed, 2, split=split, task_params=sizes)
    found, patients_of = predicted_in(specification), dataset(specification).everyone
    assert sorted(found.patient) == sorted(np.concatenate([hospital.test.patients for hospital in patients_of]))


@pytest.mark.parametrize("key", ["fedavg", "bflc", "explorer_chain", "pooled", "swarm_learning"])
def test_the_one_model_predicts_whoever_was_left_out(key: str) -> None:
    specification = small(key, split=LEAVE_ONE_HOSPITAL_OUT, seed=2)
    (left,) = dataset(specification).outside
    ended = run_whole(specification)
    record = completed(ended.record)
    assert ended.predictions is not None
    found = predictions.decode(ended.predictions)
    assert set(found.hospital) == {left.name}
    assert sorted(found.patient) == sorted(left.test.patients)
    assert left.name not in {hospital.name for hospital in record.hospitals}
    assert len(record.hospitals) == 5
    assert f"{left.name} has no training patient in this seed and sits out." in record.notes


@pytest.mark.parametrize("split", TIMELESS)
def test_who_trains_alone_has_no_model_for_the_others(split: str) -> None:
    specification = Specification("local_only", "synthetic", 3, 1, split=split, task_params=TINY)
    record = run(specification)
    assert record.status == "failed"
    assert record.error.type == "ChainwardError"
    names = [hospital.name for hospital in load("synthetic", **TINY).dataset(3, Division(split)).outside]
    assert record.error.message == f"local_only has no model for {names[0]}, which took no part in training"


def test_a_trial_whose_data_changed_since_it_was_named_fails_by_name() -> None:
    named = job_of(resolve(small("fedavg")))
    other = replace(named, specification=small("fedavg", seed=1))
    ended = attempt(other, None, "cpu")
    assert ended.record.status == "failed"
    assert "others than when this trial was named" in ended.record.error.message
