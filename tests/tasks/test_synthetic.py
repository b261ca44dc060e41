import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from chainward.errors import ChainwardError
from chainward.tasks.division import BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT, Division
from chainward.tasks.metrics import auroc
from chainward.tasks.synthetic import INTERCEPT, Synthetic
from chainward.tasks.synthetic_skewed import SyntheticSkewed


def everyone(hospital):
    return [
        np.concatenate([getattr(part, of) for part in (hospital.train, hospital.validation, hospital.test)])
        for of in ("features", "labels")
    ]


def pooled(dataset, part):
    return [
        np.concatenate([getattr(getattr(one, part), of) for one in dataset.hospitals]) for of in ("features", "labels")
    ]


def spread_of_prevalence(task):
    return np.std([everyone(hospital)[1].mean() for hospital in task.dataset(0).hospitals])


def spread_of_means(task):
    return np.std([everyone(hospital)[0].mean(axis=0) for hospital in task.dataset(0).hospitals], axis=0).mean()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 50), st.integers(1, 300), st.floats(0, 5))
def test_sizes_add_up_and_fall(hospitals, patients, skew):
    sizes = Synthetic(hospitals=hospitals, patients=patients, size_skew=skew).sizes()
    assert sizes.sum() == hospitals * patients
    assert sizes.min() >= 1
    assert np.all(np.diff(sizes) <= 1)


def test_a_negative_skew_gives_sizes_one_two_three():
    sizes = Synthetic(hospitals=6, patients=1000, size_skew=-1.0).sizes()
    assert np.abs(sizes / sizes.sum() - np.arange(1, 7) / 21).max() < 1e-3


def test_without_skew_hospitals_are_alike():
    task = Synthetic()
    assert set(task.sizes()) == {200}
    assert spread_of_prevalence(task) < 0.06
    assert spread_of_means(task) < 0.12


def test_each_dial_moves_its_own_thing():
    alike = Synthetic()
    assert np.log(Synthetic(size_skew=1.0).sizes()).std() > 0.5
    assert spread_of_prevalence(Synthetic(label_skew=1.0)) > 0.15
    shifted = Synthetic(covariate_skew=1.0)
    assert spread_of_means(shifted) > 4 * spread_of_means(alike)
    assert spread_of_prevalence(shifted) < 0.06


def truth(task):
    """The true probabilities and labels of all patients, by the task's own draws."""
    weights = task.weights()
    drawn = [task._draw(number, size, weights) for number, size in enumerate(task.sizes())]
    features, labels = (np.concatenate(column) for column in zip(*drawn, strict=True))
    return expit(INTERCEPT + features @ weights), labels


@pytest.mark.parametrize("skews", [{}, {"size_skew": 1.0, "label_skew": 1.0, "covariate_skew": 0.5}])
def test_best_auroc_is_that_of_the_true_probabilities(skews):
    tasks = [Synthetic(patients=5000, population=population, **skews) for population in range(4)]
    errors = [task.best_auroc() - auroc(*reversed(truth(task))) for task in tasks]
    assert np.mean(errors) == pytest.approx(0, abs=0.002)


def test_labels_follow_the_probabilities():
    probabilities, labels = truth(Synthetic(patients=5000, label_skew=1.0))
    for low in np.arange(0, 1, 0.2):
        inside = (probabilities >= low) & (probabilities < low + 0.2)
        assert labels[inside].mean() == pytest.approx(probabilities[inside].mean(), abs=0.015)


def test_a_pooled_model_comes_near_the_best_and_not_above():
    task = Synthetic(label_skew=0.5, covariate_skew=0.5)
    found = []
    for seed in range(5):
        dataset = task.dataset(seed)
        model = LogisticRegression().fit(*pooled(dataset, "train"))
        features, labels = pooled(dataset, "test")
        found.append(auroc(labels, model.predict_proba(features)[:, 1]))
    assert np.mean(found) == pytest.approx(task.best_auroc(), abs=0.015)


def test_the_trial_seed_only_chooses_who_is_tested():
    task = Synthetic(hospitals=3, patients=40)
    first, again, other = task.dataset(0), task.dataset(0), task.dataset(1)
    assert first.digest == again.digest != other.digest
    labels = [
        dict(zip(np.concatenate([p.patients for p in (h.train, h.validation, h.test)]), everyone(h)[1], strict=True))
        for dataset in (first, other)
        for h in dataset.hospitals
    ]
    assert labels[:3] == labels[3:]
    assert Synthetic(hospitals=3, patients=40, population=1).dataset(0).digest != first.digest


def test_a_hospital_stays_the_same_when_others_join():
    few, many = (Synthetic(hospitals=count, label_skew=1.0) for count in (2, 9))
    for number in range(2):
        ours, theirs = (task._draw(number, 50, task.weights()) for task in (few, many))
        assert all(np.array_equal(mine, other) for mine, other in zip(ours, theirs, strict=True))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 7), st.sampled_from([BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT]), st.floats(0, 2), st.integers(0, 5))
def test_a_note_tells_the_best_and_what_it_reaches_on_the_test_patients(seed, split, skew, population):
    task = Synthetic(hospitals=4, patients=30, label_skew=skew, size_skew=0.5, population=population)
    dataset = task.dataset(seed, Division(split))
    probabilities, labels = truth(task)
    tested = [patient for hospital in dataset.everyone for patient in hospital.test.patients]
    told = "this seed's test patients are of one class"
    if len(set(labels[tested])) == 2:
        told = f"on this seed's test patients it reaches {roc_auc_score(labels[tested], probabilities[tested]):.4f}"
    expected = f"Expected of the true score: AUROC {task.best_auroc():.4f} over the population"
    assert dataset.notes[0] == f"{expected}; {told}."


def test_the_best_is_good_and_not_perfect():
    assert 0.8 < Synthetic(hospitals=2).best_auroc() < 0.9


def test_one_patient_a_hospital_is_still_a_cohort():
    dataset = Synthetic(hospitals=12, patients=1).dataset(0)
    assert sum(len(everyone(hospital)[1]) for hospital in dataset.everyone) == 12


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20),
    st.integers(1, 3),
    st.floats(-2, 2),
    st.floats(0, 3),
    st.integers(0, 9),
    st.sampled_from([BY_PATIENT, LEAVE_ONE_HOSPITAL_OUT]),
)
def test_tiny_federations_are_split_or_refused_by_name(hospitals, patients, size_skew, label_skew, seed, split):
    task = SyntheticSkewed(hospitals=hospitals, patients=patients, size_skew=size_skew, label_skew=label_skew)
    if hospitals == 1 and (split == LEAVE_ONE_HOSPITAL_OUT or (patients == 1 and seed % 5 == 0)):
        with pytest.raises(ChainwardError, match="no hospital has a training patient"):
            task.dataset(seed, Division(split))
        return
    dataset = task.dataset(seed, Division(split))
    assert len(dataset.everyone) == hospitals
    assert all(len(hospital.train) for hospital in dataset.hospitals)
    parts = [part.patients for one in dataset.everyone for part in (one.train, one.validation, one.test)]
    assert sorted(np.concatenate(parts)) == list(range(hospitals * patients))


def test_the_skewed_form_is_the_same_task_with_its_dials_up():
    skewed = SyntheticSkewed()
    dials = {"size_skew": 0.5, "label_skew": 1.0, "covariate_skew": 1.0}
    assert skewed.dataset(0).digest == Synthetic(**dials).dataset(0).digest != Synthetic().dataset(0).digest
    assert spread_of_prevalence(skewed) > 0.2 > spread_of_prevalence(Synthetic(size_skew=0.5, covariate_skew=1.0))
