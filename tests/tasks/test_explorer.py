import hashlib
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from chainward.errors import ChainwardError, DataMissing
from chainward.tasks import load, sources
from chainward.tasks.division import Division, Partition
from chainward.tasks.metrics import auroc

# Patients and positives of each training and test file (PAPERS.md, section 1).
SHIPPED = {
    "edin": (9, [(500, 109, 125, 27), (502, 110, 126, 28)], 0.963955),
    "ca": (2, [(56, 36, 14, 9), (56, 36, 15, 9)], 0.935185),
}


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """No data anywhere but in the folder given back."""
    monkeypatch.setenv("CHAINWARD_DATA", str(tmp_path / "given"))
    monkeypatch.setattr(sources, "folder", lambda: tmp_path / "user")
    folder = tmp_path / "given" / "explorer"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def invented(elsewhere, monkeypatch):
    """CA's four files with blanks where the published ones have them."""
    texts = {
        "ca_train_1.txt": "3160\t35.3    1\t\n5.8\t\t9.2     0\t\n",
        "ca_train_2.txt": "1 2 1 \n",
        "ca_test_1.txt": "4 5 0\t\n6 7 1\n",
        "ca_test_2.txt": "8 9 1\n",
    }
    for name, text in texts.items():
        (elsewhere / name).write_text(text)
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    monkeypatch.setattr(sources, "EXPLORER", replace(sources.EXPLORER, files=digests))
    return elsewhere


def test_files_become_sites_and_rows_stay_raw(invented):
    dataset = load("ca").dataset(0)
    first, second = dataset.hospitals
    assert first.train.features.tolist() == [[3160.0, 35.3], [5.8, 9.2]]
    assert first.train.features.dtype == first.train.labels.dtype == np.float64
    assert (first.train.labels.tolist(), second.test.labels.tolist()) == ([1, 0], [1])
    patients = [part.patients.tolist() for site in dataset.hospitals for part in (site.train, site.test)]
    assert patients == [[0, 1], [3, 4], [2], [5]]
    assert dataset.preprocessing == {"site 1": {}, "site 2": {}}


def test_no_seed_matters_and_validation_shows_the_training_rows(invented):
    first, second = load("ca").dataset(0), load("ca").dataset(7)
    assert first.digest == second.digest
    assert first.hospitals[0].validation is first.hospitals[0].train
    assert any("validation shows the training rows again" in note for note in first.notes)


def test_another_split_is_refused_in_one_line(invented):
    task = load("ca")
    assert task.refuses(Division()) is None
    for other in (Division("leave-one-hospital-out"), Division(partition=Partition("iid"))):
        assert task.refuses(other).startswith("comes split as published; ")
        with pytest.raises(ChainwardError, match="task ca: comes split as published; drop"):
            task.dataset(0, other)


def test_the_cohort_holds_every_row_once(invented):
    cohort = load("ca").cohort()
    assert cohort.frame["CA19"].tolist() == [3160, 5.8, 1, 4, 6, 8]
    assert (cohort.labels.tolist(), cohort.hospitals.tolist()) == ([1, 0, 1, 0, 1, 1], [0, 0, 1, 0, 0, 1])


def test_an_altered_file_is_refused(invented):
    (invented / "ca_test_2.txt").write_text("8 9 0\n")
    with pytest.raises(ChainwardError, match=r"ca_test_2.txt has SHA-256 .* replace it"):
        load("ca").dataset(0)


@pytest.mark.parametrize("key", SHIPPED)
def test_what_is_missing_is_said_in_one_line(key, elsewhere):
    lacking = load(key).requires()
    assert f"{key}_train_1.txt" in lacking
    assert "chainward data get explorer" in lacking
    assert "CHAINWARD_DATA" in lacking
    with pytest.raises(DataMissing) as caught:
        load(key).dataset(0)
    assert str(caught.value) == lacking


@pytest.mark.parametrize("key", SHIPPED)
def test_the_shipped_files(key):
    lacking = load(key).requires()
    if lacking:
        pytest.skip(lacking)
    features, sites, reference = SHIPPED[key]
    dataset = load(key).dataset(0)
    found = [
        (len(site.train), site.train.labels.sum(), len(site.test), site.test.labels.sum()) for site in dataset.hospitals
    ]
    assert found == sites
    assert len(dataset.feature_names) == dataset.hospitals[0].train.features.shape[1] == features
    train = [np.concatenate([getattr(site.train, of) for site in dataset.hospitals]) for of in ("features", "labels")]
    model = LogisticRegression(C=1e6, max_iter=20_000).fit(*train)
    scores = [auroc(site.test.labels, model.decision_function(site.test.features)) for site in dataset.hospitals]
    assert np.mean(scores) == pytest.approx(reference, abs=0.005)
