"""The track "tuned": what is chosen, by whose patients, and that the record is that of the trial as chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from chainward.errors import ChainwardError
from chainward.plans.resolve import Resolved, resolve
from chainward.tasks.base import FederatedDataset, HospitalDataset
from chainward.testing.rounds import prepared as opened
from chainward.testing.rounds import states
from chainward.testing.small import completed, dataset, run_whole, small, without_times
from chainward.trials import tuning
from chainward.trials.checkpoint import Checkpoint
from chainward.trials.predict import model_of, validation_auroc
from chainward.trials.prepare import Make, prepared
from chainward.trials.tuning import choose, run_tuned

TUNED = ("fedavg", "local_only", "pooled")
HOSPITALS = dataset(small("fedavg")).hospitals
TOO_SMALL = {"learning_rate": 1e-3}


def tuned(key: str, **overrides: Any) -> Resolved:
    return resolve(small(key, track="tuned", **overrides))


def make(resolved: Resolved, patients: FederatedDataset | None = None) -> Make:
    return partial(prepared, dataset=patients or dataset(resolved.specification), device="cpu")


def with_hospitals(patients: FederatedDataset, hospitals: Iterable[HospitalDataset]) -> FederatedDataset:
    return replace(patients, hospitals=tuple(hospitals))


def best(key: str, names: list[str]) -> tuple[float, int]:
    """Rate and rounds of the trial, each run from its start, that predicts these hospitals' validation patients best:
    two rounds are asked for, so four at most are tried."""
    found = []
    for rate in (0.03, 0.1, 0.3, 0.9, 3.0):
        for rounds in (1, 2, 3, 4):
            trial = opened(key, rounds=rounds, training={"learning_rate": rate})
            model = model_of(trial, states(trial)[-1])
            own = model if isinstance(model, dict) else dict.fromkeys(names, model)
            rows = {hospital.name: hospital.validation for hospital in HOSPITALS if hospital.name in names}
            guesses = [trial.network.predict(own[name], part.features) for name, part in rows.items()]
            labels = np.concatenate([part.labels for part in rows.values()])
            found.append((log_loss(labels, np.concatenate(guesses), labels=[0, 1]), rounds, rate))
    _, rounds, rate = min(found)
    return rate, rounds


@pytest.mark.parametrize("key", ["fedavg", "pooled"])
def test_one_model_is_chosen_by_all_validation_patients(key: str) -> None:
    resolved = tuned(key)
    chosen = choose(resolved, make(resolved)).together
    assert (chosen.rate, chosen.rounds) == best(key, [hospital.name for hospital in HOSPITALS])


def test_a_hospital_that_trains_alone_chooses_by_its_own_validation_patients() -> None:
    resolved = tuned("local_only")
    own = choose(resolved, make(resolved)).own
    assert {name: (one.rate, one.rounds) for name, one in own.items()} == {
        hospital.name: best("local_only", [hospital.name]) for hospital in HOSPITALS
    }
    assert len({(one.rate, one.rounds) for one in own.values()}) > 1


def test_a_hospital_without_validation_patients_takes_what_is_best_for_all() -> None:
    resolved = tuned("local_only")
    whole = dataset(resolved.specification)
    first, *others = whole.hospitals
    nobody = replace(first.validation, **{name: part[:0] for name, part in vars(first.validation).items()})
    choice = choose(resolved, make(resolved, with_hospitals(whole, [replace(first, validation=nobody), *others])))
    assert (choice.own[first.name].rate, choice.own[first.name].rounds) == (
        choice.together.rate,
        choice.together.rounds,
    )


@pytest.mark.parametrize("key", TUNED)
def test_a_rate_that_is_far_too_small_is_raised_and_the_rounds_are_used_up(key: str) -> None:
    record = completed(run_whole(small(key, track="tuned", training=TOO_SMALL)).record)
    names = [name for name in record.numbers if name in ("learning_rate", "learning_rate_median")]
    assert [record.numbers[name] for name in names] == [0.01]
    assert record.facts.rounds_used == 4


@pytest.mark.parametrize(("key", "rounds"), [("fedavg", 2), ("pooled", 2), ("local_only", 1)])
def test_with_one_rate_and_the_last_round_best_it_is_the_plain_trial(
    key: str, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "RATES", (1.0,))
    monkeypatch.setattr(tuning, "ROUNDS", 1)
    trials = (small(key, track=track, rounds=rounds, training=TOO_SMALL) for track in ("tuned", "common"))
    tuned_one, plain = map(run_whole, trials)
    assert tuned_one.predictions == plain.predictions
    one, other = (without_times(completed(ended.record)) for ended in (tuned_one, plain))
    heading = {name: getattr(one, name) for name in ("id", "specification", "digests", "numbers")}
    assert one == replace(other, **heading)


@pytest.mark.parametrize("key", ["fedavg", "local_only"])
def test_no_test_patient_has_a_say(key: str) -> None:
    resolved = tuned(key, rounds=1)
    whole = dataset(resolved.specification)
    expected = choose(resolved, make(resolved, whole))

    @settings(max_examples=10)
    @given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 1e6]))
    def check(seed: int, scale: float) -> None:
        rng = np.random.default_rng(seed)

        def spoiled(hospital: HospitalDataset) -> HospitalDataset:
            rows = hospital.test
            features = (scale * rng.permutation(rows.features)).astype(rows.features.dtype)
            labels = 1 - rng.permutation(rows.labels)
            return replace(hospital, test=replace(rows, features=features, labels=labels))

        found = choose(resolved, make(resolved, with_hospitals(whole, map(spoiled, whole.hospitals))))
        assert (found.together, found.own, found.numbers) == (expected.together, expected.own, expected.numbers)

    check()


def test_a_rate_that_diverges_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "RATES", (1.0, 1e38))
    resolved = tuned("fedavg")
    assert choose(resolved, make(resolved)).together.rate == 0.3


def test_goes_on_from_a_checkpoint_to_the_same_result(tmp_path: Path) -> None:
    resolved, saved = tuned("local_only"), tmp_path / "checkpoint"
    first, before = run_tuned(resolved, make(resolved), Checkpoint(saved, interval_s=0.0))
    assert saved.is_file()
    again, after = run_tuned(resolved, make(resolved), Checkpoint(saved, interval_s=0.0))
    assert without_times(again) == without_times(first)
    assert after.probability.tolist() == before.probability.tolist()


@pytest.mark.parametrize("key", ["bflc", "explorer_pooled"])
def test_is_for_references_that_train_the_tasks_network(key: str) -> None:
    with pytest.raises(ChainwardError, match=f'{key} has no track "tuned"'):
        tuned(key)


def test_without_validation_patients_nothing_is_chosen() -> None:
    """Five patients a hospital leave none, and the fewest rounds at the smallest rate would be no floor."""
    few = tuned("fedavg", task="synthetic", task_params={"hospitals": 10, "patients": 4})
    with pytest.raises(ChainwardError, match="no hospital has validation patients"):
        choose(few, make(few))


def test_patients_who_train_do_not_choose() -> None:
    resolved = tuned("fedavg")
    whole = dataset(resolved.specification)
    alike = with_hospitals(whole, (replace(one, validation=one.train) for one in whole.hospitals))
    with pytest.raises(ChainwardError, match="validation patients train too"):
        choose(resolved, make(resolved, alike))


def test_numbers_are_of_hospitals_that_chose() -> None:
    absent = HOSPITALS[1].name
    resolved = tuned("local_only", faults={"absent": {absent: []}})
    found = choose(resolved, make(resolved))
    assert set(found.chose) == {hospital.name for hospital in HOSPITALS} - {absent}
    assert found.numbers["rounds_least"] == min(found.own[name].rounds for name in found.chose)


def test_a_round_in_which_somebody_diverged_has_no_validation_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of record goes on to the last round anybody chose, at a rate that may be too much for others by then."""
    trial = opened("local_only", rounds=1)
    states(trial)
    nothing = {hospital.name: np.full(len(hospital.validation), np.nan) for hospital in HOSPITALS}
    monkeypatch.setattr("chainward.trials.predict.probabilities", lambda *_: nothing)
    assert validation_auroc(trial, None) is None
