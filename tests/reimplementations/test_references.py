"""The references that train no network: what each hospital, or the centre, learns, and from whose patients."""

from __future__ import annotations

import numpy as np
import pytest

from chainward.methods import boosting, logistic
from chainward.testing.rounds import prepared, states
from chainward.testing.small import completed, run_whole, small
from chainward.trials.predict import model_of, predicted


def test_each_hospital_fits_its_own_logistic_regression() -> None:
    trial = prepared("local_logistic")
    (_, state) = states(trial)
    models = model_of(trial, state)
    assert trial.strategy.finished(state)
    for hospital in trial.dataset.hospitals:
        seed = int(trial.world.engine.sites.rng(hospital.name, "1/learn/1/learn").integers(2**31))  # type: ignore[attr-defined]
        expected = logistic.fit(hospital.train.features, hospital.train.labels, seed)
        assert models[hospital.name].tolist() == expected.tolist()


def test_a_hospital_that_was_absent_learns_when_it_is_back() -> None:
    trial = prepared("local_logistic", faults={"absent": {"hospital 2": [1]}})
    _, first, second = states(trial)
    assert (first.waiting, trial.strategy.finished(first)) == (("hospital 2",), False)
    assert (second.waiting, trial.strategy.finished(second)) == ((), True)
    assert set(second.learned) == set(trial.world.hospitals)


def test_a_hospital_that_never_answers_predicts_one_half() -> None:
    trial = prepared("local_logistic", faults={"absent": {"hospital 2": []}})
    found = predicted(trial, model_of(trial, states(trial)[-1]))
    assert set(found.probability[found.hospital == "hospital 2"]) == {0.5}
    assert 0.5 not in found.probability[found.hospital != "hospital 2"]


def test_boosted_trees_are_learned_from_the_training_patients_of_all() -> None:
    trial = prepared("gradient_boosting")
    state = states(trial)[-1]
    rows = [hospital.train for hospital in trial.dataset.hospitals]
    features, labels = (np.concatenate([getattr(part, name) for part in rows]) for name in ("features", "labels"))
    seed = int(trial.world.engine.sites.rng("centre 1", "1/learn/1/learn").integers(2**31))  # type: ignore[attr-defined]
    expected = boosting.fit(features, labels, seed)
    assert boosting.predict(state.trees, features, 3).tolist() == boosting.predict(expected, features, 3).tolist()


@pytest.mark.parametrize("params", [{"most_trees": 5}, {"depth": 1}, {"learning_rate": 0.5}])
def test_parameters_of_the_trees_are_used(params: dict[str, float]) -> None:
    plain, other = (run_whole(small("gradient_boosting", params=given)) for given in ({}, params))
    assert completed(plain.record).status == completed(other.record).status
    assert plain.predictions != other.predictions
